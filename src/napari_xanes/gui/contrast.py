"""Display limits of stacks: computed at once for data in memory, in a worker thread for data in a file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from weakref import ref

import numpy as np
from numpy.typing import NDArray

from napari_xanes.computing import computed

if TYPE_CHECKING:
    from napari.layers import Image

Limits = tuple[float, float]

_SAMPLE_SIZE = 1_000_000

PENDING_LIMITS: Limits = (0.0, 1.0)
"""Limits of a lazy stack until its first frames are read."""


def display_limits(data: Any) -> Limits:
    """Return display limits from a few frames of a stack (E, ...), or `PENDING_LIMITS` if the stack is lazy."""
    if not isinstance(data, np.ndarray):
        return PENDING_LIMITS
    return _percentile_range(data[tuple(slice(None, None, max(1, n // 4)) for n in data.shape[:-2])])


def subsample(values: NDArray[Any]) -> NDArray[Any]:
    """Return about a million evenly spaced values: sorting a whole volume would freeze the window."""
    # Image widths are mostly even: an odd step samples all columns, an even one only a few.
    return values.ravel()[:: values.size // _SAMPLE_SIZE | 1]


def set_limits_in_background(layer: Image) -> None:
    """Set the display limits of a lazy layer from a few frames, which a worker thread reads."""
    from napari.qt.threading import create_worker

    if isinstance(layer.data, np.ndarray) or tuple(layer.contrast_limits) != PENDING_LIMITS:
        return
    layer_ref = ref(layer)

    def show(limits: Limits) -> None:
        layer = layer_ref()
        if layer is not None and tuple(layer.contrast_limits) == PENDING_LIMITS:
            layer.contrast_limits = layer.contrast_limits_range = limits

    # Errors are ignored here: napari reports the same error when it shows the frame.
    create_worker(_limits_of_three_frames, layer.data, _connect={"returned": show}, _ignore_errors=True)


def _limits_of_three_frames(data: Any) -> Limits:
    """Return the limits of the first, middle and last frame: before an edge and after it, values differ much."""
    depth = tuple(n // 2 for n in data.shape[1:-2])
    return _percentile_range(np.stack([computed(data[(i, *depth)]) for i in (0, len(data) // 2, -1)]))


def _percentile_range(values: Any) -> Limits:
    """Return the range without the lowest and highest 0.5 % of values, from every fourth row and column."""
    sample = np.asarray(values[..., ::4, ::4])
    finite = sample[np.isfinite(sample)]
    if finite.size == 0:
        return PENDING_LIMITS
    low, high = (float(v) for v in np.percentile(finite, (0.5, 99.5)))
    return (low, high) if high > low else (low, low + 1.0)
