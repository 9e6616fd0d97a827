"""Checks of what an alignment holds."""

from __future__ import annotations

from typing import Any

import numpy as np

from napari_xanes._typing import Float64Array


def without_nan(item: Any) -> Any:
    """Return a number or a list of numbers with None for NaN, so that a text of it equals itself."""
    if isinstance(item, list):
        return [without_nan(part) for part in item]
    return None if item != item else item


def numbers(name: str, values: Any) -> Float64Array:
    """Return the values as numbers.

    Raises
    ------
    ValueError
        If they are no numbers.
    """
    try:
        return np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError):
        raise ValueError(f"{name} of an alignment are numbers, not {str(values)[:60]}") from None


def of_shape(name: str, values: Any, shape: tuple[int, ...]) -> Any:
    """Return an array if it has this shape.

    Raises
    ------
    ValueError
        If it has another one.
    """
    if values.shape != shape:
        raise ValueError(f"{name} of an alignment has shape {values.shape}, its shifts need {shape}")
    return values


def lengths(name: str, values: Any) -> tuple[float, ...]:
    """Return two or three positive lengths.

    Raises
    ------
    ValueError
        If they are something else.
    """
    found = numbers(name, values)
    if found.shape not in ((2,), (3,)) or not (np.isfinite(found) & (found > 0)).all():
        raise ValueError(f"{name} of an alignment are two or three positive lengths, not {str(values)[:60]}")
    return tuple(found.tolist())


def whole(name: str, value: Any) -> int:
    """Return a whole number of at least 1.

    Raises
    ------
    ValueError
        If the value is something else.
    """
    found = numbers(name, value)
    if found.shape != () or not found >= 1 or found != np.round(found):
        raise ValueError(f"{name} of an alignment is a whole number of at least 1, not {str(value)[:60]}")
    return int(found)
