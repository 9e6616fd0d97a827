"""Work on a stack block by block: in the processor's cache, on all cores, with progress, in memory or from a file.

Pixels are counted along the flattened image, so that a block is a matrix (E, P) of whole spectra. Blocks are
independent of each other; what depends on the whole stack is computed before.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from math import prod
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from napari_xanes import limits
from napari_xanes._typing import Block, Float32Array
from napari_xanes.computing import SLAB_BYTES, load_dask_array
from napari_xanes.on_demand import (
    Read,
    array_behind,
    frames_in_part,
    made_on_demand,
    read_at_once,
    reader_of,
    reads_rows_alone,
    reuse_freed_memory,
)
from napari_xanes.progress import Progress

if TYPE_CHECKING:
    from threadpoolctl import ThreadpoolController

Item = TypeVar("Item")

CACHE_BYTES = 4 << 20
"""Size of a block: small enough for the cache, large enough for threads (in blocks below two megabytes, threads wait
for the interpreter more than for memory)."""


_LEAST_ROWS = 128
"""So many rows of a slab are many beside those that an aligned stack reads around them."""


def pixels_per_block(n_energies: int, itemsize: int = 4) -> int:
    """Return how many spectra make a block of `CACHE_BYTES`."""
    return max(64, CACHE_BYTES // (n_energies * itemsize))


def rows_per_slab(shape: tuple[int, ...], itemsize: int = 4) -> int:
    """Return how many rows of all frames, along the first axis of the image, make a slab of `SLAB_BYTES`."""
    return max(1, limits.bytes_at_once(SLAB_BYTES) // max(1, shape[0] * prod(shape[2:]) * itemsize))


def over_pixels(
    kernel: Callable[[Block, slice], None],
    data: Any,
    *,
    progress: Progress | None = None,
    message: str = "",
    threads: int | None = None,
) -> None:
    """Call ``kernel(block, pixels)`` for all pixels of a stack, in blocks, on several threads.

    Parameters
    ----------
    kernel : callable
        Takes a block (E, P), which it must neither change nor keep, and the slice of flattened pixels of the block.
    data : numpy or dask array, shape (E, ...)
        A dask array is read in slabs of whole rows, one slab after the other.
    progress : callable, optional
        Called with the fraction of pixels done; it may raise `Cancelled`.
    message : str
        Text for `progress`.
    threads : int, optional
        Number of threads; by default as many as `limits` allow.

    Raises
    ------
    Exception
        Any error of the kernel or of `progress`; blocks that are not begun yet are dropped.
    """
    reuse_freed_memory()
    n_pixels = prod(data.shape[1:])
    if isinstance(data, np.ndarray):
        _in_threads(kernel, data.reshape(data.shape[0], -1), 0, n_pixels, progress, message, threads)
        return
    row, size = prod(data.shape[2:]), rows_per_slab(data.shape, data.dtype.itemsize)
    if reads_rows_alone(data):
        size = min(size, max(_LEAST_ROWS, -(-data.shape[1] // 4)))
    for rows, slab in slabs(data, size):
        _in_threads(kernel, slab.reshape(slab.shape[0], -1), rows.start * row, n_pixels, progress, message, threads)


def slabs(data: Any, size: int) -> Iterator[tuple[slice, Block]]:
    """Yield `size` rows at a time of all frames of a dask array; the memory of each slab serves the next one."""
    height = data.shape[1]
    each = [slice(start, min(start + size, height)) for start in range(0, height, size)]
    if array_behind(data) is None:
        yield from ((rows, load_dask_array(data[:, rows])) for rows in each)
        return
    memory = np.empty(prod(data.shape) // max(1, height) * min(size, height), data.dtype)
    for rows in each:
        shape = (data.shape[0], rows.stop - rows.start, *data.shape[2:])
        slab = memory[: prod(shape)].reshape(shape)
        _read_into(slab, data, rows)
        yield rows, slab


def _read_into(out: Block, data: Any, rows: slice) -> None:
    """Read some rows of all frames of a dask array into an array, a few frames at once."""
    read, step = reader_of(data), frames_in_part(read_at_once(data)[0], out[:1].nbytes)

    def work(frames: slice) -> float:
        out[frames] = read(frames, rows)
        return 0.0

    # Steps hold matrix products on one core, too; if each part did so by itself, their threads would come and go.
    with single_threaded_blas():
        on_threads(work, [slice(a, min(a + step, len(out))) for a in range(0, len(out), step)])


def _in_threads(
    kernel: Callable[[Block, slice], None],
    spectra: Block,
    offset: int,
    n_pixels: int,
    progress: Progress | None,
    message: str,
    threads: int | None,
) -> None:
    size = pixels_per_block(spectra.shape[0], max(4, spectra.dtype.itemsize))
    bounds = [(a, min(a + size, spectra.shape[1])) for a in range(0, spectra.shape[1], size)]
    threads = min(threads or limits.threads(), len(bounds))

    def work(bound: tuple[int, int]) -> float:
        a, b = bound
        kernel(spectra[:, a:b], slice(offset + a, offset + b))
        return (offset + b) / n_pixels

    with single_threaded_blas():
        on_threads(work, bounds, progress=progress, message=message, threads=threads)


def on_threads(
    work: Callable[[Item], float],
    items: Sequence[Item],
    *,
    progress: Progress | None = None,
    message: str = "",
    threads: int | None = None,
) -> None:
    """Call ``work(item)`` for all items on several threads, by default as many as `limits` allow.

    The work returns the fraction that is done with its item and those before it; `progress` is told in order, on the
    calling thread. After an error, also one of `progress`, items that are not begun yet are dropped.
    """
    with ThreadPoolExecutor(threads or limits.threads()) as pool:
        try:
            for done in pool.map(work, items):
                if progress is not None:
                    progress(done, message)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


@contextmanager
def single_threaded_blas() -> Iterator[None]:
    """Work in a block in which a matrix product takes one core, because the other cores work on other blocks.

    The number of threads belongs to the process: the first of several overlapping blocks lowers it, the last one
    restores it.
    """
    _BLAS.enter()
    try:
        yield
    finally:
        _BLAS.leave()


class _BlasLimit:
    """How many blocks need matrix products on one core, and what restores the number of threads after the last."""

    def __init__(self) -> None:
        self._lock, self._n_blocks, self._limit = threading.Lock(), 0, None

    def enter(self) -> None:
        with self._lock:
            if not self._n_blocks:
                self._limit = _blas().limit(limits=1, user_api="blas")
            self._n_blocks += 1

    def leave(self) -> None:
        with self._lock:
            self._n_blocks = max(0, self._n_blocks - 1)
            if not self._n_blocks and self._limit is not None:
                self._limit.restore_original_limits()
                self._limit = None

    def after_fork(self) -> None:
        """Forget, in a new process, the blocks of threads that it does not have."""
        limit, self._lock, self._n_blocks, self._limit = self._limit, threading.Lock(), 0, None
        if limit is not None:
            limit.restore_original_limits()


_BLAS = _BlasLimit()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_BLAS.after_fork)


@cache
def _blas() -> ThreadpoolController:
    """Find numpy's linear algebra library, once: finding it takes longer than a block."""
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()


