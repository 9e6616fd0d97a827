"""Shifts of frames as a table of columns (CSV), which other programs and people can change."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import numpy as np

from napari_xanes.alignment import Alignment
from napari_xanes.io.files import read_text
from napari_xanes.io.line_columns import is_line_column, line_columns, line_comment, line_fields
from napari_xanes.saving.replacing import write_whole
from napari_xanes.stack import SpectralStack

_COLUMNS = ("frame", "energy", "dy", "dx", "sigma dy", "sigma dx", "residual", "outlier")
_UNITS = {"energy": "eV", "dy": "pixels", "dx": "pixels", "sigma dy": "pixels", "sigma dx": "pixels", "residual": "1"}
_TITLE = "# napari-xanes shifts: where the content of each frame lies relative to the aligned grid"
_ROWS = "# rows: "
_MOST_BYTES = 64 << 20


def write_shifts(path: str | Path, aligned: SpectralStack | Alignment) -> Path:
    """Write the shifts of an aligned stack to a CSV file, which appears whole or not at all.

    Parameters
    ----------
    path : str or Path
        File to write; one that is there is replaced.
    aligned : SpectralStack or Alignment
        A stack that `align` returned, or its ``metadata["align"]``.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    ValueError
        If the stack was not aligned.
    OSError
        If the file can't be written.
    """
    if isinstance(aligned, SpectralStack):
        found = Alignment.from_mapping(aligned.metadata.get("align"))
        if found is None:
            raise ValueError(f"{aligned.name!r} has no shifts: align it first")
        aligned = found
    text = io.StringIO()
    of_lines = line_columns(aligned)
    text.write(f"{_TITLE}\n{_ROWS}{len(aligned.shifts)}\n{line_comment(aligned)}")
    writer = csv.writer(text, lineterminator="\n")
    names = [f"{name} ({_UNITS[name]})" if name in _UNITS else name for name in _COLUMNS]
    writer.writerow([*names, *(f"{name} (pixels)" for name in of_lines)])
    for i in range(len(aligned.shifts)):
        cells = [float(column[i]) for column in of_lines.values()]
        writer.writerow([i, *_row(aligned, i), *("" if cell != cell else cell for cell in cells)])
    path = Path(path)
    write_whole(path, text.getvalue().encode())
    return path


def _row(aligned: Alignment, i: int) -> list[Any]:
    """Return the cells of a frame; what is not known stays empty."""
    sigma = np.full(2, np.nan) if aligned.sigma is None else aligned.sigma[i]
    residual = np.nan if aligned.residual is None else aligned.residual[i]
    energy = np.nan if aligned.energy is None else aligned.energy[i]
    outlier = "" if aligned.outliers is None else int(aligned.outliers[i])
    numbers = [float(value) for value in (energy, *aligned.shifts[i], *sigma, residual)]
    return [*("" if np.isnan(value) else repr(value) for value in numbers), outlier]


def read_shifts(path: str | Path) -> Alignment:
    """Read shifts from a CSV file.

    Parameters
    ----------
    path : str or Path
        A table that `write_shifts` wrote, or one with at least the columns ``dy`` and ``dx`` in pixels, one row per
        frame. Columns ``line 0``, ``line 1``, ... hold the shifts of scan lines on top of those of their frames.
        Lines that begin with ``#`` are comments.

    Raises
    ------
    OSError
        If the file can't be read.
    ValueError
        If a column is missing, a cell is not a number, or rows are missing.
    """
    path = Path(path)
    lines = read_text(path, limit=_MOST_BYTES).splitlines()
    rows = list(csv.reader(line for line in lines if line.strip() and not line.startswith("#")))
    names = [cell.partition("(")[0].strip() for cell in rows[0]] if rows else []
    for name in ("dy", "dx"):
        if name not in names:
            raise ValueError(f"{path}: a table of shifts needs a column {name!r}; it has {', '.join(names) or 'none'}")
    for name, unit in _UNITS.items():
        said = rows[0][names.index(name)].partition("(")[2].strip(" )") if name in names else ""
        if said and said != unit:
            raise ValueError(f"{path}: the column {name!r} is in {said!r}; it must be in {unit!r}")
    declared = [line[len(_ROWS) :].strip() for line in lines if line.startswith(_ROWS)]
    if declared and declared[0] != str(len(rows) - 1):
        raise ValueError(f"{path}: {len(rows) - 1} of {declared[0]} rows are there; the file was cut short")
    table = {name: _column(path, rows[1:], i, name) for i, name in enumerate(names) if name in _COLUMNS}
    given: dict[str, Any] = {"shifts": np.stack([table["dy"], table["dx"]], axis=1)}
    if {"sigma dy", "sigma dx"} <= set(table):
        given["sigma"] = np.stack([table["sigma dy"], table["sigma dx"]], axis=1)
    given |= {name: table[name] for name in ("residual", "energy") if name in table}
    given = {name: value for name, value in given.items() if name == "shifts" or not np.isnan(value).all()}
    if "outlier" in table and not np.isnan(table["outlier"]).any():
        given["outliers"] = table["outlier"] != 0
    of_lines = {name: _column(path, rows[1:], i, name) for i, name in enumerate(names) if is_line_column(name)}
    try:
        given |= line_fields(of_lines, lines)
        return Alignment(**given)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


def _column(path: Path, rows: list[list[str]], i: int, name: str) -> np.ndarray:
    """Return the numbers of a column; an empty cell is NaN."""
    values = np.empty(len(rows))
    for number, row in enumerate(rows):
        cell = row[i].strip() if i < len(row) else ""
        try:
            values[number] = float(cell) if cell else np.nan
        except ValueError:
            raise ValueError(f"{path}: row {number + 1} of {name!r} holds {cell!r}, which is no number") from None
    return values
