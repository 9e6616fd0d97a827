"""References that are given as objects or as files: names of records, new names, valences, shifts in energy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from napari_xanes.spectrum import Spectrum
from napari_xanes.spectrum_lines import LINE_KEYS, LINES
from napari_xanes.wording import first_few

_NAMED = 8
"""Longest list of names in a message."""


def load_references(value: Any) -> list[Spectrum]:
    """Return spectra from Spectrum objects, paths, or mappings such as ``{path: NiO.txt, name: NiO, valence: 2}``.

    Parameters
    ----------
    value : Spectrum, path, mapping, or a list of them
        A mapping with a path may name one of several spectra in the file, or give a new name to the only one. With a
        ``record``, the name of a spectrum in the file, the name is a new one for it. ``shift`` is added to the energies
        in eV, and ``lines``, a mapping with e0 (eV), pre and post (eV from it), says how to normalize the spectrum. It
        may also choose columns, mode and scan, as `napari_xanes.read_spectra` takes them.

    Raises
    ------
    ValueError
        If there is no spectrum, two spectra have the same name, or a file holds I0 or not the named spectrum.
    """
    items = list(value) if isinstance(value, list | tuple) else [value]
    spectra = [spectrum for item in items for spectrum in _spectra(item)]
    if not spectra:
        raise ValueError("no reference spectra; load at least one")
    names = [spectrum.name for spectrum in spectra]
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"two references have the name {name!r}; give them different names")
    return spectra


def _spectra(item: Any) -> list[Spectrum]:
    """Return the spectra that one item of `load_references` stands for."""
    from napari_xanes.io import CHOICES, read_spectra

    if isinstance(item, Spectrum):
        return [item]
    if isinstance(item, str | Path):
        return _without_i0(read_spectra(item))
    if not isinstance(item, Mapping):
        raise ValueError(f"a reference is a Spectrum, a path, or a mapping with a path, not {item!r}")
    if "mu" in item:
        return [Spectrum.from_plain(item)]
    further = ("record", "shift", LINES, *CHOICES)
    unknown = set(item) - {"path", "name", "valence", *further}
    if "path" not in item or unknown:
        given = ", ".join(map(str, item)) or "nothing"
        raise ValueError(f"a reference has path, name and valence, and may have {', '.join(further)}, not {given}")
    if not isinstance(item["path"], str | Path):
        raise ValueError(f"the path of a reference is text, not {item['path']!r}")
    choice = {key: item[key] for key in CHOICES if key in item}
    spectra = read_spectra(item["path"], **choice)
    if "signal" not in choice:
        _without_i0(spectra)
    return [
        replace(s, name=str(item.get("name", s.name)), valence=item.get("valence", s.valence))
        .shifted(_shift(item))
        .with_lines(**_lines(item))
        for s in _named(item, spectra)
    ]


def _named(item: Mapping[str, Any], spectra: list[Spectrum]) -> list[Spectrum]:
    """Return the spectra of a file that an item means: a record, else the one of its name, else all."""
    wanted = item.get("record", item.get("name"))
    matches = [spectrum for spectrum in spectra if spectrum.name == wanted]
    if wanted is not None and not matches and (len(spectra) > 1 or "record" in item):
        raise ValueError(
            f"{item['path']} holds {first_few([s.name for s in spectra], _NAMED)}, but no {str(wanted)[:60]!r}; choose "
            "one that it holds"
        )
    return matches or spectra


def _shift(item: Mapping[str, Any]) -> float:
    shift = item.get("shift", 0.0)
    if isinstance(shift, bool) or not isinstance(shift, int | float) or not np.isfinite(shift):
        raise ValueError(f"the shift of a reference is a number of eV, not {str(shift)[:60]!r}")
    return float(shift)


def _lines(item: Mapping[str, Any]) -> dict[str, Any]:
    lines = item.get(LINES) or {}
    known = isinstance(lines, Mapping) and set(lines) <= set(LINE_KEYS)
    values = [
        value
        for given in (lines.values() if known else ())
        for value in (given if isinstance(given, list | tuple) else [given])
    ]
    if not known or any(isinstance(value, bool) or not isinstance(value, int | float) for value in values):
        raise ValueError(f"the lines of a reference are {', '.join(LINE_KEYS)} in eV, not {str(lines)[:60]!r}")
    return dict(lines)


def _without_i0(spectra: list[Spectrum]) -> list[Spectrum]:
    """Return references, or refuse a file whose only column is I0."""
    for spectrum in spectra:
        if spectrum.metadata.get("signal") == "I0":
            path, column = spectrum.metadata.get("path"), spectrum.metadata.get("column")
            raise ValueError(f"{path} holds I0 (column {column!r}), no absorption; a reference needs mu(E)")
    return spectra


def load_reference(value: Any) -> Spectrum | None:
    """Return one spectrum, given as in `load_references`, or None.

    Raises
    ------
    ValueError
        If there are several spectra.
    """
    if value is None:
        return None
    spectra = load_references(value)
    if len(spectra) > 1:
        names = ", ".join(spectrum.name for spectrum in spectra)
        raise ValueError(f"give one spectrum, not {len(spectra)} ({names}); choose by {{path: ..., name: ...}}")
    return spectra[0]
