"""Maps and their colour bars lie within the picture, with room for texts."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from matplotlib.figure import Figure

from napari_xanes.picture_places import axes_in


@given(st.floats(1e-3, 1e3), st.tuples(st.floats(3, 10), st.floats(3, 10)))
def test_axes_have_the_shape_of_the_map_and_stay_inside(ratio: float, size: tuple[float, float]) -> None:
    figure = Figure(figsize=size)
    axes, bar = (one.get_position() for one in axes_in(figure, ratio))
    width, height = size
    assert abs(axes.height * height - ratio * axes.width * width) < 1e-6 * max(size)
    for place in (axes, bar):
        assert place.x0 >= 0
        assert place.y0 >= 0
        assert place.x1 <= 1
        assert place.y1 <= 1
    assert axes.x1 < bar.x0
    assert (1 - bar.x1) * width > 0.5, "room for its numbers"
    assert bar.height * height >= 0.8 - 1e-9
