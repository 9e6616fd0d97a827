"""Values of dask arrays, computed in any thread while a window computes others."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def computed(values: Any) -> NDArray[Any]:
    """Return values as an array; those of a dask array are computed without the callbacks of the process.

    napari turns a cache of dask on while it cuts frames out of a lazy layer, for all threads. Another computation that
    begins meanwhile takes that cache, too, and what ends first clears its notes: the other one fails with a KeyError,
    or napari does when it turns the cache off (dask 2026.8, `dask/cache.py` and `dask/callbacks.py`).

    Examples
    --------
    >>> computed([1, 2])
    array([1, 2])
    """
    return np.asarray(values.compute(callbacks=()) if hasattr(values, "compute") else values)
