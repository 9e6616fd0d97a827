"""Stored numbers that stand for others: a factor and an offset beside them."""

from __future__ import annotations

from typing import Any

import numpy as np


def scale_of(factor: Any, offset: Any, name: str) -> tuple[float, float] | None:
    """Return factor and offset, ``value = factor * stored + offset``; None if the stored numbers are the values.

    Parameters
    ----------
    factor, offset : number, array of one, or None
        As the file has them; None is 1 and 0.
    name : str
        What they belong to, for messages.

    Raises
    ------
    ValueError
        If they are no single finite numbers, or the factor is 0.

    Examples
    --------
    >>> scale_of([0.5], None, "data"), scale_of(1, 0, "data")
    ((0.5, 0.0), None)
    """
    scale = _number(factor, 1.0), _number(offset, 0.0)
    if not np.isfinite(scale).all() or scale[0] == 0:
        raise ValueError(f"{name}: its scaling factor and offset are {factor!r} and {offset!r}, not numbers")
    return None if scale == (1.0, 0.0) else scale


def _number(value: Any, default: float) -> float:
    if value is None:
        return default
    values = np.ravel(np.asarray(value))
    return float(values[0]) if values.size == 1 and values.dtype.kind in "fiu" else np.nan


def scaled(values: Any, scale: tuple[float, float]) -> Any:
    """Return the values that stored numbers (a numpy or dask array) stand for, float32."""
    return (values * np.float64(scale[0]) + np.float64(scale[1])).astype(np.float32)


def scale_note(scale: tuple[float, float]) -> str:
    """Return the note on a stack whose numbers were scaled."""
    return f"stored numbers times {scale[0]:g} plus {scale[1]:g}, as the file says"
