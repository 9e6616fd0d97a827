"""Text on pictures of maps."""

from __future__ import annotations

import numpy as np

from napari_xanes import MapSet, ParameterMap
from napari_xanes.pictures import _figure, draw_map


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
