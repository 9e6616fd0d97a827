"""The table of a run over many files: a row for each map of each file."""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from napari_xanes.io.files import encodable
from napari_xanes.many.outcome import Outcome, Summary


def group_of(pattern: str, name: str) -> str:
    """Return what the first group of a pattern finds in a name; no text if there is no pattern or nothing is found.

    Raises
    ------
    ValueError
        If the pattern is no regular expression with a group.

    Examples
    --------
    >>> group_of(r"T=(\\d+)C", "cell T=250C.h5")
    '250'
    """
    if not pattern:
        return ""
    try:
        compiled = re.compile(pattern)
    except re.error as error:
        raise ValueError(
            f"{pattern!r} is no regular expression: {error}; write one with a group, such as scan_(\\d+)"
        ) from None
    if compiled.groups < 1:
        raise ValueError(f"{pattern!r} has no group; put brackets around what to read, such as 'T=(\\d+)C'")
    found = compiled.search(name)
    return (found.group(1) or "") if found else ""


def table_columns(outcomes: Sequence[Outcome], by: str = "") -> dict[str, list[Any]]:
    """Return the table as columns: a row for each map of each file, and one for a file without maps.

    Parameters
    ----------
    outcomes : sequence of Outcome
        What became of each file.
    by : str
        As in `napari_xanes.run_many`; the last column.

    Returns
    -------
    dict of str to list
        Text, or numbers, which are NaN where there is none.
    """
    nothing = {"": Summary(math.nan, math.nan, "", math.nan)}
    rows = [(one, name, of_map) for one in outcomes for name, of_map in (one.maps or nothing).items()]
    columns: dict[str, list[Any]] = {
        "file": [encodable(one.path) for one, _, _ in rows],
        "state": [one.state for one, _, _ in rows],
        "seconds": [one.seconds for one, _, _ in rows],
        "map": [name for _, name, _ in rows],
        "median": [of_map.value for _, _, of_map in rows],
        "median sigma": [of_map.sigma for _, _, of_map in rows],
        "unit": [of_map.unit for _, _, of_map in rows],
        "share of pixels": [of_map.share for _, _, of_map in rows],
        "16th percentile": [of_map.low for _, _, of_map in rows],
        "84th percentile": [of_map.high for _, _, of_map in rows],
        "main map": [name == one.main and bool(name) for one, name, _ in rows],
        "warnings": [encodable(" | ".join(one.warnings)) for one, _, _ in rows],
        "error": [encodable(one.error) for one, _, _ in rows],
    }
    return columns | ({by: [encodable(group_of(by, Path(one.path).name)) for one, _, _ in rows]} if by else {})


def table_text(outcomes: Sequence[Outcome], by: str = "") -> str:
    """Return the table as CSV."""
    columns = table_columns(outcomes, by)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([_cell(value) for value in row] for row in zip(*columns.values(), strict=True))
    return text.getvalue()


def _cell(value: Any) -> Any:
    if isinstance(value, bool):
        return "yes" if value else ""
    if isinstance(value, float):
        return "" if math.isnan(value) else f"{value:.6g}"
    return value
