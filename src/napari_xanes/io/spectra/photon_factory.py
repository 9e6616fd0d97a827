"""9809, the layout of XAFS beamlines in Japan: Photon Factory, SPring-8, SAGA-LS, Aichi SR, Ritsumeikan SR Center.

Text that begins with ``9809``; D of the crystal in the header; columns Angle(c), Angle(o), time, channels. A
line ``Mode`` says what each channel is: 1 I0, 2 It, 3 fluorescence, 4 electron yield, 103 input count rates. A line
``Offset`` holds dark counts per second, which the acquisition has subtracted.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from napari_xanes.io import ways_out
from napari_xanes.io.column_choice import NOTHING, Choice, Mode
from napari_xanes.io.files import read_text, starts_with
from napari_xanes.io.registry import spectra_reader
from napari_xanes.io.spectra.columns import spectra_of
from napari_xanes.io.spectra.edge_contrast import SHOWS_AN_EDGE, edge_contrast
from napari_xanes.io.spectra.roles import Meaning, meaning_of
from napari_xanes.io.spectra.table import Table, parse_table
from napari_xanes.spectrum import Spectrum

_AXES = ("Angle(c)", "Angle(o)", "time/s")
_CHANNELS = {1: "I0", 2: "It", 3: "If", 4: "TEY", 103: "ICR"}
_FLUORESCENCE = re.compile(r"fluorescence\s*\(", re.IGNORECASE)


def why_not_readable(path: Path) -> str | None:
    """Return why the file is no 9809 text, or None if it is."""
    return None if starts_with(path, 64).split()[:1] == [b"9809"] else "it does not begin with '9809'"


@spectra_reader(
    "photon_factory", title="9809 (Photon Factory, SPring-8)", patterns=("*.dat",), why_not_readable=why_not_readable
)
def read_spectra(path: Path, *, choice: Choice = NOTHING) -> list[Spectrum]:
    """Read mu(E): the observed angle with D of the header, channels by their modes.

    Raises
    ------
    ValueError
        If the header has no D, or no channels make mu(E).
    """
    table = parse_table(read_text(path))
    names = _names(table)
    meanings = [_meaning(name) for name in names]
    metadata = {"path": str(path), "offsets_subtracted": _numbers_after(table, "Offset")}
    roles = {meaning.role for meaning in meanings}
    says_fluorescence = any(_FLUORESCENCE.search(line) for line in table.comments)
    if choice == NOTHING and says_fluorescence and "it" in roles and "if" not in roles:
        # Quick scans are marked so: one line calls the only detector fluorescence, another one transmission.
        choice = _mode_that_shows_an_edge(replace(table, names=names), meanings)
    return spectra_of(replace(table, names=names), path.stem, metadata, choice=choice, meanings=meanings)


def _mode_that_shows_an_edge(table: Table, meanings: Sequence[Meaning]) -> Choice:
    """The mode that gives an edge that rises, where a header names two.

    Raises
    ------
    ValueError
        If none does, or both.
    """
    columns = {role: [i for i, m in enumerate(meanings) if m.role == role] for role in ("i0", "it")}
    if not columns["i0"]:
        return NOTHING
    signal = (table.names or [])[columns["it"][0]]
    modes: tuple[Mode, ...] = ("transmission", "fluorescence")
    choices = [Choice(signal=signal, mode=mode) for mode in modes]
    spectra = [spectra_of(table, "", {}, choice=choice, meanings=meanings)[0] for choice in choices]
    rising = [c for c, s in zip(choices, spectra, strict=True) if edge_contrast(s.energy, s.mu) >= SHOWS_AN_EDGE]
    if len(rising) != 1:
        raise ValueError(
            "its header says fluorescence, but its line 'Mode' marks the detector as transmitted; choose with mode="
        )
    return rising[0]


def _names(table: Table) -> list[str]:
    """Names of all columns: the angles, the time, and each channel with its number and what its mode says."""
    modes = _numbers_after(table, "Mode")
    n_columns = table.values.shape[1]
    if len(modes) < 3:
        raise ValueError(f"its header has no line 'Mode', which says what the channels are; {ways_out.WRITE_COLUMNS}")
    names = list(_AXES)
    for i in range(3, n_columns):
        kind = _CHANNELS.get(int(modes[i - 1])) if i - 1 < len(modes) else None
        names.append(f"{kind or 'channel'} {i - 2}")
    return names[:n_columns]


def _numbers_after(table: Table, label: str) -> list[float]:
    """The numbers of a header line, without its label."""
    for line in table.comments:
        words = line.split()
        if words[:1] == [label]:
            return [float(word) for word in words[1:]]
    return []


def _meaning(name: str) -> Meaning:
    kind, _, number = name.partition(" ")
    if kind == "If":
        return Meaning("if", group="if", element=number)
    # Input rates alone give no dead time; nothing in the layout says what the detector put out.
    return Meaning("other") if kind in ("ICR", "channel") else meaning_of(name)
