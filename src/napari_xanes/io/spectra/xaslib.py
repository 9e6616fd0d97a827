"""The X-ray Absorption Data Library (XASLIB, https://xaslib.xrayabsorption.org): one SQLite file of many spectra.

``scan="Fe K hematite"`` searches it: all spectra whose element, edge, name, sample or mode hold all of these words.
Rows of the table ``spectrum`` (``spectra`` in its first versions) hold lists of numbers in JSON. The file is opened for
reading only, nothing in it is run: neither views nor functions, and the work of a query is limited.
"""

from __future__ import annotations

import json
import sqlite3
import warnings
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
from numpy.typing import NDArray

from napari_xanes.io.allocation_limits import LONGEST_LIST
from napari_xanes.io.column_choice import NOTHING, Choice
from napari_xanes.io.files import starts_with
from napari_xanes.io.registry import spectra_reader
from napari_xanes.io.spectra.columns import spectra_of
from napari_xanes.io.spectra.result import renamed, unique_names
from napari_xanes.io.spectra.table import Table
from napari_xanes.spectrum import Spectrum

_SQLITE = b"SQLite format 3\0"
_OPEN_JOURNAL = bytes.fromhex("d9d505f920a163d7")
"""Begins a journal whose changes are half written; one that is done is empty, begins with zeros, or is gone."""

_MOST_SPECTRA = 5000
_LONGEST_TEXT = 8 << 20
_MOST_STEPS = 50_000
"""Of a thousand instructions each, for one query."""

_SIGNALS = {"i0": "i0", "itrans": "itrans", "ifluor": "ifluor", "iemit": "ifluor", "irefer": "irefer"}
_LINKS = {
    "element": ("element", "z", "symbol"), "edge": ("edge", "id", "name"), "mode": ("mode", "id", "name"),
    "sample": ("sample", "id", "name"), "energy_units": ("energy_units", "id", "units"),
}  # fmt: skip
_USED = {"id", "name", "energy", "d_spacing", *_SIGNALS, *_LINKS}
_NAMED = 8
_READS_ONLY = {sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ}
_ENERGY_NAMES = {"ev": "energy (eV)", "kev": "energy (keV)", "degrees": "angle (deg)", "steps": "steps"}


def why_not_readable(path: Path) -> str | None:
    """Return why the file is no data library, or None if it is."""
    if starts_with(path, 16) != _SQLITE:
        return "it is no SQLite file"
    with _opened(path) as library:
        return None if _table_of(library) else "its tables are not those of the X-ray Absorption Data Library"


@spectra_reader(
    "xaslib", title="XAS data library", patterns=("*.db", "*.xdl", "*.sqlite"), why_not_readable=why_not_readable
)
def read_spectra(path: Path, *, choice: Choice = NOTHING) -> list[Spectrum]:
    """Read the spectra of a library, or those that ``scan`` finds: a number, or words.

    Raises
    ------
    ValueError
        If there is no such spectrum, or none can be read.
    """
    with _opened(path) as library:
        found = list(_found(library, choice.scan, path.stat().st_size))
    if not found:
        every = choice.scan is None or choice.scan == ""
        raise ValueError(
            "it holds no spectra"
            if every
            else f"scan={choice.scan!r} finds no spectrum; napari-xanes info lists those of the file"
        )
    columns = replace(choice, scan=None)
    spectra: list[Spectrum] = []
    refused: list[str] = []
    for row in found:
        try:
            spectra += _spectra(row, path, columns)
        except ValueError as error:
            refused.append(f"{row['name']}: {error}")
    if not spectra:
        raise ValueError("; ".join(refused[:3]))
    if refused:
        more = f" ... ({len(refused)} in all)" if len(refused) > _NAMED else ""
        warnings.warn(f"{path.name}: left out {'; '.join(refused[:_NAMED])}{more}", UserWarning, stacklevel=3)
    return [renamed(s, name) for s, name in zip(spectra, unique_names([s.name for s in spectra]), strict=True)]


@contextmanager
def _opened(path: Path) -> Iterator[sqlite3.Connection]:
    """The library, for reading only; errors of SQLite name the file."""
    log, journal = (path.with_name(f"{path.name}-{kind}") for kind in ("wal", "journal"))
    for half, is_open in ((log, log.is_file() and log.stat().st_size), (journal, _is_open(journal))):
        if is_open:
            raise ValueError(
                f"{path}: another program has not finished writing it ({half.name}); close that program first"
            )
    try:
        with closing(
            sqlite3.connect(f"file:{quote(str(path.absolute()))}?mode=ro&immutable=1", uri=True)
        ) as connection:
            connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _LONGEST_TEXT)
            connection.execute("PRAGMA trusted_schema = OFF")
            connection.execute("PRAGMA cell_size_check = ON")
            connection.set_authorizer(
                lambda action, *_: sqlite3.SQLITE_OK if action in _READS_ONLY else sqlite3.SQLITE_DENY
            )
            steps = iter(range(_MOST_STEPS))
            connection.set_progress_handler(lambda: next(steps, None) is None, 1000)
            yield connection
    except sqlite3.Error as error:
        raise ValueError(f"{path}: damaged, or no data library; copy it again ({error})") from error


def _is_open(journal: Path) -> bool:
    if not journal.is_file():
        return False
    with journal.open("rb") as file:
        return file.read(len(_OPEN_JOURNAL)) == _OPEN_JOURNAL