def transform(
    kernel: Callable[[Block, slice], Block],
    data: Any,
    *,
    progress: Progress | None = None,
    message: str = "",
) -> Any:
    """Return a stack of the kernel's results, float32, with the shape of `data`; lazy if `data` are lazy.

    Parameters
    ----------
    kernel : callable
        Takes a block (E, P) and its slice of flattened pixels, returns the new block (E, P).
    data : numpy or dask array, shape (E, ...)
        The stack.
    progress, message
        As in `over_pixels`; a lazy stack is computed later, without progress.
    """
    if not isinstance(data, np.ndarray):
        return _transform_lazily(lambda block, _, pixels: kernel(block, pixels), data, whole_spectra=True)
    return _transform_now(kernel, data, progress, message)


def transform_frames(
    kernel: Callable[[Block, slice, slice], Block],
    data: Any,
    *,
    progress: Progress | None = None,
    message: str = "",
) -> Any:
    """Do as `transform`, for kernels that treat each value alone: one frame of a lazy stack can be computed alone.

    Parameters
    ----------
    kernel : callable
        Takes a block (F, P), its slice of frames and its slice of flattened pixels, returns the new block (F, P).
    data, progress, message
        As in `transform`.
    """
    if not isinstance(data, np.ndarray):
        return _transform_lazily(kernel, data, whole_spectra=False)
    frames = slice(0, data.shape[0])
    return _transform_now(lambda block, pixels: kernel(block, frames, pixels), data, progress, message)


def _transform_now(
    kernel: Callable[[Block, slice], Block], data: Any, progress: Progress | None, message: str
) -> Float32Array:
    out = np.empty(data.shape, dtype=np.float32)
    flat = out.reshape(out.shape[0], -1)

    def fill(block: Block, pixels: slice) -> None:
        flat[:, pixels] = kernel(block, pixels)

    over_pixels(fill, data, progress=progress, message=message)
    return out


def _transform_lazily(kernel: Callable[[Block, slice, slice], Block], data: Any, *, whole_spectra: bool) -> Any:
    """Return the kernel's results as a dask array, of which only the rows and frames are made that are asked for."""
    row, every = prod(data.shape[2:]), slice(0, data.shape[0])

    def make(read: Read, frames: slice, rows: slice) -> Float32Array:
        used, kept = (every, frames) if whole_spectra else (frames, slice(None))
        values = read(used, rows)
        out = np.empty((frames.stop - frames.start, *values.shape[1:]), np.float32)
        spectra, made = (array.reshape(len(array), -1) for array in (values, out))
        size = pixels_per_block(len(spectra))
        with single_threaded_blas():
            for a in range(0, spectra.shape[1], size):
                block = spectra[:, a : a + size]
                first = rows.start * row + a
                made[:, a : a + size] = kernel(block, used, slice(first, first + block.shape[1]))[kept]
        return out

    return made_on_demand(make, data, whole_spectra=whole_spectra)
