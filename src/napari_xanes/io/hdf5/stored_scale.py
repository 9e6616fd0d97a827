"""Whole numbers that stand for others: a factor and an offset beside a dataset."""

from __future__ import annotations

from typing import Any

import h5py
import numpy as np

from napari_xanes.io.hdf5.file import row


def stored_scale(group: h5py.Group, signal: h5py.Dataset) -> tuple[float, float] | None:
    """Return factor and offset, ``value = factor * stored + offset``; None if the numbers are the values.

    NXdata has them as fields, ``<signal>_scaling_factor`` and ``<signal>_offset``, before 2024 ``scaling_factor`` and
    ``offset`` (https://manual.nexusformat.org/classes/base_classes/NXdata.html), netCDF as attributes ``scale_factor``
    and ``add_offset`` (CF conventions, section 8.1).

    Raises
    ------
    ValueError
        If they are no single finite numbers, or the factor is 0.
    """
    name = signal.name.rsplit("/", 1)[-1]
    pairs = [
        (row(group, f"{name}_scaling_factor"), row(group, f"{name}_offset")),
        (row(group, "scaling_factor"), row(group, "offset")),
        (signal.attrs.get("scale_factor"), signal.attrs.get("add_offset")),
    ]
    for number, (factor, offset) in enumerate(pairs):
        # An offset alone is known as such by its full name only: microscopes call other things so.
        if factor is None and (offset is None or number == 1):
            continue
        scale = _number(factor, 1.0), _number(offset, 0.0)
        if not np.isfinite(scale).all() or scale[0] == 0:
            raise ValueError(f"{signal.name}: its scaling factor and offset are {factor!r} and {offset!r}, not numbers")
        return None if scale == (1.0, 0.0) else scale
    return None


def _number(value: Any, default: float) -> float:
    if value is None:
        return default
    values = np.ravel(value[()] if isinstance(value, h5py.Dataset) else value)
    return float(values[0]) if values.size == 1 and values.dtype.kind in "fiu" else np.nan


def scaled(values: Any, scale: tuple[float, float]) -> Any:
    """Return stored numbers as the values that they stand for, float32."""
    return (values * np.float64(scale[0]) + np.float64(scale[1])).astype(np.float32)
