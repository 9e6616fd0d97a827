"""Spectra to search in: from objects, folders, projects, data libraries and theory, those of one edge on one scale."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from pydantic import BeforeValidator

from napari_xanes._typing import Float64Array
from napari_xanes.edge import normalize_spectrum
from napari_xanes.io import read_spectra
from napari_xanes.io.spectra.result import renamed, unique_names
from napari_xanes.maps.fitting.reference_scale import on_one_scale
from napari_xanes.maps.searching.columns import Columns
from napari_xanes.parameters import Param
from napari_xanes.spectrum import Spectrum
from napari_xanes.theory.library.model import Library
from napari_xanes.theory.library.shipped import LIBRARIES, load_library
from napari_xanes.wording import counted, first_few

_NAMED = 4
"""Longest list of names in a message."""


@dataclass(frozen=True, eq=False)
class SpectraLibrary:
    """Spectra to search in, as they were read.

    Parameters
    ----------
    name : str
        Of the library.
    spectra : tuple of Spectrum
        Of any edges; their names differ.
    source : str, optional
        Path or name that the library was loaded by; without one, a recipe stores all numbers.
    warnings : tuple of str
        What was left out.
    """

    name: str
    spectra: tuple[Spectrum, ...]
    source: str | None = None
    warnings: tuple[str, ...] = ()
    _last: dict[bytes, tuple[Columns, tuple[str, ...]]] = field(default_factory=dict, repr=False)

    def to_plain(self) -> Any:
        """Return what a recipe stores: the path or name of the library, or its spectra."""
        return self.source if self.source else {"spectra": [spectrum.to_plain() for spectrum in self.spectra]}

    def __len__(self) -> int:
        return len(self.spectra)

    def without(self, names: Sequence[str]) -> SpectraLibrary:
        """Return the library without some spectra."""
        left = tuple(spectrum for spectrum in self.spectra if spectrum.name not in names)
        return SpectraLibrary(self.name, left, None, self.warnings)

    def columns(self, energy: Float64Array, shift: float) -> tuple[Columns, list[str]]:
        """Return its spectra that cover energies (E,) at all shifts up to `shift`, in eV, and what `covering` says.

        The last ones are kept, because many spectra have the same energies.
        """
        key = np.append(energy, shift).tobytes()
        kept = self._last.get(key)
        if kept is None:
            members, warnings = self.covering(float(energy[0]) - shift, float(energy[-1]) + shift)
            kept = Columns.of(members, energy, shift), tuple(warnings)
            self._last.clear()
            self._last[key] = kept
        return kept[0], list(kept[1])

    def covering(self, low: float, high: float) -> tuple[list[Spectrum], list[str]]:
        """Return the spectra that cover a range of energies (eV), on one scale, and what a user should know.

        Raises
        ------
        ValueError
            If there are none: the library is of another edge, or its spectra are too short.
        """
        meeting = [s for s in self.spectra if s.energy[0] < high and s.energy[-1] > low]
        if not meeting:
            raise ValueError(
                f"no spectrum of the library {self.name!r} ({_edges(self.spectra)}) has energies between {low:g} and "
                f"{high:g} eV: it is a library of another edge; choose one of the same element"
            )
        inside = [s for s in meeting if s.energy[0] <= low and s.energy[-1] >= high]
        if not inside:
            widest = max(meeting, key=lambda s: min(s.energy[-1], high) - max(s.energy[0], low))
            raise ValueError(
                f"no spectrum of the library {self.name!r} covers {low:g} to {high:g} eV; {widest.name!r} has "
                f"{widest.energy[0]:g} to {widest.energy[-1]:g} eV: give a smaller energy range, or a smaller shift"
            )
        warnings = list(self.warnings)
        if n_short := len(meeting) - len(inside):
            names = [s.name for s in meeting if s not in inside]
            warnings.append(
                f"{counted(n_short, 'spectrum', 'spectra')} of the library left out, too short for {low:g} to "
                f"{high:g} eV: {first_few(names, _NAMED)}"
            )
        return on_one_scale([_per_atom(s) for s in inside], "auto", warnings), warnings


def load_spectra_library(value: Any) -> SpectraLibrary:
    """Load a library to search in.

    Parameters
    ----------
    value : list of Spectrum, path, str, Library, mapping with ``spectra``, or SpectraLibrary
        A folder of files of spectra; a file that holds several (an Athena project, the SQLite file of the X-ray
        Absorption Data Library, a table); the name or the ``.npz`` file of a library of theory.

    Raises
    ------
    OSError
        If a file can't be read.
    ValueError
        If there is no spectrum.
    """
    if isinstance(value, SpectraLibrary):
        return value
    if isinstance(value, Library):
        return _of_theory(value)
    is_path = isinstance(value, str | Path)
    if is_path and (str(value) in LIBRARIES or Path(value).suffix == ".npz"):
        return _of_theory(load_library(value))
    if is_path:
        return _of_path(Path(value))
    if isinstance(value, Mapping) and isinstance(value.get("spectra"), list | tuple):
        value = value["spectra"]
    items = list(value) if isinstance(value, list | tuple) else [value]
    items = [_from_plain(item) if isinstance(item, Mapping) else item for item in items]
    wrong = [item for item in items if not isinstance(item, Spectrum | str | Path)]
    if wrong:
        raise ValueError(f"a library is made of spectra or paths of files, not of {str(wrong[0])[:60]!r}")
    spectra: list[Spectrum] = []
    warnings: list[str] = []
    for item in items:
        if isinstance(item, Spectrum):
            spectra.append(item)
        else:
            part = _of_path(Path(item))
            spectra += part.spectra
            warnings += part.warnings
    return _named("spectra", spectra, None, warnings)


LibraryToSearch = Annotated[
    Any,
    BeforeValidator(load_spectra_library),
    Param(kind="spectra_library", files=True, words=tuple(LIBRARIES)),
]
"""A `SpectraLibrary`, given as spectra, a name, a file or a folder."""


def _from_plain(item: Any) -> Spectrum:
    if not isinstance(item, Mapping):
        raise ValueError(f"the spectra of a library are mappings, not {str(item)[:60]!r}")
    return Spectrum.from_plain(item)


def _of_theory(library: Library) -> SpectraLibrary:
    spectra = [library.spectrum(row) for row in range(len(library))]
    plain = library.to_plain() if {"path", "shipped"} & set(library.provenance) else None
    warnings = []
    if library.needs_calibration:
        warnings.append(
            f"the energies of {library.name!r} come from theory and may be wrong by some eV: allow a larger shift"
        )
    return _named(library.name, spectra, plain, warnings)


def _of_path(path: Path) -> SpectraLibrary:
    spectra: list[Spectrum] = []
    refused: list[str] = []
    for file in _files(path):
        try:
            spectra += [s for s in read_spectra(file) if s.metadata.get("signal") != "I0"]
        except ValueError as error:
            if file == path:
                raise
            refused.append(f"{file.name}: {str(error)[:80]}")
    if not spectra and refused:
        raise ValueError(f"no file of {path} holds a spectrum; {refused[0]}; choose another folder")
    warnings = [f"{counted(len(refused), 'file', 'files')} left out: {first_few(refused, _NAMED)}"] if refused else []
    return _named(path.stem, spectra, str(path.resolve()), warnings)


def _files(path: Path) -> Iterator[Path]:
    if not path.is_dir():
        yield path
        return
    yield from sorted(file for file in path.iterdir() if file.is_file() and not file.name.startswith("."))


def _named(name: str, spectra: list[Spectrum], source: str | None, warnings: list[str]) -> SpectraLibrary:
    if not spectra:
        raise ValueError("a library to search in needs at least one spectrum; give files that hold some")
    names = unique_names([spectrum.name for spectrum in spectra])
    renamed_ones = tuple(renamed(s, new) for s, new in zip(spectra, names, strict=True))
    return SpectraLibrary(name, renamed_ones, source, tuple(warnings))


def _per_atom(spectrum: Spectrum) -> Spectrum:
    """Normalize a raw spectrum here, so that many are not compared first; those that have no lines stay."""
    finite = np.isfinite(spectrum.mu)
    if not finite.all():
        sigma = None if spectrum.sigma is None else spectrum.sigma[finite]
        spectrum = replace(spectrum, energy=spectrum.energy[finite], mu=spectrum.mu[finite], sigma=sigma)
    if spectrum.metadata.get("normalized") is not False:
        return spectrum
    try:
        return normalize_spectrum(spectrum)
    except ValueError:
        return spectrum


def _edges(spectra: Sequence[Spectrum]) -> str:
    """Say of which edges spectra are, or which energies they have."""
    known = {
        f"{s.metadata['element']} {s.metadata.get('edge', '')}".strip() for s in spectra if "element" in s.metadata
    }
    if known:
        return first_few(sorted(known), _NAMED)
    return f"{min(s.energy[0] for s in spectra):g} to {max(s.energy[-1] for s in spectra):g} eV"
