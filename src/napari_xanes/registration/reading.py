"""The frames of a stack one after another, in memory or from a file, with a few of them in memory at a time."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_xanes import limits
from napari_xanes._typing import Float32Array
from napari_xanes.blocks import SLAB_BYTES, load_dask_array

_BYTES = SLAB_BYTES // 4
"""Of frames that are read at once. Chunks that hold more frames are read whole, up to `SLAB_BYTES`."""


def frames_of(data: Any) -> Iterator[NDArray[Any]]:
    """Yield the frames of a stack (E, ...); of a lazy one, each chunk is read once where that needs little memory."""
    if isinstance(data, np.ndarray):
        yield from data
        return
    frame = max(1, prod(data.shape[1:]) * data.dtype.itemsize)
    usual, most = (max(1, limits.bytes_at_once(size) // frame) for size in (_BYTES, SLAB_BYTES))
    for first, last in _slabs(data.chunks[0], usual, most):
        yield from load_dask_array(data[first:last])


def _slabs(chunks: Iterable[int], usual: int, most: int) -> Iterator[tuple[int, int]]:
    """Yield the first and the last frame of slabs of about `usual` frames: whole chunks, unless one has over `most`."""
    first = last = 0
    for chunk in chunks:
        if last > first and last + chunk - first > usual:
            yield first, last
            first = last
        last += chunk
        while last - first > most:
            yield first, first + most
            first += most
    if last > first:
        yield first, last


def prepared(frames: Iterator[NDArray[Any]], prepare: Callable[[NDArray[Any]], Float32Array]) -> Iterator[Float32Array]:
    """Yield ``prepare(frame)`` for all frames in their order; threads prepare those that come next."""
    waiting: deque[Future[Float32Array]] = deque()
    with ThreadPoolExecutor(limits.threads()) as pool:
        for frame in frames:
            waiting.append(pool.submit(prepare, frame))
            if len(waiting) > 2 * limits.threads():
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
