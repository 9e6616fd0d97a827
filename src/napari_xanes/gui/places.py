"""Places on the sample, which stay where they are whichever stack is shown. No Qt."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from napari.layers import Layer

_ROUNDING = 1e-6
"""Pixels; a place in the middle of a pixel stays in it in spite of errors of the scale."""


@dataclass(frozen=True)
class Place:
    """A place on the sample and the width of the box around it.

    Parameters
    ----------
    point : tuple of float
        (y, x), or (z, y, x) in a volume, in the world of napari.
    unit : {"um", "pixel"}
        Unit of the point and the width. Pixels and lengths are compared as the same, because napari shows them so.
    width : float
        Width of the box whose spectra are averaged.
    """

    point: tuple[float, ...]
    unit: str = "um"
    width: float = 0.0


def place_at(layer: Layer, index: tuple[float, ...], box: int = 1) -> Place:
    """Return the place of a pixel (y, x) or (z, y, x) of a layer, with a box of some pixels around it.

    The layer may have an axis of energies in front.
    """
    n_axes = len(index)
    world = np.asarray(layer.data_to_world((0.0,) * (layer.ndim - n_axes) + tuple(index)))[-n_axes:]
    sizes = _in_um(layer, n_axes)
    unit = "pixel" if sizes is None else "um"
    factors = np.ones(n_axes) if sizes is None else sizes
    width = box * _pixel_width(layer) * float(factors[-1])
    return Place(tuple(float(value) for value in world * factors), unit, width)


def coordinates_of(place: Place, layer: Layer, n_axes: int) -> NDArray[np.float64]:
    """Return the data coordinates of a place on the last `n_axes` axes of a layer, not rounded.

    A place without a depth is at 0 there.
    """
    point = np.asarray(place.point[-n_axes:])
    factors = _factors(place, layer, point.size)
    world = np.zeros(layer.ndim)
    world[-point.size :] = point / factors
    return np.asarray(layer.world_to_data(world), dtype=np.float64)[-n_axes:]


def pixel_of(place: Place, layer: Layer, shape: tuple[int, ...], depth: tuple[int, ...]) -> tuple[int, ...] | None:
    """Return the pixel (y, x) or (z, y, x) of a stack layer at a place; None outside the stack.

    Parameters
    ----------
    place : Place
        The place; without a depth it lies in the slice that is shown.
    layer : Layer
        The layer of the stack.
    shape : tuple of int
        Shape of the stack without its axis of energies.
    depth : tuple of int
        The slice (z,) that is shown; () for a stack without depth.
    """
    found = np.floor(coordinates_of(place, layer, len(shape)) + 0.5 + _ROUNDING).astype(int)
    index = tuple(int(i) for i in found)
    if depth and len(place.point) < 3:
        index = (*depth, *index[-2:])
    return index if all(0 <= i < n for i, n in zip(index, shape, strict=True)) else None


def box_of(place: Place, layer: Layer) -> int:
    """Return the width of the box of a place in pixels of a layer: odd, at least 1, not wider than the box."""
    pixel = _pixel_width(layer) * float(_factors(place, layer, 1)[-1])
    count = int(place.width / pixel + _ROUNDING)
    return max(1, count - 1 + count % 2)


def to_plain(place: Place) -> dict[str, Any]:
    """Return a place as numbers and texts, for files."""
    return {"point": list(place.point), "unit": place.unit, "width": place.width}


def from_plain(plain: dict[str, Any]) -> Place:
    """Return the place of numbers and texts from a file.

    Raises
    ------
    ValueError
        If they are no place.
    """
    point, unit, width = tuple(float(v) for v in plain["point"]), str(plain["unit"]), float(plain["width"])
    if len(point) not in (2, 3) or unit not in ("um", "pixel") or not np.isfinite((*point, width)).all():
        raise ValueError(f"{plain!r} is no place; it needs two or three numbers, and the unit um or pixel")
    return Place(point, unit, width)


def _pixel_width(layer: Layer) -> float:
    """Return the width of a layer's pixel in its world, also if the layer is rotated."""
    step = np.zeros(layer.ndim)
    step[-1] = 1.0
    return float(np.linalg.norm(np.subtract(layer.data_to_world(step), layer.data_to_world(0.0 * step))))


def _factors(place: Place, layer: Layer, n_axes: int) -> NDArray[np.float64]:
    """Return how many units of a place are one unit of a layer, for its last axes."""
    sizes = _in_um(layer, n_axes) if place.unit == "um" else None
    return np.ones(n_axes) if sizes is None else sizes


def _in_um(layer: Layer, n_axes: int) -> NDArray[np.float64] | None:
    """Return the units of a layer's last axes in µm; None unless they are lengths."""
    units = [1.0 * unit for unit in layer.units[-n_axes:]]
    if not all(unit.check("[length]") for unit in units):
        return None
    return np.array([float(unit.to("um").magnitude) for unit in units])
