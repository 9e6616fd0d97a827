"""Athena projects: gzipped Perl lists or JSON, written by Athena (Ifeffit and Demeter) and by Larch.

The lists are read as text, sign by sign; nothing in them is ever run.
"""

from __future__ import annotations

import gzip
import json
import re
import warnings
import zlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from napari_xanes.io import ways_out
from napari_xanes.io.allocation_limits import LONGEST_LIST
from napari_xanes.io.energy_limits import looks_like_energies
from napari_xanes.io.files import decoded, starts_with
from napari_xanes.io.frames import ordered
from napari_xanes.io.metadata_json import expect
from napari_xanes.io.registry import spectra_reader
from napari_xanes.io.spectra.result import unique_names
from napari_xanes.spectrum import Spectrum

UNPACKED_BYTES = 32 << 20
"""No project is larger than this when unpacked."""

_PARAMETERS = {
    "bkg_e0": "e0",
    "bkg_pre1": "pre1",
    "bkg_pre2": "pre2",
    "bkg_nor1": "norm1",
    "bkg_nor2": "norm2",
    "bkg_step": "edge_step",
    "bkg_eshift": "energy_shift",
}
_STATEMENT = re.compile(r"^(?:@(\w+)\s*=\s*\(|(\[record\])|\$old_group\s*=\s*'([^']*)')", re.MULTILINE)
_ESCAPE = re.compile(r"\\(?:x\{([0-9a-fA-F]{1,5})\}|(.))", re.DOTALL)
"""A sign that Perl escapes, or writes by its number, as of letters beyond ASCII."""
_TOKEN = re.compile(
    r"""\s*(?:'([^'\\]*(?:\\.[^'\\]*)*)'|"([^"\\]*(?:\\.[^"\\]*)*)"|([\[\](){}])|(=>|,)|([^\s,'"\[\](){}=]+))""",
    re.DOTALL,
)
_Record = tuple[dict[Any, Any], dict[str, NDArray[np.float64]]]
_COLUMNS = ("x", "y", "stddev")
_MOST_NESTED = 100
_MOST_RECORDS = 10_000
_CLOSING = {"(": ")", "[": "]", "{": "}"}


def why_not_readable(path: Path) -> str | None:
    """Return why the file is not an Athena project, or None if it is."""
    if starts_with(path, 2) == b"\x1f\x8b":
        try:
            with gzip.open(path) as file:
                first = file.read(200)
        except (OSError, EOFError, zlib.error) as error:
            return f"its gzip content is damaged; copy it again ({error})"
    else:
        first = starts_with(path, 200)
    return None if b"Athena project file" in first else "it does not begin as an Athena project"


@spectra_reader("athena", title="Athena project", patterns=("*.prj",), why_not_readable=why_not_readable)
def read_spectra(path: Path) -> list[Spectrum]:
    """mu(E) of every record, its energy shift applied; records in k or R are left out with a warning.

    Raises
    ------
    ValueError
        If the file is damaged or holds no mu(E).
    """
    text = decoded(_unpacked(path), path)
    spectra: list[Spectrum] = []
    skipped_labels: list[str] = []
    for arguments, columns in _json_records(text) if text.lstrip()[:1] == "{" else _perl_records(text):
        if len(spectra) + len(skipped_labels) == _MOST_RECORDS:
            raise ValueError(f"the project has more than {_MOST_RECORDS} records; {ways_out.SPLIT}")
        spectrum = _spectrum(columns, arguments, path)
        if spectrum is None:
            skipped_labels.append(str(arguments.get("label", "?")))
        else:
            spectra.append(spectrum)
    if not spectra:
        raise ValueError("the project holds no mu(E); import data into groups in Athena, and save it again")
    if skipped_labels:
        warnings.warn(f"{path.name}: no mu(E) in {', '.join(skipped_labels)}; left out", UserWarning, stacklevel=3)
    names = unique_names([s.name for s in spectra])
    return [replace(spectrum, name=name) for name, spectrum in zip(names, spectra, strict=True)]


def _perl_records(text: str) -> Iterator[_Record]:
    """Yield the arguments and columns of each record of a project of Perl lists."""
    arguments: dict[Any, Any] = {}
    columns: dict[str, NDArray[np.float64]] = {}
    at = 0
    while (statement := _STATEMENT.search(text, at)) is not None:
        at = statement.end()
        if statement[1] == "args":
            items, at = _list(text, at)
            arguments |= dict(zip(items[::2], items[1::2], strict=False))
        elif statement[1] in _COLUMNS:
            items, at = _list(text, at)
            columns[statement[1]] = _numbers_of(items, statement[1])
        elif statement[3]:
            # The oldest projects have no label; the name of the group is what their users saw.
            arguments = {"label": statement[3]}
        elif statement[2]:
            yield arguments, columns
            arguments, columns = {}, {}


def _json_records(text: str) -> Iterator[_Record]:
    """Yield the arguments and columns of each record of a JSON project, in the order of its list."""
    project = expect(json.loads(text), dict, "the project")
    listed = [name for name in project.get("_____order") or [] if isinstance(name, str) and name in project]
    others = [name for name in project if not name.startswith("_____") and name not in listed]
    for name in [*listed, *others]:
        record = expect(project[name], dict, f"the record {name}")
        given = record.get("args") or {}
        arguments = dict(zip(given[::2], given[1::2], strict=False)) if isinstance(given, list) else dict(given)
        columns = {
            key: _numbers_of(expect(record[key], list, f"the column {key}"), key) for key in _COLUMNS if key in record
        }
        yield {"label": name} | arguments, columns


