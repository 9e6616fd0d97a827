"""Work on a stack frame by frame: on all cores in memory, and when a frame is needed where the stack is lazy."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_xanes._typing import Float32Array
from napari_xanes.blocks import on_threads, single_threaded_blas
from napari_xanes.on_demand import Read, made_on_demand
from napari_xanes.progress import Progress

OfFrame = Callable[[NDArray[Any], int], Float32Array]
"""Makes a frame of the same shape from a frame (Y, X) or (Z, Y, X) and its number."""


def map_frames(
    function: OfFrame,
    data: Any,
    *,
    progress: Progress | None = None,
    message: str = "",
) -> Any:
    """Return what a function makes of each frame of data (E, ...), as float32.

    Frames in memory are shared among threads; lazy ones are computed when they are needed.
    """
    if not isinstance(data, np.ndarray):
        return made_on_demand(partial(_of_whole_frames, function, data.shape[1]), data)
    out = np.empty(data.shape, np.float32)

    def work(i: int) -> float:
        out[i] = function(data[i], i)
        return (i + 1) / len(data)

    with single_threaded_blas():
        on_threads(work, range(len(data)), progress=progress, message=message)
    return out


def whole_frames(data: Any) -> Any:
    """Return a dask array (E, ...) with one frame in each chunk."""
    return data.rechunk({0: 1, **dict.fromkeys(range(1, data.ndim), -1)})


def _of_whole_frames(function: OfFrame, height: int, read: Read, frames: slice, rows: slice) -> Float32Array:
    images = read(frames, slice(0, height))
    return np.stack([function(image, frames.start + i)[rows] for i, image in enumerate(images)])
