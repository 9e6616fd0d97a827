"""Text on pictures of maps."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from napari_xanes import MapSet, ParameterMap, SpectralStack
from napari_xanes.colour_mix import ColourMix
from napari_xanes.pictures import _figure, _side_by_side, draw_map, save_colour_mix, save_frame, save_maps


def test_picture_of_a_volume_names_its_slice() -> None:
    sigma = np.full((3, 4, 5), 9.0, np.float32)
    sigma[1] = 0.25
    maps = MapSet({"edge_jump": ParameterMap(np.ones((3, 4, 5), np.float32), "OD", sigma)})
    axes = _figure(4, 4).add_subplot()
    draw_map(axes, maps, "edge_jump")
    assert axes.get_title() == "edge jump (OD), slice 2 of 3, median ± 0.25"


def test_an_image_has_no_slices() -> None:
    axes = _figure(4, 4).add_subplot()
    draw_map(axes, MapSet({"valence": ParameterMap(np.ones((4, 5), np.float32))}), "valence")
    assert axes.get_title() == "valence"


def test_white_is_zero_in_the_picture_of_a_difference() -> None:
    values = np.linspace(-0.2, 0.6, 20, dtype=np.float32).reshape(4, 5)
    axes = _figure(4, 4).add_subplot()
    draw_map(axes, MapSet({"valence difference": ParameterMap(values)}), "valence difference")
    (image,) = axes.images
    low, high = image.get_clim()
    assert (low, image.get_cmap().name) == (-high, "PiYG")
    assert high == np.percentile(values, 99)


def test_a_colour_mix_is_saved_with_its_triangle(tmp_path: Path) -> None:
    """The three full colours, which no pixel of the maps has, and the colour of the slice that is asked for."""
    from matplotlib.image import imread

    values = np.full((2, 4, 5), 0.5, np.float32)
    values[1] = 0
    maps = MapSet({name: ParameterMap(values, "OD") for name in "abc"}, pixel_size=(1.0, 0.1, 0.1))
    for depth, colour in ((0, 0.5), (1, 0.0)):
        save_colour_mix(maps, ColourMix(("a", "b", "c"), (1.0, 1.0, 1.0)), tmp_path / "mix.png", depth=depth)
        picture = imread(tmp_path / "mix.png")[..., :3]
        for full in np.eye(3):
            assert np.isclose(picture, full, atol=0.03).all(axis=-1).sum() >= 3
        assert np.isclose(picture[:, : picture.shape[1] // 2], colour, atol=0.01).all(axis=-1).sum() > 10_000


def test_the_overview_holds_the_pictures_of_all_main_maps(tmp_path: Path) -> None:
    from matplotlib.image import imread

    values = np.arange(20, dtype=np.float32).reshape(4, 5)
    parts = {name: ParameterMap(values + k, "OD", np.ones_like(values)) for k, name in enumerate("abcd")}
    parts["chi"] = ParameterMap(values, companion="OD")
    written = save_maps(MapSet(parts, pixel_size=0.1, metadata={"name": "particle"}), tmp_path)
    assert [path.name for path in written] == ["a.png", "b.png", "c.png", "d.png", "chi.png", "maps.png"]
    overview, pictures = imread(written[-1]), [imread(path) for path in written[:4]]
    height, width = pictures[0].shape[:2]
    top = overview.shape[0] - 2 * height
    assert overview.shape[1] == 3 * width
    for k, picture in enumerate(pictures):
        row, column = divmod(k, 3)
        part = overview[top + row * height : top + (row + 1) * height, column * width : (column + 1) * width]
        np.testing.assert_array_equal(part, picture)
    assert (overview[:top] < 0.5).any(), "the heading"
    assert (overview[top + height :, width:] == 1).all(), "nothing else"


@pytest.mark.parametrize("width", range(590, 600))
@pytest.mark.parametrize("number", [1, 2, 4])
def test_the_heading_is_as_wide_as_the_pictures(width: int, number: int) -> None:
    """Inches times dots per inch are 1793.9999 pixels for 1794, which Matplotlib 3.9 cuts to 1793."""
    picture = np.zeros((4, width, 4), np.uint8)
    assert _side_by_side([picture] * number, "title").shape[1] == min(number, 3) * width


@pytest.mark.parametrize("name", ["NiO $\\frac{$", "latin-\udce9", "試料"])
def test_names_are_drawn_as_they_are_written(tmp_path: Path, name: str) -> None:
    """A dollar in the name of a file, or of a reference, began a formula, and a result could not be saved."""
    ones = np.ones((4, 4), np.float32)
    maps = MapSet({name: ParameterMap(ones, "1", ones)}, metadata={"name": name})
    assert [path.name for path in save_maps(maps, tmp_path)][-1] == "maps.png"
    stack = SpectralStack(np.ones((2, 4, 4)), [700, 710], "counts", metadata={"name": name})
    save_frame(stack, tmp_path / "stack.png")
    assert (tmp_path / "stack.png").stat().st_size > 1000