def _table_of(library: sqlite3.Connection) -> str | None:
    """The table of spectra; views and virtual tables, which run other code, are none."""
    for name in ("spectrum", "spectra"):
        query = "SELECT sql FROM sqlite_master WHERE type = 'table' AND name = ?"
        for (sql,) in library.execute(query, (name,)):
            if str(sql).lower().lstrip().startswith("create table") and "energy" in str(sql).lower():
                return name
    return None


def _found(library: sqlite3.Connection, wanted: str | int | None, size: int) -> Iterator[dict[str, Any]]:
    """Yield the rows that a number or words find, with what they link to in the place of its number."""
    table = _table_of(library)
    cursor = library.execute(f"SELECT * FROM {table}")
    names = [_plain_name(item[0]) for item in cursor.description]
    links = {key: _linked(library, *link) for key, link in _LINKS.items()}
    words = str("" if wanted is None else wanted).lower().split()
    n_signs = 0
    for count, values in enumerate(cursor):
        if count == _MOST_SPECTRA:
            raise ValueError(f"it has more than {_MOST_SPECTRA} spectra; export those that you need as XDI")
        row = {name: value for name, value in zip(names, values, strict=True) if name in _USED}
        if (n_signs := n_signs + sum(len(v) for v in row.values() if isinstance(v, str | bytes))) > size:
            raise ValueError("its rows hold more than the file: it is damaged; copy it again")
        row |= {key: table.get(row.get(key), row.get(key)) for key, table in links.items()}
        row["name"] = str(row.get("name") or row["sample"] or f"spectrum {row.get('id')}")
        text = " ".join(str(row.get(key) or "") for key in ("element", "edge", "name", "sample", "mode")).lower()
        if words == [str(row.get("id"))] or not words or (not str(wanted).isdigit() and _holds(text, words)):
            yield row


def _holds(text: str, words: Sequence[str]) -> bool:
    """Whether a text holds all words: symbols and edges as whole words, longer ones also as parts of words."""
    parts = text.replace("_", " ").replace("-", " ").split()
    return all(word in parts or (len(word) > 2 and word in text) for word in words)


def _plain_name(column: str) -> str:
    """The name of a column without what versions of the library add: ``data_energy``, ``element_z``, ``edge_id``."""
    name = column.lower().removeprefix("data_").removeprefix("dat_")
    return name.removesuffix("_id").removesuffix("_z")


def _linked(library: sqlite3.Connection, table: str, key: str, name: str) -> dict[Any, Any]:
    try:
        rows = library.execute(f"SELECT {key}, {name} FROM {table}").fetchmany(10_000)
    except sqlite3.OperationalError as error:
        if "no such" not in str(error):
            raise
        return {}
    return dict(rows)


def _spectra(row: dict[str, Any], path: Path, choice: Choice) -> list[Spectrum]:
    """The spectrum of a row, made of its columns as that of any table."""
    mode = str(row.get("mode") or "").lower()
    if "raman" in mode:
        raise ValueError("X-ray Raman scattering has energy losses, no photon energies; choose another with scan=")
    energy = _numbers(row, "energy")
    if energy is None:
        raise ValueError("it has no energies; choose another with scan=")
    unit = str(row.get("energy_units") or "").strip().lower()
    columns = {_ENERGY_NAMES.get(unit, "energy"): energy}
    for key, name in _SIGNALS.items():
        values = _numbers(row, key)
        # A single number stands for a column that was not measured; of I0 it is the same for all energies.
        if values is None or (values.size == 1 and key != "i0"):
            continue
        if values.size not in (1, energy.size):
            # Without it, another column would be taken for the signal.
            raise ValueError(
                f"its {key} has {values.size} numbers for {energy.size} energies; "
                "choose another with scan=, or export it again"
            )
        columns[name] = np.broadcast_to(values, energy.shape)
    if choice == NOTHING and {"itrans", "ifluor"} <= set(columns):
        del columns["itrans" if mode.startswith(("fluo", "herfd", "elec", "xeol")) else "ifluor"]
    if "i0" not in columns:
        columns = {{"itrans": "mutrans", "ifluor": "mufluor"}.get(name, name): v for name, v in columns.items()}
    spacing = row.get("d_spacing")
    header = [f"d-spacing = {spacing:.8f}"] if isinstance(spacing, float) and spacing > 0 else []
    metadata = {"path": str(path), "library_id": row.get("id")}
    metadata |= {key: str(row[key]) for key in ("element", "edge", "sample") if row.get(key)}
    table = Table(np.stack(list(columns.values()), axis=1), list(columns), header)
    return spectra_of(table, row["name"], metadata, choice=choice)


def _numbers(row: dict[str, Any], key: str) -> NDArray[np.float64] | None:
    """A list of numbers in JSON, or None where there is none."""
    text = row.get(key)
    if not isinstance(text, str) or not text.strip() or len(text) > _LONGEST_TEXT:
        return None
    try:
        values = json.loads(text)
        if not isinstance(values, list) or not 0 < len(values) <= LONGEST_LIST:
            return None
        if not all(isinstance(value, int | float) for value in values):
            raise ValueError
        return np.array(values, np.float64)
    except (ValueError, RecursionError, OverflowError):
        raise ValueError(f"its {key} is no list of numbers; choose another with scan=, or export it again") from None
