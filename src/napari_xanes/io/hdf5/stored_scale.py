"""Whole numbers that stand for others: a factor and an offset beside a dataset."""

from __future__ import annotations

from typing import Any

import h5py

from napari_xanes.io.hdf5.file import row
from napari_xanes.io.packing import scale_of


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
    ]
    if signal.dtype.kind in "iu":
        pairs.append((signal.attrs.get("scale_factor"), signal.attrs.get("add_offset")))
    for number, (factor, offset) in enumerate(pairs):
        # An offset alone is known as such by its full name only: microscopes call other things so.
        if factor is None and (offset is None or number == 1):
            continue
        return scale_of(_content(factor), _content(offset), signal.name)
    return None


def _content(value: Any) -> Any:
    return value[()] if isinstance(value, h5py.Dataset) else value
