"""Spectra as columns of text: energy first, in eV or keV, then one or more signals. Recognised by content."""

from __future__ import annotations

import re
from array import array
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_xanes.io.energies import MOST_COMMENTS, looks_like_energies, to_ev, unit_in
from napari_xanes.io.files import lines_of, read_text
from napari_xanes.io.frames import ordered
from napari_xanes.io.registry import spectra_reader
from napari_xanes.spectrum import Spectrum

_MOST_COLUMNS = 200
_LONGEST_LINE = 1 << 16

NORMALIZED = ("norm", "normmu", "nmu", "norm_mu", "normalized", "flat", "flattened")
RAW = ("mutrans", "mufluor", "mu", "xmu", "murefer")
"""Columns that are mu(E), normalized or as measured; of several in one file the first in this order is taken."""
OTHER = (
    "i0",
    "itrans",
    "it",
    "i1",
    "ifluor",
    "if",
    "irefer",
    "i2",
    "nbkg",
    "bkg",
    "fbkg",
    "der",
    "stddev",
    "background",
)

_QUANTITIES = {"normalized absorption": True, "optical depth (OD)": False, "fluorescence (a.u.)": False}
"""Quantities in the headings of exported curves, and whether they are normalized."""


@dataclass(frozen=True)
class Table:
    """Numbers in columns, and what the text says about them.

    Parameters
    ----------
    values : array, shape (rows, columns)
        The numbers.
    names : list of str, optional
        Name of each column, if a line says so.
    comments : list of str
        Lines that are no data, without their comment sign.
    """

    values: NDArray[np.float64]
    names: list[str] | None
    comments: list[str]


def why_not_readable(path: Path) -> str | None:
    """Return why the file has no spectra in columns, or None if it has."""
    if path.is_dir():
        return "a folder, not a file"
    try:
        table = parse_table(read_text(path))
        _energies(table)
    except ValueError as error:
        return str(error).removeprefix(f"{path}: ")
    return None


@spectra_reader(
    "columns",
    title="columns of text",
    patterns=("*.txt", "*.dat", "*.csv", "*.xsp", "*.nor", "*.xmu", "*.t", "*.r"),
    why_not_readable=why_not_readable,
)
def read_spectra(path: Path) -> list[Spectrum]:
    """Read one spectrum per signal column, or the spectrum of columns with known names (``energy i0 itrans``).

    Raises
    ------
    ValueError
        If the text has no such columns.
    """
    table = parse_table(read_text(path))
    energy, unit = _energies(table)
    return spectra_of(energy, table.values, table.names, path.stem, {"path": str(path), "energy_unit": unit})


def parse_table(text: str) -> Table:
    """Numbers in columns parted by blanks, tabs, commas or semicolons; ``#``, ``*`` and ``%`` begin comments.

    Raises
    ------
    ValueError
        If there are no two columns of numbers, rows differ in length, or text comes after the first number.
    """
    values, width = array("d"), 0
    comments: list[str] = []
    for number, line in enumerate(lines_of(text), 1):
        line = line.strip()
        if not line:
            continue
        if len(comments) > MOST_COMMENTS:
            raise ValueError(f"more than {MOST_COMMENTS} lines of it are no numbers")
        if line[0] in "#*%":
            comments.append(line.lstrip("#*% \t"))
            continue
        if len(line) > _LONGEST_LINE:
            raise ValueError(f"line {number} has {len(line)} signs: an image rather than spectra")
        row = _numbers(line)
        if row is None and not values:
            comments.append(line)
        elif row is None:
            raise ValueError(f"line {number} is not a row of numbers: {line[:60]!r}")
        elif values and len(row) != width:
            raise ValueError(f"line {number} has {len(row)} columns, the lines before it {width}")
        elif len(row) > _MOST_COLUMNS:
            raise ValueError(f"{len(row)} columns are an image rather than spectra")
        else:
            values.extend(row)
            width = len(row)
    if width < 2:
        raise ValueError("it has no two columns of numbers")
    return Table(np.array(values).reshape(-1, width), _names(comments, width), comments)


def _numbers(line: str) -> list[float] | None:
    """Return the numbers of a line, or None if anything in it is not a number."""
    if ";" in line:
        # A semicolon between columns leaves the comma for decimals, as spreadsheets in much of Europe write them.
        fields = [field.strip().replace(",", ".") for field in line.rstrip("; ").split(";")]
    elif "," in line:
        fields = [field.strip() for field in line.rstrip(", ").split(",")]
    else:
        fields = line.split()
    try:
        return [float(field) for field in fields]
    except ValueError:
        return None


