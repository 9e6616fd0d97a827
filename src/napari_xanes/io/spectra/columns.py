"""Spectra as columns of text: which columns hold energy, I0 and signals follows from names, units and values.

The stages are separate: `table` (text to numbers and names), `roles` (names to meanings), `energy_axis` (energies in eV
with the reason of the choice), `absorption` (mu(E), or a refusal that says what is missing). A `Choice` of the user
replaces any of them. Layouts that need more of their header have a module of their own and use the same stages.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np

from napari_xanes.io.column_choice import NOTHING, Choice, column_of
from napari_xanes.io.files import read_text
from napari_xanes.io.registry import spectra_reader
from napari_xanes.io.spectra.absorption import REFERENCE, Columns, are_samples, candidates
from napari_xanes.io.spectra.ending import refuse_unended
from napari_xanes.io.spectra.energy_axis import energy_axis
from napari_xanes.io.spectra.header_settings import remarks_of, settings_of
from napari_xanes.io.spectra.passes import parts_of
from napari_xanes.io.spectra.per_column import EXPORTED, one_per_column
from napari_xanes.io.spectra.result import renamed, said, spectrum_of, unique_names
from napari_xanes.io.spectra.roles import Meaning, meaning_of
from napari_xanes.io.spectra.selection import best, chosen
from napari_xanes.io.spectra.table import Table, parse_tables
from napari_xanes.spectrum import Spectrum

_NAMED = 8
"""Longest list of scans in a message."""


def why_not_readable(path: Path) -> str | None:
    """Return why the file has no table of numbers, or None if it has."""
    if path.is_dir():
        return "a folder, not a file"
    try:
        tables_of(path)
    except ValueError as error:
        return str(error).removeprefix(f"{path}: ")
    return None


def tables_of(path: Path) -> list[Table]:
    """Return the tables of a text file; asking and reading parse it once.

    Raises
    ------
    OSError, ValueError
        If the file can't be read or holds no table.
    """
    status = path.stat()
    return _parsed(path, status.st_ino, status.st_size, status.st_mtime_ns)


@lru_cache(maxsize=2)
def _parsed(path: Path, *_state: int) -> list[Table]:
    text = read_text(path)
    tables = parse_tables(text)
    if any(EXPORTED in name for table in tables for name in table.names or ()):
        refuse_unended(text)
    return tables


@spectra_reader(
    "columns",
    title="columns of text",
    patterns=("*.txt", "*.dat", "*.csv", "*.xsp", "*.nor", "*.xmu", "*.t", "*.r"),
    why_not_readable=why_not_readable,
)
def read_spectra(path: Path, *, choice: Choice = NOTHING) -> list[Spectrum]:
    """Read mu(E) from the columns of a text, one spectrum per scan; or one per column where no name says more.

    Raises
    ------
    ValueError
        If the text has no energies, or no mu(E) can be made of its columns.
    """
    spectra: list[Spectrum] = []
    tables = tables_of(path)
    refused: list[str] = []
    for name, table in scans_of(tables, path.stem, choice):
        try:
            spectra += spectra_of(table, name, {"path": str(path)}, choice=choice)
        except ValueError as error:
            if len(tables) == 1 or choice.scan is not None:
                raise
            refused.append(f"{name}: {error}")
    if not spectra:
        raise ValueError("; ".join(refused[:3]))
    if refused:
        warnings.warn(f"{path.name}: left out {'; '.join(refused)}", UserWarning, stacklevel=3)
    return [renamed(s, name) for s, name in zip(spectra, unique_names([s.name for s in spectra]), strict=True)]


def scans_of(tables: Sequence[Table], stem: str, choice: Choice) -> list[tuple[str, Table]]:
    """Return the tables to read with a name for each; the one that the user chose, or all.

    Raises
    ------
    ValueError
        If there is no such scan.
    """
    titled = [(f"{stem} {_title(table, i)}" if len(tables) > 1 else stem, table) for i, table in enumerate(tables, 1)]
    if choice.scan is None:
        return titled
    wanted = str(choice.scan).strip().lower()
    # A scan has the number that its title begins with, else its place in the file.
    numbers = [(table.title.split() or [str(i)])[0].lower() for i, table in enumerate(tables, 1)]
    found = [item for item, number in zip(titled, numbers, strict=True) if number == wanted]
    if not found and not wanted.isdigit():
        found = [item for item in titled if wanted in item[1].title.lower()]
    if len(found) != 1:
        known = ", ".join(table.title or str(i) for i, table in enumerate(tables[:_NAMED], 1))
        raise ValueError(f"scan={choice.scan!r} is not one scan of the file; it has {known}; choose one of them")
    return found


def _title(table: Table, number: int) -> str:
    return " ".join(f"scan {table.title or number}".split()[:4])


def spectra_of(
    table: Table,
    name: str,
    metadata: dict[str, Any],
    *,
    choice: Choice = NOTHING,
    normalized: bool | None = None,
    meanings: Sequence[Meaning] | None = None,
    header: Sequence[str] | None = None,
) -> list[Spectrum]:
    """Make spectra of a table.

    Parameters
    ----------
    table : Table
        Names, numbers and header.
    name : str
        Name of the spectrum if there is only one.
    metadata : dict
        For each spectrum.
    choice : Choice
        What the user chose.
    normalized : bool, optional
        Set where the file says what its columns are: then each is a spectrum, whatever its name.
    meanings : sequence of Meaning, optional
        What a layout says of its columns; the names say it by default.
    header : sequence of str, optional
        Lines that may give a unit, a d-spacing or an edge; the comments of the table by default.

    Raises
    ------
    ValueError
        If no column can be energies, or the columns have known names but no mu(E) can be made of them.
    """
    meanings = meanings or [meaning_of(n) for n in table.names or [""] * table.values.shape[1]]
    labels = table.names or [f"column {i}" for i in range(1, table.values.shape[1] + 1)]
    header = table.comments if header is None else header
    if table.names and choice == NOTHING and (parts := _axes_of(table, meanings)):
        return [s for part in parts for s in spectra_of(part, name, metadata, header=header, normalized=normalized)]
    column = None
    if choice.energy is not None:
        column = column_of(choice.energy, table.names, table.values.shape[1], what="energy")
    axis = energy_axis(table.values, table.names, meanings, header, column=column)
    if parts := parts_of(table, axis.energy):
        read = partial(spectra_of, choice=choice, normalized=normalized, meanings=meanings, header=header)
        return [s for i, part in enumerate(parts, 1) for s in read(part, f"{name} pass {i}", metadata)]
    columns = Columns(labels, meanings, table.values, axis.column)
    facts = metadata | {"energy_unit": axis.unit} | ({"reading": choice.to_plain()} if choice != NOTHING else {})
    others = [i for i in range(len(labels)) if i != axis.column]
    if _is_chosen(choice):
        found = chosen(columns, choice)
    elif normalized is not None or len(others) == 1:
        found = []
    else:
        # A reference is measured beside the sample: it is taken only where the user asks for it.
        found = candidates(columns)
        found = found if any(c.rank < REFERENCE for c in found) and not are_samples(found) else []
    if found:
        taken, why = best(found, axis.energy)
        if taken.mode != "as is" and (settings := settings_of(header)):
            taken = replace(taken, remarks=(*taken.remarks, *remarks_of(settings)))
            facts["header_settings"] = settings
        return [spectrum_of(name, axis, taken, table, facts | said(axis, taken, why, columns))]
    return one_per_column(table, columns, axis, name, facts, normalized)


def _is_chosen(choice: Choice) -> bool:
    return choice.i0 is not None or choice.signal is not None or choice.mode is not None


def _axes_of(table: Table, meanings: Sequence[Meaning]) -> list[Table]:
    """Parts of a table that has several energy columns of one name, each before its own columns."""
    names = table.names or []
    starts = [i for i, m in enumerate(meanings) if m.role == "energy" and names[i] == names[0]]
    if len(starts) < 2 or starts[0] != 0:
        return []
    parts = []
    for start, end in zip(starts, [*starts[1:], len(names)], strict=True):
        rows = np.isfinite(table.values[:, start])
        parts.append(Table(table.values[rows, start:end], names[start:end], table.comments, table.title))
    return [part for part in parts if part.values.shape[1] > 1]
