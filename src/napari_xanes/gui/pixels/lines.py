"""Lines and paths that a user drew, in pixels of the image below them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from napari.layers import Shapes

from napari_xanes.gui.pixels.areas import given_name, is_region, region_colour
from napari_xanes.gui.pixels.region_changes import is_hidden
from napari_xanes.gui.pixels.spectra import Values
from napari_xanes.gui.placement import between

if TYPE_CHECKING:
    from napari.layers import Layer
    from napari.viewer import Viewer

_KINDS = ("line", "path")


class DrawnLine(NamedTuple):
    """A line: its layer and number in it (from 1), name, colour as ``#rrggbb``, corners (P, 2), and whether hidden."""

    layer: Layer
    number: int
    name: str
    colour: str
    corners: Values
    hidden: bool


def drawn_lines(viewer: Viewer, image: Layer) -> list[DrawnLine]:
    """Return the lines and paths of the visible layers of shapes, with corners (y, x) in pixels of an image layer."""
    found = []
    for layer in viewer.layers:
        if not (isinstance(layer, Shapes) and layer.visible and is_region(layer)):
            continue
        for number, (points, kind) in enumerate(zip(layer.data, layer.shape_type, strict=True), start=1):
            corners = between(layer, points, image)[:, -2:]
            if kind in _KINDS and np.ptp(corners, axis=0).any():  # one that is just begun has no length
                name = given_name(layer, number) or f"line {number}"
                colour, hidden = region_colour(layer, number), is_hidden(layer, number)
                found.append(DrawnLine(layer, number, name, colour, np.round(corners, 6), hidden))
    return found
