"""Regions and pins as points of a picture. Without Qt."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_xanes.gui.embedding.model import Picture
from napari_xanes.gui.energy import energies_of
from napari_xanes.gui.pixels.areas import pixels_of
from napari_xanes.gui.spectra.curves import ABSORPTION

if TYPE_CHECKING:
    from napari.layers import Layer

    from napari_xanes.gui.pixels.regions import Region
    from napari_xanes.gui.spectra.pin_set import Pin

_MOST_POINTS = 3000
"""Of a larger region so many points are drawn, spread over it."""


@dataclass(frozen=True, eq=False)
class Mark:
    """A spectrum that is shown as a point: a region's mean, or a pin."""

    name: str
    colour: str
    point: NDArray[np.float64]


def regions_in(
    picture: Picture, regions: Iterable[Region], stack: Layer, depth: tuple[int, ...]
) -> tuple[list[tuple[str, NDArray[Any]]], list[Mark]]:
    """The pixels of regions, a colour and points (N, 2) each, and the regions' means as marks.

    Parameters
    ----------
    picture : Picture
        Of the stack.
    regions : iterable of Region
        Over the stack.
    stack : Layer
        The stack's layer.
    depth : tuple of int
        The slice of a volume that is shown, (z,); nothing for a flat stack.
    """
    groups, marks = [], []
    for region in regions:
        points = picture.pixels[depth][pixels_of(region.layer, region.number, depth, stack)]
        groups.append((region.colour, points[:: max(1, len(points) // _MOST_POINTS)]))
        marks.append(Mark(region.name, region.colour, picture.point_of(energies_of(stack), region.mean)))
    return groups, marks


def pins_in(picture: Picture, pins: Iterable[Pin]) -> list[Mark]:
    """Pinned spectra as marks; those of counts have no place among absorption spectra."""
    return [
        Mark(pin.curve.name, pin.curve.colour, picture.point_of(pin.curve.energy, pin.curve.values))
        for pin in pins
        if pin.quantity in ABSORPTION
    ]
