"""Shifts of frames as a table of columns (CSV), which other programs and people can change."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import numpy as np

from napari_xanes._typing import Float64Array
from napari_xanes.alignment import Alignment
from napari_xanes.io import ways_out
from napari_xanes.io.files import read_text
from napari_xanes.io.grid_comments import grid_comments, grid_fields
from napari_xanes.io.line_columns import is_line_column, line_columns, line_comment, line_fields
from napari_xanes.saving.replacing import write_whole
from napari_xanes.stack import SpectralStack

_SHIFTS = ("dz", "dy", "dx")
_MATRIX = ("yy", "yx", "xy", "xx")
_STRETCH = ("magnification", *(f"matrix {name}" for name in _MATRIX))
_PIXELS = (*_SHIFTS, *(f"sigma {name}" for name in _SHIFTS))
_NUMBERS = ("residual", *_STRETCH, *(f"sigma {name}" for name in _STRETCH))
_UNITS = {"energy": "eV", **dict.fromkeys(_PIXELS, "pixels"), **dict.fromkeys(_NUMBERS, "1")}
_COLUMNS = ("frame", "slice", "outlier", *_UNITS)
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
    table = _table(aligned) | {name: column.tolist() for name, column in line_columns(aligned).items()}
    rows = list(zip(*table.values(), strict=True))
    text.write(f"{_TITLE}\n{_ROWS}{len(rows)}\n{line_comment(aligned)}")
    text.write(grid_comments(aligned))
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(
        [
            f"{name} ({_UNITS[name]})" if name in _UNITS else f"{name} (pixels)" if is_line_column(name) else name
            for name in table
        ]
    )
    writer.writerows(["" if value != value else value for value in row] for row in rows)
    path = Path(path)
    write_whole(path, text.getvalue().encode())
    return path


def _table(aligned: Alignment) -> dict[str, list[Any]]:
    """Return the columns of a table; what is not known is NaN."""
    shape, axes = aligned.shifts.shape[:-1], _SHIFTS[-aligned.shifts.shape[-1] :]
    numbers, unknown = np.indices(shape), np.full(shape, np.nan)
    table: dict[str, Any] = {"frame": numbers[0]}
    if len(shape) == 2:
        table["slice"] = numbers[1]
    table["energy"] = unknown if aligned.energy is None else aligned.energy[numbers[0]]
    for prefix, values in (("", aligned.shifts), ("sigma ", aligned.sigma)):
        table |= {prefix + axis: unknown if values is None else values[..., i] for i, axis in enumerate(axes)}
    table["residual"] = unknown if aligned.residual is None else aligned.residual
    table["outlier"] = unknown if aligned.outliers is None else aligned.outliers.astype(int)
    for prefix, of in (("", ""), ("sigma ", "_sigma")):
        if (factors := getattr(aligned, f"magnification{of}")) is not None:
            table[f"{prefix}magnification"] = factors
        if (matrix := getattr(aligned, f"matrix{of}")) is not None:
            table |= {f"{prefix}matrix {name}": matrix.reshape(-1, 4)[:, i] for i, name in enumerate(_MATRIX)}
    return {name: values.ravel().tolist() for name, values in table.items()}


def read_shifts(path: str | Path) -> Alignment:
    """Read shifts from a CSV file.

    Parameters
    ----------
    path : str or Path
        A table that `write_shifts` wrote, or one with at least the columns ``dy`` and ``dx`` in pixels, one row per
        frame. Columns ``line 0``, ``line 1``, ... hold the shifts of scan lines on top of those of their frames.
        The columns ``magnification``, or ``matrix yy`` to ``matrix xx``, are read where they are; where the rows
        are those of slices, a column ``slice`` numbers them. Lines that begin with ``#`` are comments; some may
        say which images the shifts belong to: their size, that of a pixel, how they were binned, and the centre, which
        magnification leaves in place.

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
        raise ValueError(
            f"{path}: {len(rows) - 1} of {declared[0]} rows are there; the file was cut short; copy it again"
        )
    table = {name: _column(path, rows[1:], i, name) for i, name in enumerate(names) if name in _COLUMNS}
    given = _fields(path, table) | grid_fields(path, lines)
    given = {name: value for name, value in given.items() if name == "shifts" or not np.isnan(value).all()}
    of_lines = {name: _column(path, rows[1:], i, name) for i, name in enumerate(names) if is_line_column(name)}
    try:
        given |= line_fields(of_lines, lines)
        return Alignment(**given)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


def _fields(path: Path, table: dict[str, Float64Array]) -> dict[str, Any]:
    """Return the columns as fields of an alignment."""
    shape = _shape(path, table)
    axes = [axis for axis in _SHIFTS if axis in table]
    given: dict[str, Any] = {}
    for prefix, name in (("", "shifts"), ("sigma ", "sigma")):
        if all(prefix + axis in table for axis in axes):
            given[name] = np.stack([table[prefix + axis].reshape(shape) for axis in axes], axis=-1)
    if "residual" in table:
        given["residual"] = table["residual"].reshape(shape)
    if "outlier" in table and not np.isnan(table["outlier"]).any():
        given["outliers"] = table["outlier"].reshape(shape) != 0
    if "energy" in table:
        given["energy"] = table["energy"].reshape(shape[0], -1)[:, 0]
    for prefix, of in (("", ""), ("sigma ", "_sigma")):
        if f"{prefix}magnification" in table:
            given[f"magnification{of}"] = table[f"{prefix}magnification"]
        names = [f"{prefix}matrix {name}" for name in _MATRIX]
        if all(name in table for name in names):
            given[f"matrix{of}"] = np.stack([table[name] for name in names], axis=-1).reshape(-1, 2, 2)
    return given


def _shape(path: Path, table: dict[str, Float64Array]) -> tuple[int, ...]:
    """Return (E,), or (E, Z) of a table whose rows are slices."""
    count = len(table["dy"])
    if "slice" not in table:
        return (count,)
    slices = int(np.max(np.nan_to_num(table["slice"]), initial=0)) + 1
    if slices < 1 or count % slices or (table["slice"] != np.arange(count) % slices).any():
        raise ValueError(
            f"{path}: the rows of a frame are its slices, numbered from 0 on, one after the other; number them so"
        )
    return (count // slices, slices)


def _column(path: Path, rows: list[list[str]], i: int, name: str) -> np.ndarray:
    """Return the numbers of a column; an empty cell is NaN."""
    values = np.empty(len(rows))
    for number, row in enumerate(rows):
        cell = row[i].strip() if i < len(row) else ""
        try:
            values[number] = float(cell) if cell else np.nan
        except ValueError:
            raise ValueError(
                f"{path}: row {number + 1} of {name!r} holds {cell!r}, which is no number; {ways_out.CORRECT_LINE}"
            ) from None
    return values
