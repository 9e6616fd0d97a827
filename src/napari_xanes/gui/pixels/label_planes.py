"""Labels of a layer on the pixels of a stack, through scale, position, rotation and units of both."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Labels
from numpy.typing import NDArray

from napari_xanes.gui.pixels.spectra import array_of
from napari_xanes.gui.placement import between, same_kind_of_units

if TYPE_CHECKING:
    from napari.layers import Layer

_ROUNDING = 1e-6
"""Pixels; a border that lies in the middle of a pixel stays on one side of it in spite of errors of the scale."""

_TRIED = 64
"""Rows and columns at which a layer is tried whether it lies over a stack."""


@dataclass(frozen=True)
class Grid:
    """Where the pixels (y, x) of a stack's image lie in a labels layer: ``origin + y * down + x * right``.

    Parameters
    ----------
    shape : tuple of int
        Rows and columns of the stack.
    origin, down, right : array, shape (2,)
        Row and column in the layer of the first pixel, and their change with each row and each column.
    plane : int or None
        The slice of the layer; None if it has none, or labels at each energy.
    """

    shape: tuple[int, int]
    origin: NDArray[np.float64]
    down: NDArray[np.float64]
    right: NDArray[np.float64]
    plane: int | None

    def is_same(self, shape: tuple[int, ...]) -> bool:
        """Return whether the pixels of a layer of this shape are those of the stack, up to half a pixel."""
        height, width = self.shape
        ends = np.array([self.origin + y * self.down + x * self.right for y in (0, height - 1) for x in (0, width - 1)])
        own = np.array([(y, x) for y in (0, height - 1) for x in (0, width - 1)])
        return shape[-2:] == self.shape and bool((np.abs(ends - own) < 0.5 - _ROUNDING).all())

    def places(self, rows: NDArray[Any], columns: NDArray[Any]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Return the nearest rows and columns in the layer for rows and columns of the stack, broadcast together."""
        found = [
            np.floor(self.origin[i] + self.down[i] * rows + self.right[i] * columns + 0.5 + _ROUNDING).astype(np.intp)
            for i in (0, 1)
        ]
        return found[0], found[1]

    def sample(self, labels: NDArray[Any]) -> NDArray[Any]:
        """Return labels (Y, X) of the layer on the pixels of the stack, 0 outside the layer."""
        if self.is_same(labels.shape):
            return labels
        height, width = self.shape
        y, x = np.arange(height)[:, np.newaxis], np.arange(width)[np.newaxis]
        if not self.right[0] and not self.down[1]:  # not rotated: a row of the stack is one of the layer
            rows, columns = self.places(y, x[:, :1])[0], self.places(y[:1], x)[1]
        else:
            rows, columns = self.places(y, x)
        inside = (rows >= 0) & (rows < labels.shape[0]) & (columns >= 0) & (columns < labels.shape[1])
        clipped = labels[np.clip(rows, 0, labels.shape[0] - 1), np.clip(columns, 0, labels.shape[1] - 1)]
        return np.where(inside, clipped, labels.dtype.type(0))


def grid_of(layer: Labels, depth: tuple[int, ...], stack: Layer) -> Grid:
    """Return where the pixels of a stack's image lie in a labels layer; in a volume, those of the slice (z,)."""
    height, width = array_of(stack).shape[-2:]
    before = (0, *(depth or (0,) * (stack.ndim - 3)))
    corners = [(*before, *corner) for corner in ((0, 0), (height, 0), (0, width))]
    first, below, beside = np.round(between(stack, corners, layer), 9)
    down, right = (below - first)[-2:] / height, (beside - first)[-2:] / width
    plane = round(float(first[-3])) if layer.ndim > 2 and stack.ndim == 4 else None
    # Differences of rounding are no rotation.
    down[1], right[0] = (value if abs(value) > 1e-9 else 0.0 for value in (down[1], right[0]))
    return Grid((height, width), first[-2:], down, right, plane)


def labels_over(layer: Labels, depth: tuple[int, ...], stack: Layer) -> Callable[[], NDArray[Any]]:
    """Return a function that gives the labels (Y, X) of the stack's image that is shown. It may run in any thread.

    A layer made with napari's own button has labels at each energy: a pixel that is brushed at any of them belongs to
    the region.
    """
    grid, data = grid_of(layer, depth, stack), layer.data

    def read() -> NDArray[Any]:
        planes = data
        if grid.plane is not None:
            if not 0 <= grid.plane < data.shape[-3]:
                return np.zeros(grid.shape, np.uint8)
            planes = data[..., grid.plane, :, :]
        labels = np.asarray(planes)
        return grid.sample(labels.max(axis=0) if labels.ndim > 2 else labels)

    return read


def why_not_over(layer: Layer, stack: Layer) -> str:
    """Return why a layer gives no regions of a stack, with what to do; no text if it does."""
    if not isinstance(layer, Labels):
        return ""
    shape, image = tuple(array_of(layer).shape), tuple(array_of(stack).shape)
    if layer.multiscale:
        return f"{layer.name!r} has several resolutions; extract the finest one (right-click the layer)"
    if isinstance(layer.metadata.get("xanes"), dict) and layer.metadata["xanes"].get("kind") == "stack":
        return f"{layer.name!r} was converted from a stack: its labels are values, not regions"
    if layer.ndim > stack.ndim or (layer.ndim == stack.ndim and shape[0] not in (1, image[0])):
        return (
            f"{layer.name!r} has the shape {shape}, the stack {image}: use labels of {image[1:]} or {image[-2:]} pixels"
        )
    depths: list[tuple[int, ...]] = [(z,) for z in range(image[1])] if stack.ndim == 4 else [()]
    grids = [grid_of(layer, depth, stack) for depth in (depths if layer.ndim > 2 else depths[:1])]
    if not same_kind_of_units(layer, stack) and not grids[0].is_same(shape):
        units = f"{layer.units[-1]}s" if str(layer.units[-1]) == "pixel" else str(layer.units[-1])
        return (
            f"{layer.name!r} is in {units}, the stack in {stack.units[-1]}: give the layer the scale and units of the "
            f"stack, layer.scale = {tuple(round(float(s), 6) for s in stack.scale[-2:])}"
        )
    if not any(_meet(grid, shape) for grid in grids):
        return f"{layer.name!r} lies beside the stack: move it, or correct its scale and translate"
    return ""


def _meet(grid: Grid, shape: tuple[int, ...]) -> bool:
    """Return whether any pixel of the stack lies in a layer of this shape."""
    if grid.plane is not None and not 0 <= grid.plane < shape[-3]:
        return False
    y, x = (np.unique(np.linspace(0, n - 1, _TRIED).round()) for n in grid.shape)
    rows, columns = grid.places(y[:, np.newaxis], x[np.newaxis])
    return bool(((rows >= 0) & (rows < shape[-2]) & (columns >= 0) & (columns < shape[-1])).any())