def _numbers_of(items: list[Any], name: str) -> NDArray[np.float64]:
    """Return a list of a project as numbers.

    Raises
    ------
    ValueError
        If one of them is none, such as one with a decimal comma.
    """
    try:
        return np.array(items, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(f"the list {name} of the project: {error}; save it again in Athena, with points") from None


def _unpacked(path: Path) -> bytes:
    try:
        if starts_with(path, 2) != b"\x1f\x8b":
            with path.open("rb") as file:
                content = _up_to(file, UNPACKED_BYTES + 1)
        else:
            with gzip.open(path) as file:
                content = _up_to(file, UNPACKED_BYTES + 1)
    except (EOFError, zlib.error) as error:
        raise ValueError(f"{path}: its gzip content is damaged; copy it again ({error})") from error
    if len(content) > UNPACKED_BYTES:
        raise ValueError(
            f"{path}: more than {UNPACKED_BYTES >> 20} MB unpacked is too much for a project; {ways_out.SPLIT}"
        )
    return content


def _up_to(file: BinaryIO | gzip.GzipFile, n_bytes: int) -> bytes:
    """Return the first bytes of a file without allocating more than the file has."""
    content = bytearray()
    while len(content) < n_bytes and (block := file.read(min(1 << 20, n_bytes - len(content)))):
        content += block
    return bytes(content)


def _list(text: str, at: int) -> tuple[list[Any], int]:
    """Parse the Perl list whose opening bracket ends at `at`; return it with its end. Nested lists become None."""
    items: list[Any] = []
    closing = [")"]
    while closing:
        if len(items) > LONGEST_LIST or len(closing) > _MOST_NESTED:
            raise ValueError("the project's lists are too long or nested too deeply; save it again in Athena")
        match = _TOKEN.match(text, at)
        if match is None:
            raise ValueError(
                f"the project's list is broken after {text[max(0, at - 30) : at]!r}; save it again in Athena"
            )
        at = match.end()
        single, double, bracket, _, bare = match.groups()
        if bracket in _CLOSING:
            if len(closing) == 1:
                items.append(None)
            closing.append(_CLOSING[bracket])
        elif bracket:
            if bracket != closing.pop():
                raise ValueError(
                    f"the project's brackets do not match at {text[max(0, at - 30) : at]!r}; save it again in Athena"
                )
        elif len(closing) == 1:
            quoted = single if single is not None else double
            if quoted is not None:
                items.append(_ESCAPE.sub(_letter, quoted))
            elif bare is not None:
                items.append(bare)
    return items, at


def _letter(escape: re.Match[str]) -> str:
    """Return the sign that Perl escaped; half of a pair of UTF-16 becomes a question mark."""
    return chr(int(escape[1], 16)).encode("utf-8", "replace").decode() if escape[1] else escape[2]


def _spectrum(columns: dict[str, NDArray[np.float64]], arguments: dict[Any, Any], path: Path) -> Spectrum | None:
    if arguments.get("datatype") in ("chi", "rsp", "qsp") or any(
        _number(arguments, f"is_{k}") for k in ("chi", "rsp", "qsp")
    ):
        return None
    energy, mu = (columns.get(key, np.empty(0)) for key in ("x", "y"))
    if energy.size < 2 or energy.size != mu.size or not looks_like_energies(energy):
        return None
    metadata: dict[str, Any] = {
        "path": str(path),
        "normalized": bool(_number(arguments, "is_nor")) or arguments.get("datatype") == "norm",
    }
    for key, name in (("bkg_z", "element"), ("fft_edge", "edge")):
        if arguments.get(key):
            metadata[name] = str(arguments[key]).capitalize()
    numbers = {name: _number(arguments, key) for key, name in _PARAMETERS.items()}
    metadata["athena"] = {name: number for name, number in numbers.items() if number is not None}
    energy, deviation = energy + (numbers["energy_shift"] or 0.0), columns.get("stddev")
    notes = []
    if not (good := np.isfinite(mu)).all():
        notes = [f"{np.count_nonzero(~good)} of {mu.size} points have no value and are left out"]
        deviation = deviation[good] if deviation is not None and deviation.size == mu.size else None
        energy, mu = energy[good], mu[good]
        if energy.size < 2:
            return None
    # The errors of points that are sorted or averaged are not those of single points.
    known = deviation is not None and deviation.size == mu.size and bool((np.diff(energy) > 0).all())
    mu, energy, order_notes = ordered(mu, energy)
    if notes := [*notes, *order_notes]:
        metadata["notes"] = notes
    sigma = deviation if known and deviation is not None and bool((deviation > 0).all()) else None
    name, valence = str(arguments.get("label") or path.stem), _number(arguments, "valence")
    return Spectrum(name, energy, mu, valence, sigma, metadata)


def _number(arguments: dict[Any, Any], key: str) -> float | None:
    try:
        number = float(arguments.get(key, ""))
    except (TypeError, ValueError):
        return None
    return number if np.isfinite(number) else None
