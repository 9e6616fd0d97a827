"""Raw arrays that lie in a file as they lie in memory."""

from __future__ import annotations

from typing import Any

import numpy as np

from napari_xanes.io import frames

_LAZY_BYTES = 32 << 20


def native_array(array: Any) -> Any:
    """Return the values of a memory map in the byte order of this computer.

    Parameters
    ----------
    array : numpy.memmap, shape (E, ...)
        Opened for reading.

    Returns
    -------
    numpy or dask array, same shape
        A dask array over the file if larger than the memory limit.
    """
    dtype = array.dtype.newbyteorder("=")
    if array.nbytes <= frames.MEMORY_LIMIT.get():
        return np.array(array, dtype=dtype)
    import dask.array as da

    thickness = max(1, _LAZY_BYTES // max(1, array.nbytes // array.shape[0]))
    lazy = da.from_array(array, chunks=(thickness, *array.shape[1:]), name=False)  # type: ignore[no-untyped-call]
    return lazy.astype(dtype)
