"""Shifts of scan lines as columns of a table of shifts, one column for each line."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from napari_xanes._typing import Float64Array
from napari_xanes.alignment import Alignment
from napari_xanes.io import ways_out

COMMENT = "# scan lines are "
_PREFIXES = {"line_shifts": "line ", "line_sigma": "sigma line "}


def line_comment(aligned: Alignment) -> str:
    """Return the comment that says what the lines are; empty where lines have no shifts."""
    return "" if aligned.line_shifts is None else f"{COMMENT}{aligned.scan_lines or 'rows'}\n"


def line_columns(aligned: Alignment) -> dict[str, Float64Array]:
    """Return the columns (E,) with the shifts and errors of each line, by name."""
    columns: dict[str, Float64Array] = {}
    for field, prefix in _PREFIXES.items():
        if (values := getattr(aligned, field)) is not None:
            columns |= {f"{prefix}{i}": column for i, column in enumerate(values.T)}
    return columns


def is_line_column(name: str) -> bool:
    """Return whether a column holds shifts or errors of a line."""
    return any(name.startswith(prefix) and name[len(prefix) :].isdecimal() for prefix in _PREFIXES.values())


def line_fields(columns: Mapping[str, Float64Array], lines: list[str]) -> dict[str, Any]:
    """Return the fields of an alignment from columns by name, and from the lines of text of the table.

    Raises
    ------
    ValueError
        If a line is missing, or a cell is empty.
    """
    fields: dict[str, Any] = {}
    for field, prefix in _PREFIXES.items():
        some = {name: values for name, values in columns.items() if name.startswith(prefix)}
        if not some:
            continue
        missing = [f"{prefix}{i}" for i in range(len(some)) if f"{prefix}{i}" not in some]
        if missing:
            raise ValueError(f"the column {missing[0]!r} is missing: lines are numbered from 0 on; add it")
        fields[field] = np.stack([some[f"{prefix}{i}"] for i in range(len(some))], axis=1)
    if "line_shifts" not in fields:
        return {}
    empty = np.argwhere(~np.isfinite(fields["line_shifts"]))
    if empty.size:
        raise ValueError(
            f"line {empty[0, 1]} of frame {empty[0, 0]} has no shift; a line that is not moved has 0; "
            f"{ways_out.CORRECT_LINE}"
        )
    said = [line[len(COMMENT) :].strip() for line in lines if line.startswith(COMMENT)]
    return fields | {"scan_lines": said[0] if said else "rows"}
