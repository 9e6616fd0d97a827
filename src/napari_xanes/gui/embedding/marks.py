"""Regions and pins as points in the embedding. No Qt."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_xanes.gui.embedding.model import Picture
from napari_xanes.gui.energy import energies_of
from napari_xanes.gui.pixels.areas import pixels_of

if TYPE_CHECKING:
    from napari.layers import Layer

    from napari_xanes.gui.state.pin_spectra import PinSpectrum
    from napari_xanes.gui.state.regions import Region

_MAX_POINTS = 3000
"""Largest number of points drawn per region."""


@dataclass(frozen=True, eq=False)
class Mark:
    """The mean of a region, or a pin, as a point in the plane."""

    name: str
    colour: str
    point: NDArray[np.float64]


def regions_in(
    picture: Picture, regions: Iterable[Region], stack: Layer, depth: tuple[int, ...]
) -> tuple[list[tuple[str, NDArray[Any]]], list[Mark]]:
    """Return colour and points (N, 2) of each region, and the means of the regions as marks.

    Parameters
    ----------
    picture : Picture
        The embedding of the stack.
    regions : iterable of Region
        Regions over the stack.
    stack : Layer
        The stack's layer.
    depth : tuple of int
        The slice (z,) of a volume that is shown; () for a stack without depth.
    """
    groups, marks = [], []
    for region in regions:
        points = picture.pixels[depth][pixels_of(region.layer, region.number, depth, stack)]
        groups.append((region.colour, points[:: max(1, len(points) // _MAX_POINTS)]))
        marks.append(Mark(region.name, region.colour, picture.point_of(energies_of(stack), region.mean)))
    return groups, marks


def pins_in(picture: Picture, pins: Iterable[PinSpectrum]) -> list[Mark]:
    """Return the pins on the stack of the picture as marks; those outside it are left out."""
    return [
        Mark(found.pin.name, found.pin.colour, picture.point_of(found.curve.energy, found.curve.values))
        for found in pins
        if found.curve is not None and found.pin.visible
    ]
