"""Where a position lies in a layer. The world of a viewer has units of its own, and each layer may have others."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

if TYPE_CHECKING:
    from napari.layers import Layer
    from napari.viewer import Viewer

Points = NDArray[np.float64]


def to_data(viewer: Viewer, layer: Layer, position: Sequence[float]) -> Points:
    """Return the data coordinates of a world position, such as that of the cursor.

    napari moves the world to the smallest unit among its layers (0.9): beside a layer in nm, a world position is in nm.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        The viewer whose world the position belongs to.
    layer : Layer
        Any layer of the viewer.
    position : sequence of float
        World coordinates; the last ones belong to the layer.
    """
    world = np.asarray(position, dtype=np.float64)[-layer.ndim :]
    factors = _factors(viewer.dims.units, layer.units)
    return np.asarray(layer.world_to_data(world * factors[-world.size :]), dtype=np.float64)


def to_world(viewer: Viewer, layer: Layer, point: Sequence[float]) -> Points:
    """Return the world position of data coordinates; see `to_data`."""
    world = np.asarray(layer.data_to_world(point), dtype=np.float64)
    return world / _factors(viewer.dims.units, layer.units)


def between(layer: Layer, points: ArrayLike, other: Layer) -> Points:
    """Convert data coordinates of a layer to those of another layer, through scale, rotation, affine and units of both.

    Parameters
    ----------
    layer : Layer
        Where the points are given.
    points : array_like, shape (N, layer.ndim)
        Data coordinates.
    other : Layer
        Its last axes are those of the layer.

    Returns
    -------
    array, shape (N, other.ndim)
        Axes that the layer does not have are at 0 in the world. Units of different kinds (pixels and lengths) are
        compared as the same, because napari shows them so.
    """
    matrix, offset = _affine_of(layer)
    world = (np.atleast_2d(np.asarray(points, dtype=np.float64)) @ matrix.T + offset)[:, -other.ndim :]
    n_axes = world.shape[1]
    world = world * _factors(layer.units[-n_axes:], other.units[-n_axes:])
    full = np.hstack([np.zeros((len(world), other.ndim - n_axes)), world])
    matrix, offset = _affine_of(other)
    return np.asarray(np.linalg.solve(matrix, (full - offset).T).T)


def pixel_size_of(layer: Layer) -> tuple[float, ...] | None:
    """Return the pixel size of a stack layer's image in µm; None unless its units are lengths."""
    sizes = [abs(float(scale)) * unit for scale, unit in zip(layer.scale[1:], layer.units[1:], strict=True)]
    if not all(size.check("[length]") for size in sizes):
        return None
    return tuple(float(size.to("um").magnitude) for size in sizes)


def same_kind_of_units(layer: Layer, other: Layer) -> bool:
    """Return whether the image axes of both layers are in pixels, or both in lengths."""
    pairs = zip(layer.units[-2:], other.units[-2:], strict=True)
    return all(first.dimensionality == second.dimensionality for first, second in pairs)


def laid_over(stack: Layer, n_axes: int) -> dict[str, Any]:
    """Return the keywords that lay a new layer with the last `n_axes` axes of a stack over it."""
    keywords = {"units": stack.units[-n_axes:], "axis_labels": stack.axis_labels[-n_axes:]}
    matrix, offset = _affine_of(stack)
    if np.allclose(matrix, np.diag(stack.scale)):
        return keywords | {"scale": stack.scale[-n_axes:], "translate": offset[-n_axes:]}
    affine = np.eye(n_axes + 1)
    affine[:-1, :-1], affine[:-1, -1] = matrix[-n_axes:, -n_axes:], offset[-n_axes:]
    return keywords | {"affine": affine}


def place(layer: Layer, index: tuple[int, ...]) -> str:
    """Return the position of a pixel as text, in pixels and, if their size is known, in µm."""
    in_pixels = ", ".join(str(i) for i in reversed(index))
    size = layer.metadata["xanes"].get("pixel_size_um")
    if not size:
        return f"({in_pixels}) px"
    lengths = ", ".join(f"{i * s:.4g}" for i, s in reversed(list(zip(index, size, strict=True))))
    return f"({in_pixels}) px · ({lengths}) µm"


def _affine_of(layer: Layer) -> tuple[Points, Points]:
    """Return matrix and offset of a layer's way from data to world."""
    offset = np.asarray(layer.data_to_world(np.zeros(layer.ndim)), dtype=np.float64)
    columns = [np.asarray(layer.data_to_world(unit)) - offset for unit in np.eye(layer.ndim)]
    return np.stack(columns, axis=1), offset


def _factors(units: Sequence[Any] | None, into: Sequence[Any]) -> Points:
    """Return the factors that convert numbers from some units into others, as napari does; 1 where it does not."""
    if units is None or len(units) < len(into):
        return np.ones(len(into))
    return np.array([_factor(unit, target) for unit, target in zip(units[-len(into) :], into, strict=True)])


@lru_cache(maxsize=256)
def _factor(unit: Any, into: Any) -> float:
    if unit.dimensionality != into.dimensionality:
        return 1.0
    return float((1.0 * unit).to(into).magnitude)
