"""Spectra of pixels, boxes and regions of a stack. No Qt."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from napari.layers import Layer

Values = NDArray[np.float64]


MAX_REGIONS = 32
"""Largest number of regions in the plot: more curves could not be distinguished."""


def array_of(layer: Layer) -> Any:
    """Return the full-resolution data of a layer."""
    return layer.data[0] if getattr(layer, "multiscale", False) else layer.data


def in_memory(data: Any) -> bool:
    """Return whether the data are in memory; a memory map reads from disk."""
    return isinstance(data, np.ndarray) and not isinstance(data, np.memmap)


def pixel_at(layer: Layer, position: Sequence[float]) -> tuple[int, ...] | None:
    """Return the pixel (y, x) or (z, y, x) of a stack layer at a world position; None outside the image."""
    position_in_stack = layer.world_to_data(position)[1:]
    index = tuple(int(i) for i in np.floor(np.asarray(position_in_stack) + 0.5))
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
    *slices, y, x = index
    half = size // 2
    rows, columns = slice(max(y - half, 0), y + half + 1), slice(max(x - half, 0), x + half + 1)
    box = np.asarray(data[(slice(None), *slices, rows, columns)]).reshape(data.shape[0], -1)
    if box.shape[1] == 1:
        return box[:, 0].astype(np.float64)
    mean = box.mean(axis=1, dtype=np.float64)
    for i in np.flatnonzero(~np.isfinite(mean)):
        good = box[i][np.isfinite(box[i])]
        mean[i] = good.mean(dtype=np.float64) if good.size else np.nan
    return mean


def region_spectrum(data: Any, box: tuple[Any, ...], mask: NDArray[np.bool_]) -> tuple[Values, Values]:
    """Return the mean spectrum of a region and the standard deviation between its pixels.

    Parameters
    ----------
    data : array, shape (E, Y, X) or (E, Z, Y, X)
        The stack.
    box : tuple of slice or int
        Bounding box of the region, without the energy axis.
    mask : array of bool
        The region within its bounding box.

    Notes
    -----
    Each frame takes two dot products: six times faster than a boolean index, and without a copy of the box.
    """
    values = np.asarray(data[(slice(None), *box)])
    weights = mask.astype(np.float32).ravel()
    count = float(weights.sum())
    mean, spread = np.empty(len(values)), np.empty(len(values))
    for i, frame in enumerate(values):
        flat = frame.ravel().astype(np.float32, copy=False)
        mean[i] = flat @ weights / count
        if not np.isfinite(mean[i]):
            good = frame[mask & np.isfinite(frame)].astype(np.float64)
            mean[i], spread[i] = (good.mean(), good.std()) if good.size else (np.nan, np.nan)
            continue
        deviation = flat - np.float32(mean[i])
        # The mean of a large region loses digits in float32; the mean of the deviations restores them.
        shift = deviation @ weights / count
        deviation *= deviation
        mean[i] = float(np.float32(mean[i])) + shift
        spread[i] = np.sqrt(max(deviation @ weights / count - shift**2, 0.0))
    return mean, spread


def boxes_of(labels: NDArray[Any]) -> dict[int, tuple[tuple[slice, ...], NDArray[np.bool_]]]:
    """Return bounding box and mask within it of each label, for the lowest `MAX_REGIONS` labels."""
    from scipy.ndimage import find_objects

    top = int(labels.max(initial=0))
    if top <= 0:
        return {}
    # Counting is ten times faster than sorting, but needs memory for each number up to the largest.
    labels_in_use = np.flatnonzero(np.bincount(np.maximum(labels, 0).ravel())) if top < 2**16 else np.unique(labels)
    present = [int(label) for label in labels_in_use if label > 0][:MAX_REGIONS]
    if present[-1] < 2**16:
        places = find_objects(labels, max_label=present[-1])
        boxes = {label: places[label - 1] for label in present}
    else:
        boxes = {label: find_objects((labels == label).astype(np.uint8))[0] for label in present}
    return {label: (box, labels[box] == label) for label, box in boxes.items()}
