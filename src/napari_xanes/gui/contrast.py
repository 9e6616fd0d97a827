"""Display limits of stacks: at once where the data are in memory, from a worker where they are still in a file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from weakref import ref

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from napari.layers import Image

Limits = tuple[float, float]

_SAMPLE_SIZE = 1_000_000

PENDING_LIMITS: Limits = (0.0, 1.0)
"""Limits of a lazy stack until a frame of it was read."""


def display_limits(data: Any) -> Limits:
    """Display limits of a stack (E, ...): those of a few of its images if they are in memory, `LATER` if it is lazy."""
    if not isinstance(data, np.ndarray):
        return PENDING_LIMITS
    return _percentile_range(data[tuple(slice(None, None, max(1, n // 4)) for n in data.shape[:-2])])


def subsample(values: NDArray[Any]) -> NDArray[Any]:
    """About a million of the values (N,), spread over all: sorting a whole volume would hold the window up."""
    # An odd step is no multiple of a usual width, so that it does not stay in a few columns.
    return values.ravel()[:: values.size // _SAMPLE_SIZE | 1]


def set_limits_in_background(layer: Image) -> None:
    """Give a lazy layer that has no display limits yet those of a few of its images, which are read in a worker."""
    from napari.qt.threading import create_worker

    if isinstance(layer.data, np.ndarray) or tuple(layer.contrast_limits) != PENDING_LIMITS:
        return
    layer_ref = ref(layer)

    def show(limits: Limits) -> None:
        layer = layer_ref()
        if layer is not None and tuple(layer.contrast_limits) == PENDING_LIMITS:
            layer.contrast_limits = layer.contrast_limits_range = limits

    # An error is none of its own: napari meets the same one when it shows the frame.
    create_worker(_limits_of_three_frames, layer.data, _connect={"returned": show}, _ignore_errors=True)


def _limits_of_three_frames(data: Any) -> Limits:
    """The limits of the images at the first, middle and last energy: across an edge one alone would tell nothing."""
    depth = tuple(n // 2 for n in data.shape[1:-2])
    return _percentile_range(np.stack([np.asarray(data[(i, *depth)]) for i in (0, len(data) // 2, -1)]))


def _percentile_range(values: Any) -> Limits:
    """The range without half a percent of the values at either end; every fourth row and column is enough."""
    sample = np.asarray(values[..., ::4, ::4])
    finite = sample[np.isfinite(sample)]
    if finite.size == 0:
        return PENDING_LIMITS
    low, high = (float(v) for v in np.percentile(finite, (0.5, 99.5)))
    return (low, high) if high > low else (low, low + 1.0)
