"""Spectra of pixels, boxes and regions of a stack. No Qt."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_xanes.computing import computed
from napari_xanes.gui.placement import to_data

if TYPE_CHECKING:
    from napari.layers import Layer
    from napari.viewer import Viewer

Values = NDArray[np.float64]


MAX_REGIONS = 32
"""Largest number of regions in the plot: more curves could not be distinguished."""


def array_of(layer: Layer) -> Any:
    """Return the full-resolution data of a layer."""
    return layer.data[0] if getattr(layer, "multiscale", False) else layer.data


def in_memory(data: Any) -> bool:
    """Return whether the data are in memory; a memory map reads from disk."""
    return getattr(data, "in_memory", isinstance(data, np.ndarray) and not isinstance(data, np.memmap))


def pixel_at(viewer: Viewer, layer: Layer, position: Sequence[float]) -> tuple[int, ...] | None:
    """Return the pixel (y, x) or (z, y, x) of a stack layer at a world position; None outside the image."""
    index = tuple(int(i) for i in np.floor(to_data(viewer, layer, position)[1:] + 0.5))
    shape = array_of(layer).shape[1:]
    return index if all(0 <= i < n for i, n in zip(index, shape, strict=True)) else None


def box_spectrum(data: Any, index: tuple[int, ...], size: int = 1) -> Values:
    """Return the mean spectrum of a box of pixels; NaN at energies where no pixel has a value.

    Parameters
    ----------
    data : array, shape (E, Y, X) or (E, Z, Y, X)
        The stack; only the box is read.
    index : tuple of int
        Pixel at the middle of the box.
    size : int
        Width and height of the box in pixels, odd. The box is cut off at the border of the image and one slice thick.
    """
    return _mean(computed(data[(slice(None), *index[:-2], *_around(index, size))]).reshape(data.shape[0], -1))


def _around(index: tuple[int, ...], size: int) -> tuple[slice, slice]:
    """Return the rows and columns of a box, cut off at the border of the image."""
    y, x = index[-2:]
    half = size // 2
    return slice(max(y - half, 0), y + half + 1), slice(max(x - half, 0), x + half + 1)


def _mean(box: NDArray[Any]) -> Values:
    """Return the mean over pixels of values (E, P); NaN at energies where no pixel has a value."""
    if box.shape[1] == 1:
        return box[:, 0].astype(np.float64)
    mean: Values = box.mean(axis=1, dtype=np.float64)
    for i in np.flatnonzero(~np.isfinite(mean)):
        good = box[i][np.isfinite(box[i])]
        mean[i] = good.mean(dtype=np.float64) if good.size else np.nan
    return mean


def box_spectra(data: Any, boxes: Sequence[tuple[tuple[int, ...], int]]) -> list[Values]:
    """Return the mean spectrum of each box, given by its middle pixel and its width; see `box_spectrum`.

    Boxes of a dask array are computed together, so that what they share is read once.
    """
    if not hasattr(data, "dask") or len(boxes) < 2:
        return [box_spectrum(data, index, size) for index, size in boxes]
    import dask.array as untyped

    da: Any = untyped
    n_energies = data.shape[0]
    cuts = [data[(slice(None), *(slice(i, i + 1) for i in index[:-2]), *_around(index, size))] for index, size in boxes]
    widths = [int(np.prod(cut.shape[1:])) for cut in cuts]
    flat = computed(da.concatenate([cut.reshape(n_energies, -1) for cut in cuts], axis=1))
    columns = np.split(flat, np.cumsum(widths)[:-1], axis=1)
    return [_mean(column) for column in columns]


def boxes_of(labels: NDArray[Any]) -> dict[int, tuple[tuple[slice, ...], NDArray[np.bool_]]]:
    """Return bounding box and mask within it of each label, for the lowest `MAX_REGIONS` labels and one more."""
    from scipy.ndimage import find_objects

    top = int(labels.max(initial=0))
    if top <= 0:
        return {}
    # Counting is ten times faster than sorting, but needs memory for each number up to the largest.
    labels_in_use = np.flatnonzero(np.bincount(np.maximum(labels, 0).ravel())) if top < 2**16 else np.unique(labels)
    present = [int(label) for label in labels_in_use if label > 0][: MAX_REGIONS + 1]
    if present[-1] < 2**16:
        places = find_objects(labels, max_label=present[-1])
        boxes = {label: places[label - 1] for label in present}
    else:
        boxes = {label: find_objects((labels == label).astype(np.uint8))[0] for label in present}
    return {label: (box, labels[box] == label) for label, box in boxes.items()}
