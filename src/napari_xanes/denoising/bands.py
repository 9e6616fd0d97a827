"""Work on a stack band by band: some whole rows of all energies at a time, on all cores."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_xanes import limits
from napari_xanes._typing import Float32Array, Float64Array
from napari_xanes.blocks import CACHE_BYTES, single_threaded_blas, slabs
from napari_xanes.computing import SLAB_BYTES
from napari_xanes.on_demand import reads_rows_alone
from napari_xanes.progress import Progress

_AT_ONCE = 1 << 14
"""Number of spectra of which copies are made at once."""

_ALONE_BYTES = SLAB_BYTES // 4
"""Bytes that are read at once of stacks whose rows cost as much alone as together."""

LAZY_ROWS = 256
"""Rows of a chunk of maps that lazy arrays are made from."""


def over_bands(
    kernel: Callable[[NDArray[Any], slice], Any],
    data: Any,
    *,
    collect: Callable[[Any], None] | None = None,
    multiple: int = 1,
    progress: Progress | None = None,
    message: str = "",
) -> None:
    """Call ``kernel(band, rows)`` for all rows of a stack.

    Parameters
    ----------
    kernel : callable
        Gets a band (E, R, X), which it must neither change nor keep, and the slice of rows that the band covers.
    collect : callable, optional
        Gets the results of the kernel one by one, in the order of the rows, on the calling thread. So sums do not
        depend on the number of threads, and only a few results are in memory.
    data : numpy or dask array, shape (E, Y, X)
        A dask array is read in slabs, one after the other.
    multiple : int
        The first row of each band is a multiple of this number.
    progress, message
        As in `napari_xanes.blocks.over_pixels`.
    """
    n_energies, height, width = data.shape
    row_bytes = n_energies * width * 4
    rows = _rounded(2 * CACHE_BYTES // row_bytes, multiple)
    lazy = not isinstance(data, np.ndarray)
    slab = height
    if lazy:
        alone = reads_rows_alone(data)
        slab = _rounded(limits.bytes_at_once(_ALONE_BYTES if alone else SLAB_BYTES) // row_bytes, rows)
    done = 0
    with single_threaded_blas(), ThreadPoolExecutor(limits.threads()) as pool:
        for covered, part in slabs(data, slab) if lazy else [(slice(0, height), data)]:
            starts, top = range(0, part.shape[1], rows), covered.start
            bands = ((part[:, a : a + rows], slice(top + a, top + a + rows)) for a in starts)
            try:
                for result in _in_order(pool, kernel, bands):
                    if collect is not None:
                        collect(result)
                    done += rows
                    if progress is not None:
                        progress(min(1.0, done / height), message)
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise


def _in_order(
    pool: ThreadPoolExecutor, kernel: Callable[..., Any], bands: Iterable[tuple[NDArray[Any], slice]]
) -> Iterator[Any]:
    """Yield the results of a kernel in the order of the bands; few bands are under way at a time."""
    jobs: deque[Future[Any]] = deque()
    for band in bands:
        jobs.append(pool.submit(kernel, *band))
        if len(jobs) > 2 * limits.threads():
            yield jobs.popleft().result()
    while jobs:
        yield jobs.popleft().result()


def _rounded(rows: int, multiple: int) -> int:
    return max(1, rows // multiple) * multiple


def apply_matrix(matrix: NDArray[Any], band: Float32Array) -> Float32Array:
    """Multiply a matrix (K, E) with the spectra of a band (E, R, X); the result is (K, R, X)."""
    pixels = band.shape[1] * band.shape[2]
    product = np.asarray(matrix, np.float32) @ band.reshape(band.shape[0], pixels)
    return product.reshape(matrix.shape[0], *band.shape[1:])


def outside(basis: Float64Array, values: NDArray[Any], *, out: NDArray[Any] | None = None) -> NDArray[Any]:
    """Return the part of values (E, ...) outside an orthonormal basis (E, N).

    The result is written to `out`, which may be the values themselves; it lies in one piece.
    """
    result = np.empty(values.shape, values.dtype) if out is None else out
    flat, filled = (array.reshape(len(values), -1) for array in (values, result))
    typed = basis.astype(flat.dtype)
    for start in range(0, flat.shape[1], _AT_ONCE):
        part = flat[:, start : start + _AT_ONCE]
        np.subtract(part, typed @ (typed.T @ part), out=filled[:, start : start + _AT_ONCE])
    return result


def rows_at_once(n_rows: int, width: int) -> list[slice]:
    """Return the rows of images of some width that are worked on at once, so that copies of them stay small."""
    step = max(1, _AT_ONCE // width)
    return [slice(start, min(start + step, n_rows)) for start in range(0, n_rows, step)]


def fill_product(
    columns: Float64Array, maps: Float32Array, out: Float32Array, progress: Progress | None = None
) -> Float32Array:
    """Fill `out` (E, Y, X), which lies in one piece, with ``columns (E, N) @ maps (N, Y, X)``."""

    matrix = columns.astype(np.float32)

    def fill(band: Float32Array, rows: slice) -> None:
        np.matmul(matrix, maps[:, rows].reshape(len(maps), -1), out=band.reshape(len(band), -1))  # which is a view

    limits.release_memory()  # before all of `out` is in memory
    over_bands(fill, out, progress=progress, message="assembling the stack")
    return out


def lazy_product(columns: NDArray[Any], maps: Any) -> Any:
    """Return ``columns (E, N) @ maps (N, Y, X)`` as a dask array that computes each frame on demand.

    The maps may be a dask array themselves.
    """
    import dask.array as da

    spectra = da.from_array(np.asarray(columns, np.float32), chunks=(8, -1))  # type: ignore[no-untyped-call]
    if isinstance(maps, np.ndarray):
        maps = da.from_array(maps.astype(np.float32, copy=False), chunks=(-1, LAZY_ROWS, -1))  # type: ignore[no-untyped-call]
    return da.tensordot(spectra, maps, axes=1)
