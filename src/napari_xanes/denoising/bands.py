"""Work on a stack band by band: some whole rows of all energies at a time, on all cores."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_xanes._typing import Float32Array, Float64Array
from napari_xanes.blocks import CACHE_BYTES, SLAB_BYTES, loaded, single_threaded_blas
from napari_xanes.progress import Progress


def over_bands(
    kernel: Callable[[NDArray[Any], slice], None],
    data: Any,
    *,
    multiple: int = 1,
    progress: Progress | None = None,
    message: str = "",
) -> None:
    """Call ``kernel(band, rows)`` for all rows of a stack.

    Parameters
    ----------
    kernel : callable
        Gets a band (E, R, X), which it must not change, and the slice of rows that it covers.
    data : numpy or dask array, shape (E, Y, X)
        A dask array is read in slabs, one after the other.
    multiple : int
        Bands begin at a multiple of this.
    progress, message
        As in `napari_xanes.blocks.over_pixels`.
    """
    n_energies, height, width = data.shape
    row = n_energies * width * 4
    rows = _rounded(2 * CACHE_BYTES // row, multiple)
    lazy = not isinstance(data, np.ndarray)
    slab = _rounded(SLAB_BYTES // row, rows) if lazy else height
    done = 0
    with single_threaded_blas(), ThreadPoolExecutor(os.cpu_count()) as pool:
        for top in range(0, height, slab):
            part = loaded(data[:, top : top + slab]) if lazy else data[:, top : top + slab]
            starts = range(0, part.shape[1], rows)
            work = [pool.submit(kernel, part[:, a : a + rows], slice(top + a, top + a + rows)) for a in starts]
            try:
                for one in work:
                    one.result()
                    done += rows
                    if progress is not None:
                        progress(min(1.0, done / height), message)
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise


def _rounded(rows: int, multiple: int) -> int:
    return max(1, rows // multiple) * multiple


def times(matrix: NDArray[Any], band: Float32Array) -> Float32Array:
    """A matrix (K, E) times the spectra of a band (E, R, X): (K, R, X)."""
    pixels = band.shape[1] * band.shape[2]
    made = np.asarray(matrix, np.float32) @ band.reshape(band.shape[0], pixels)
    return made.reshape(matrix.shape[0], *band.shape[1:])


def coarse(images: Float32Array, step: int) -> Float32Array:
    """Sums over squares of `step` pixels, (..., Y, X) to (..., y, x); squares at the far edges may be cut."""
    height, width = images.shape[-2:]
    lead = images.shape[:-2]
    if height % step or width % step:
        margins = [(0, 0)] * len(lead) + [(0, -height % step), (0, -width % step)]
        images = np.pad(images, margins)
    y, x = images.shape[-2] // step, images.shape[-1] // step
    summed: Float32Array = images.reshape(*lead, y, step, x, step).sum(axis=(-3, -1))
    return summed


def mixed(columns: NDArray[Any], maps: Float32Array) -> Any:
    """``columns (E, N) @ maps (N, Y, X)`` as a dask array, computed frame by frame when looked at."""
    import dask.array as da

    spectra = da.from_array(np.asarray(columns, np.float32), chunks=(8, -1))  # type: ignore[no-untyped-call]
    images = da.from_array(maps.astype(np.float32), chunks=(-1, 256, -1))  # type: ignore[no-untyped-call]
    return da.tensordot(spectra, images, axes=1)


def put_together(
    columns: Float64Array, maps: Float32Array, out: Float32Array, progress: Progress | None = None
) -> Float32Array:
    """Fill `out` (E, Y, X) with the product of columns and maps."""

    def fill(band: Float32Array, rows: slice) -> None:
        band[...] = times(columns, np.ascontiguousarray(maps[:, rows]))

    over_bands(fill, out, progress=progress, message="putting together")
    return out
