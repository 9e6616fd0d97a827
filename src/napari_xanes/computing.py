"""Values of dask arrays, computed in any thread while a window computes others, and their frames one after another."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_xanes import limits

SLAB_BYTES = 512 << 20
"""Number of bytes of a lazy stack that are read at once. Compressed frames are decoded once for each slab."""

_USUAL_BYTES = SLAB_BYTES // 4
"""Of frames that are read at once. Chunks that hold more frames are read whole, up to `SLAB_BYTES`."""


def computed(values: Any, scheduler: str | None = None) -> NDArray[Any]:
    """Return values as an array; those of a dask array are computed without the callbacks of the process.

    Within a computation of dask, take the scheduler "synchronous".

    napari turns a cache of dask on while it cuts frames out of a lazy layer, for all threads. Another computation that
    begins meanwhile takes that cache, too, and what ends first clears its notes: the other one fails with a KeyError,
    or napari does when it turns the cache off (dask 2026.8, `dask/cache.py` and `dask/callbacks.py`).

    Examples
    --------
    >>> computed([1, 2])
    array([1, 2])
    """
    return np.asarray(values.compute(scheduler=scheduler, callbacks=()) if hasattr(values, "compute") else values)


def load_dask_array(data: Any) -> NDArray[Any]:
    """Return the values of a dask array. Chunks are written into one array, so that no value is in memory twice."""
    import dask.array as da

    out = np.empty(data.shape, data.dtype)
    da.store(data, out, lock=False, callbacks=())  # see `computed`
    return out


def frames_of(data: Any) -> Iterator[NDArray[Any]]:
    """Yield the frames of a stack, some at a time: a chunk that holds several frames is read once, not once for each.

    Parameters
    ----------
    data : numpy or dask array, shape (E, ...)
        Cut a lazy stack before, not its frames afterwards: what is not needed is not read then. Of chunks that hold
        more frames than `SLAB_BYTES`, each part is read alone.

    Examples
    --------
    >>> [frame.tolist() for frame in frames_of(np.arange(4).reshape(2, 2))]
    [[0, 1], [2, 3]]
    """
    if not hasattr(data, "compute"):
        yield from data
        return
    frame = max(1, prod(data.shape[1:]) * data.dtype.itemsize)
    usual, most = (max(1, limits.bytes_at_once(size) // frame) for size in (_USUAL_BYTES, SLAB_BYTES))
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
