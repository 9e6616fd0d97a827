"""Masked arrays of numpy: what they hide is missing, so it becomes NaN."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def nan_for_masked(values: Any) -> Any:
    """Return a masked array as a plain one with NaN where it is masked; any other value unchanged.

    `np.asarray` drops a mask without a word and so brings back the values that somebody had hidden.

    Parameters
    ----------
    values : object
        Real numbers in a numpy array or in a dask array of masked blocks, or any other value. Integers become float.

    Examples
    --------
    >>> nan_for_masked(np.ma.array([1, 2], mask=[False, True], dtype="int16"))
    array([ 1., nan], dtype=float32)
    """
    if getattr(values, "dtype", None) is None or values.dtype.kind not in "fiu":
        return values
    if isinstance(values, np.ma.MaskedArray):
        return _filled(values)
    if isinstance(getattr(values, "_meta", None), np.ma.MaskedArray):
        return values.map_blocks(_filled, dtype=_float_type(values.dtype), meta=np.empty((0,) * values.ndim))
    return values


def _filled(block: Any) -> NDArray[Any]:
    masked: Any = np.ma.asarray(block)
    result: NDArray[Any] = masked.astype(_float_type(block.dtype)).filled(np.nan)
    return result


def _float_type(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """Return the type of floating point that holds all values of a type, at least float32."""
    return np.result_type(dtype, np.float32)