def _names(comments: list[str], n_columns: int) -> list[str] | None:
    """Column names from the last line before the numbers, if it has as many words as there are columns."""
    for line in (line for line in reversed(comments[-2:]) if len(line) <= _LONGEST_LINE):
        for parted in (re.split(r"[;,]", line), line.split("\t"), line.split()):
            words = [word.strip().strip('"').strip() for word in parted]
            if len(words) == n_columns and all(words):
                return words
    return None


def _energies(table: Table) -> tuple[NDArray[np.float64], str]:
    """Return the first column in eV, with the source of its unit."""
    column = table.values[:, 0]
    if not looks_like_energies(column):
        raise ValueError("its first column is no list of photon energies in eV or keV")
    return to_ev(column, unit_in(table.names[:1] if table.names else table.comments))


def spectra_of(
    energy: NDArray[np.float64],
    values: NDArray[np.float64],
    names: list[str] | None,
    name: str,
    metadata: dict[str, Any],
    *,
    normalized: bool | None = None,
) -> list[Spectrum]:
    """Spectra from columns, after the names of these.

    Parameters
    ----------
    energy : array, shape (rows,)
        eV, in any order; rows are sorted and repeats averaged.
    values : array, shape (rows, columns)
        All columns, the energy first.
    names : list of str, optional
        Column names.
    name : str
        Name of the spectrum if there is only one.
    metadata : dict
        For each spectrum.
    normalized : bool, optional
        Whether columns of unknown names are normalized.

    Raises
    ------
    ValueError
        If the columns have known names but no mu(E) can be made of them.
    """
    column_names = [column.lower() for column in names] if names else []
    if any(column in (*NORMALIZED, *RAW, *OTHER) for column in column_names[1:]):
        mu, is_normalized, formula = _mu(column_names, values)
        return [_spectrum(name, energy, mu, metadata | {"normalized": is_normalized, "column": formula})]
    if normalized is not None:
        metadata = metadata | {"normalized": normalized}
    if values.shape[1] == 2:
        return [_spectrum(name, energy, values[:, 1], metadata | _quantity_in(names[1] if names else ""))]
    columns = names[1:] if names else [f"{name} {i}" for i in range(1, values.shape[1])]
    return [
        _spectrum(column, energy, values[:, i], metadata | _quantity_in(column))
        for i, column in enumerate(unique_names(columns), 1)
    ]


def _quantity_in(heading: str) -> dict[str, Any]:
    """Return what a heading of the Spectra dock says about its column."""
    quantity = heading.rpartition(" · ")[2]
    return {"normalized": _QUANTITIES[quantity]} if quantity in _QUANTITIES else {}


def _mu(column_names: list[str], values: NDArray[np.float64]) -> tuple[NDArray[np.float64], bool, str]:
    """mu(E), whether it is normalized, and what it was made of."""
    at = {column: i for i, column in reversed(list(enumerate(column_names)))}
    for column in (*NORMALIZED, *RAW):
        if column in at:
            return values[:, at[column]], column in NORMALIZED, column
    i0 = values[:, at["i0"]] if "i0" in at else None
    transmitted = next((column for column in ("itrans", "it", "i1") if column in at), None)
    emitted = next((column for column in ("ifluor", "if") if column in at), None)
    with np.errstate(divide="ignore", invalid="ignore"):
        if i0 is not None and transmitted:
            return np.log(i0 / values[:, at[transmitted]]), False, f"ln(i0/{transmitted})"
        if i0 is not None and emitted:
            return values[:, at[emitted]] / i0, False, f"{emitted}/i0"
    raise ValueError(f"no mu(E) can be made of the columns {', '.join(column_names)}")


def _spectrum(name: str, energy: NDArray[np.float64], mu: NDArray[np.float64], metadata: dict[str, Any]) -> Spectrum:
    mu, axis, notes = ordered(mu, energy)
    return Spectrum(name, axis, mu, metadata=metadata | ({"notes": notes} if notes else {}))


def unique_names(names: list[str]) -> list[str]:
    """Number the names that repeat.

    Examples
    --------
    >>> unique_names(["NiO", "NiO"])
    ['NiO', 'NiO (2)']
    """
    used_names: set[str] = set()
    numbers: dict[str, int] = {}
    unique = []
    for name in names:
        candidate = name
        while candidate in used_names:
            numbers[name] = numbers.get(name, 1) + 1
            candidate = f"{name} ({numbers[name]})"
        used_names.add(candidate)
        unique.append(candidate)
    return unique
