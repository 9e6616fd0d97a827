"""REX2000 (Rigaku): mu(E) in ``.ex3``, also in its ``.rex`` and ``.xan``; one file, or a folder of them.

Text of lines ``*EX_ATOM=Cu`` and of sections; energies in eV and mu(E) stand between ``[EX_BEGIN]`` and ``[EX_END]``
or an empty line. Other sections hold the background, chi(k) and its Fourier transform, which are left out.
"""

from __future__ import annotations

import re
import warnings
from dataclasses import replace
from pathlib import Path

from napari_xanes.io import ways_out
from napari_xanes.io.files import files_in, lines_of, link_warnings, read_text, starts_with
from napari_xanes.io.registry import spectra_reader
from napari_xanes.io.spectra.columns import spectra_of
from napari_xanes.io.spectra.result import renamed, unique_names
from napari_xanes.io.spectra.roles import meaning_of
from napari_xanes.io.spectra.table import Table, parse_table
from napari_xanes.spectrum import Spectrum

_BEGIN, _END = "[EX_BEGIN]", "[EX_END]"
_SUFFIXES = (".ex3", ".rex", ".xan")
_FIELD = re.compile(r"\*EX_(\w+)\s*=\s*(.*)")
_NAMES = ["energy (eV)", "mu"]
_MOST_FILES = 10_000
_LEAST_ROWS = 2


def why_not_readable(path: Path) -> str | None:
    """Return why a file or folder is not of REX2000, or None if it is."""
    if path.is_dir():
        return None if files_in(path, _SUFFIXES)[0] else "a folder without files .ex3"
    first = starts_with(path, 4096)
    return None if b"[EX_DATA]" in first or b"[EX_BEGIN]" in first else "it has no section [EX_DATA]"


@spectra_reader(
    "rex", title="REX2000", patterns=tuple(f"*{s}" for s in _SUFFIXES), why_not_readable=why_not_readable, folders=True
)
def read_spectra(path: Path) -> list[Spectrum]:
    """Read mu(E) of a file, or of each file of a folder; files without it are left out with a warning.

    Raises
    ------
    ValueError
        If there is no mu(E), or a line among its rows is no row of numbers.
    """
    if not path.is_dir():
        return _spectra(path)
    files, links = files_in(path, _SUFFIXES)
    if len(files) > _MOST_FILES:
        raise ValueError(f"it has {len(files)} files, no more than {_MOST_FILES} are read at once")
    spectra: list[Spectrum] = []
    refused: list[str] = []
    for file in files:
        try:
            spectra += _spectra(file)
        except ValueError as error:
            refused.append(f"{file.name}: {error}")
    if not spectra:
        raise ValueError("; ".join(refused[:3]) or "its links lead out of the folder and are not followed")
    for text in [*link_warnings(links), *([f"left out {'; '.join(refused)}"] if refused else [])]:
        warnings.warn(f"{path.name}: {text}", UserWarning, stacklevel=3)
    return [renamed(s, name) for s, name in zip(spectra, unique_names([s.name for s in spectra]), strict=True)]


def _spectra(path: Path) -> list[Spectrum]:
    text = read_text(path)
    table = _table(text)
    metadata = {"path": str(path)}
    fields = {match[1]: _japanese(match[2].strip()) for line in lines_of(text) if (match := _FIELD.match(line.strip()))}
    for field, key in (("ATOM", "element"), ("EDGE", "edge"), ("SAMPLE", "sample")):
        if fields.get(field):
            metadata[key] = fields[field]
    meanings = [meaning_of(name) for name in _NAMES]
    return spectra_of(table, path.stem, metadata, meanings=meanings, header=())


def _table(text: str) -> Table:
    """The rows of the section of mu(E); all other lines become empty, so that messages give the right numbers."""
    kept: list[str] = []
    is_inside = False
    n_rows = 0
    for line in lines_of(text):
        stripped = line.strip()
        if is_inside and (stripped.startswith("[") or (not stripped and n_rows)):
            is_inside = False
        kept.append(line if is_inside else "")
        n_rows += bool(is_inside and stripped)
        is_inside = is_inside or (stripped.startswith(_BEGIN) and n_rows == 0)
    if n_rows < _LEAST_ROWS:
        raise ValueError(f"its section {_BEGIN} holds {n_rows} rows; {ways_out.EXPORT_SPECTRA}")
    table = parse_table("\n".join([*kept, ""]))
    if table.values.shape[1] != len(_NAMES):
        raise ValueError(
            f"its section {_BEGIN} has {table.values.shape[1]} columns, not energies and mu(E); "
            f"{ways_out.EXPORT_SPECTRA}"
        )
    return replace(table, names=_NAMES)


def _japanese(text: str) -> str:
    """A text in Shift-JIS that was decoded as Latin-1; any other text unchanged."""
    try:
        return text.encode("latin-1").decode("cp932")
    except UnicodeError:
        return text
