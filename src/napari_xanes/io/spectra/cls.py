"""Scans of the Canadian Light Source (HXMA): PVs as names, counters ``mcs04`` to ``mcs06`` for I0, It and Iref."""

from __future__ import annotations

import re
from pathlib import Path

from napari_xanes.io.column_choice import NOTHING, Choice
from napari_xanes.io.files import read_text, starts_with
from napari_xanes.io.registry import spectra_reader
from napari_xanes.io.spectra.columns import spectra_of
from napari_xanes.io.spectra.roles import Meaning, meaning_of
from napari_xanes.io.spectra.table import parse_table
from napari_xanes.spectrum import Spectrum

_COUNTERS = {"04": Meaning("i0"), "05": Meaning("it"), "06": Meaning("iref")}
_COUNTER = re.compile(r"\bmcs(\d\d)\b")


def why_not_readable(path: Path) -> str | None:
    """Return why the file is no scan of the CLS, or None if it is."""
    first = starts_with(path, 4096)
    is_scan = b"CLS Data Acquisition" in first[:80] and b":mcs0" in first
    return None if is_scan else "it does not begin as a scan of the Canadian Light Source"


@spectra_reader("cls", title="CLS HXMA", patterns=("*.dat",), why_not_readable=why_not_readable)
def read_spectra(path: Path, *, choice: Choice = NOTHING) -> list[Spectrum]:
    """Read ln(mcs04/mcs05), I0 and It of HXMA; other counters can be chosen.

    Raises
    ------
    ValueError
        If the scan has no energies or counters.
    """
    table = parse_table(read_text(path))
    meanings = [_meaning(name) for name in table.names or []]
    return spectra_of(table, path.stem, {"path": str(path)}, choice=choice, meanings=meanings or None)


def _meaning(name: str) -> Meaning:
    counter = _COUNTER.search(name)
    return _COUNTERS.get(counter[1], Meaning("unknown")) if counter else meaning_of(name)
