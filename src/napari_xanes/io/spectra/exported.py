"""Curves that the Spectra dock exports as CSV: headings with quantity and unit, and the number of rows in the last one.

A spreadsheet may have saved the file again, with semicolons or tabs and decimal commas.
"""

from __future__ import annotations

import csv
import math
import re
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from napari_xanes.io import ways_out
from napari_xanes.io.column_choice import NOTHING, Choice
from napari_xanes.io.files import lines_of, read_text, starts_with
from napari_xanes.io.registry import spectra_reader
from napari_xanes.io.spectra import columns
from napari_xanes.io.spectra.ending import refuse_lost_rows, refuse_unended
from napari_xanes.io.spectra.per_column import DEVIATION, ERROR, EXPORTED, quantity_in
from napari_xanes.io.spectra.result import unique_names
from napari_xanes.region_spectra import STANDARD_DEVIATION
from napari_xanes.spectrum import Spectrum

ENERGY = "energy (eV)"
"""Heading of a column of energies."""

ROWS = "rows"
"""The heading of the last column, which is empty, is the number of rows and this word."""

_FIRST = re.compile(rf'"?{re.escape(ENERGY)}"?([,;\t])')
_LAST = re.compile(rf'[,;\t]"?\d+ {ROWS}"?[,;\t]*$')
_HEADING_BYTES = 64 << 10


def why_not_readable(path: Path) -> str | None:
    """Return why the file holds no exported curves, or None if it does."""
    first = starts_with(path, _HEADING_BYTES).decode("utf-8-sig", "replace").splitlines()[:1]
    known = first and _FIRST.match(first[0]) and EXPORTED in first[0] and _LAST.search(first[0])
    return None if known else "no headings of exported curves with the number of rows"


@spectra_reader("exported", title="curves of the Spectra dock", patterns=("*.csv",), why_not_readable=why_not_readable)
def read_spectra(path: Path, *, choice: Choice = NOTHING) -> list[Spectrum]:
    """Read the curves as they were exported, energies without a value left out.

    Raises
    ------
    ValueError
        If the file is damaged or cut short, or no curve has a value.
    """
    if choice != NOTHING:
        return list(columns.read_spectra(path, choice=choice))
    text = read_text(path)
    refuse_unended(text)
    separator = _FIRST.match(text)[1]  # type: ignore[index]
    first, *rows = [line for line in lines_of(text) if line.strip()]
    (headings,) = csv.reader([first], delimiter=separator)
    while not headings[-1]:
        headings.pop()
    refuse_lost_rows(len(rows), int(headings.pop().split()[0]))
    decimal = "." if separator == "," else ","
    split = ([field.strip(' "').replace(decimal, ".") for field in row.split(separator)] for row in rows)
    table = np.array([_numbers(row, len(headings), line) for line, row in enumerate(split, 2)])
    return _curves(headings, table.reshape(len(rows), len(headings)), path)


def _numbers(row: list[str], n_columns: int, line: int) -> list[float]:
    """Return the numbers of a row; empty fields are NaN."""
    if len(row) < n_columns:
        raise ValueError(
            f"line {line} has {len(row)} columns, not {n_columns}: the file is damaged or cut short; copy it again"
        )
    try:
        return [float(field) if field else math.nan for field in row[:n_columns]]
    except ValueError:
        wrong = next(field for field in row if field and not _is_number(field))
        raise ValueError(f"line {line}: {wrong!r} is no number; {ways_out.CORRECT_LINE}") from None


def _is_number(field: str) -> bool:
    try:
        float(field)
    except ValueError:
        return False
    return True


def _curves(headings: list[str], table: Any, path: Path) -> list[Spectrum]:
    """Return the spectrum of each column of values; columns of deviations and errors belong to the one before them."""
    energy, found, empty = np.empty(0), [], []
    for i, heading in enumerate(headings):
        name, _, quantity = heading.rpartition(EXPORTED)
        if heading == ENERGY:
            energy = table[:, i]
        elif quantity not in (DEVIATION, ERROR):
            good = np.isfinite(energy) & np.isfinite(table[:, i])
            if not good.any():
                empty.append(name or heading)
                continue
            facts: dict[str, Any] = {"path": str(path), "column": heading, **quantity_in(heading)}
            following = headings[i + 1] if i + 1 < len(headings) else ""
            if following == f"{name}{EXPORTED}{DEVIATION}":
                facts[STANDARD_DEVIATION] = table[good, i + 1]
            sigma = table[good, i + 1] if following == f"{name}{EXPORTED}{ERROR}" else None
            found.append((name or heading, energy[good], table[good, i], sigma, facts))
    if not found:
        raise ValueError("none of its curves has a value; export the curves again")
    if empty:
        warnings.warn(f"{path.name}: left out {', '.join(empty)}: without a value", UserWarning, stacklevel=3)
    names = unique_names([name for name, *_ in found])
    return [
        Spectrum(name, axis, mu, sigma=sigma, metadata=facts)
        for name, (_, axis, mu, sigma, facts) in zip(names, found, strict=True)
    ]
