"""Make libraries from measured spectra, and from text files of Quanty, Crispy, CTM4XAS and FEFF."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_xanes.edge import normalize_spectrum
from napari_xanes.io import read_spectra
from napari_xanes.io.files import read_text
from napari_xanes.io.frames import ordered
from napari_xanes.io.spectra.table import parse_table
from napari_xanes.spectrum import Spectrum, check_grid
from napari_xanes.theory.library.conventions import AXIS_STEP
from napari_xanes.theory.library.model import Library, at_k_edge
from napari_xanes.theory.multiplet.atomic import find_ion, parse_ion
from napari_xanes.theory.multiplet.spectra import empirical_offset

_ION = re.compile(r"(?<![A-Za-z])([A-Z][a-z]?)[ _-]?(\d)\+")
_TEN_DQ = re.compile(r"10 ?dq[ _=]*(-?\d+(?:\.\d+)?)", re.IGNORECASE)
_SIGNAL = ("mu", "xmu", "intensity")
_FEFF = "xmu.dat"
_RELATIVE = 100.0
"""Energies below this, in eV, are relative to the ion's mean energy, as multiplet programs write them."""


def library_of_spectra(source: Any) -> Library:
    """Make a library of measured or simulated spectra; see `load_library`.

    Parameters
    ----------
    source : path, folder, Spectrum, mapping with ``spectra``, or a list of them
        Valences come from the spectra or from the ions in their names, 10Dq from the names.

    Raises
    ------
    OSError
        If a file can't be read.
    ValueError
        If there is no spectrum, or the spectra share no energies.
    """
    if isinstance(source, Mapping):
        if "spectra" not in source:
            raise ValueError(
                f"a mapping describes a library by 'build' or by 'spectra', not by {', '.join(map(str, source))}"
            )
        if not isinstance(source["spectra"], list | tuple) or not all(
            isinstance(s, Mapping) for s in source["spectra"]
        ):
            raise ValueError(f"the spectra of a library are a list of spectra, not {str(source['spectra'])[:60]!r}")
        source = [Spectrum.from_plain(plain) for plain in source["spectra"]]
    items = list(source) if isinstance(source, Iterable) and not isinstance(source, str | Path) else [source]
    wrong = [item for item in items if not isinstance(item, str | Path | Spectrum | Mapping)]
    if wrong:
        raise ValueError(f"a library is made of spectra or paths of files, not of {str(wrong[0])[:60]!r}")
    spectra = [spectrum for item in items for spectrum in _spectra(item)]
    if not spectra:
        raise ValueError("a library needs at least one spectrum")
    spectra = [_per_atom(spectrum) for spectrum in spectra]
    low, high = max(s.energy[0] for s in spectra), min(s.energy[-1] for s in spectra)
    if high - low < 10 * AXIS_STEP:
        widest = ", ".join(f"{s.name!r} {s.energy[0]:g}-{s.energy[-1]:g}" for s in spectra[:4])
        raise ValueError(f"the spectra of a library must overlap in energy, but these do not (eV): {widest}")
    check_grid(low, high, AXIS_STEP, what="a library of these spectra")
    axis = low + AXIS_STEP * np.arange(int((high - low) / AXIS_STEP + 1e-6) + 1)
    ions = [_ion(spectrum) for spectrum in spectra]
    fields = [_number(_TEN_DQ, spectrum.name) for spectrum in spectra]
    charges = [ion[1] if s.valence is None and ion else s.valence for s, ion in zip(spectra, ions, strict=True)]
    table: dict[str, Any] = {
        "name": [spectrum.name for spectrum in spectra],
        "charge": np.array([np.nan if charge is None else charge for charge in charges], dtype=np.float64),
        "offset": np.zeros(len(spectra)),
    }
    if all(ions):
        table["element"] = [ion[0] for ion in ions if ion]
    if any(field is not None for field in fields):
        table["ten_dq"] = np.array([np.nan if field is None else field for field in fields])
    paths = list(dict.fromkeys(str(s.metadata["path"]) for s in spectra if "path" in s.metadata))
    name = Path(paths[0]).stem if len(paths) == 1 else "spectra"
    if len(items) == 1 and isinstance(items[0], str | Path):
        provenance: dict[str, Any] = {"path": str(Path(items[0]).resolve())}
        name = Path(items[0]).stem
    else:
        provenance = {"spectra": [spectrum.to_plain() for spectrum in spectra]}
    if any(path.lower().endswith(_FEFF) for path in paths):
        provenance["energies"] = "theory"
    absorption = np.stack([np.interp(axis, spectrum.energy, spectrum.mu) for spectrum in spectra])
    return Library(name, axis, absorption, table, provenance)


def _spectra(item: Any) -> list[Spectrum]:
    """Read the spectra of a path, a folder, a mapping or a Spectrum."""
    if isinstance(item, Spectrum):
        return [item]
    if isinstance(item, Mapping):
        return [Spectrum.from_plain(item)]
    path = Path(item)
    if path.is_dir():
        files = sorted(file for file in path.iterdir() if file.is_file() and not file.name.startswith("."))
        return [spectrum for file in files for spectrum in _spectra(file)]
    if path.name.lower().endswith(_FEFF):
        return [_feff(path)]
    multiplet = _multiplet(path)
    return read_spectra(path) if multiplet is None else [multiplet]


def _per_atom(spectrum: Spectrum) -> Spectrum:
    """Normalize a K-edge spectrum to an edge jump of 1 if its file says that it is raw; return others unchanged."""
    raw = spectrum.metadata.get("normalized") is False
    return normalize_spectrum(spectrum) if raw and at_k_edge(*spectrum.energy[[0, -1]]) else spectrum


def _feff(path: Path) -> Spectrum:
    """Read FEFF's ``xmu.dat``: omega (eV), e, k, mu, mu0, chi."""
    values = parse_table(read_text(path)).values
    if values.shape[1] < 4:
        raise ValueError(
            f"{path}: an xmu.dat has the columns omega, e, k and mu, but this file has {values.shape[1]} columns; "
            "take it as FEFF wrote it"
        )
    mu, energy, _ = ordered(values[:, 3], values[:, 0])
    return Spectrum(path.parent.name or path.stem, energy, mu, metadata={"path": str(path), "normalized": True})


def _multiplet(path: Path) -> Spectrum | None:
    """Read a spectrum on a relative axis, or Quanty's complex ``Re[0] Im[0]``; return None for any other file."""
    try:
        table = parse_table(read_text(path))
    except ValueError:
        return None
    energy, names = table.values[:, 0], [name.lower() for name in table.names or ()]
    complex_ = any(name.startswith("im[") for name in names)
    if not complex_ and not (energy.max() < _RELATIVE and np.all(np.diff(energy) > 0)):
        return None
    # Quanty writes the Green's function, whose imaginary part is minus pi times the absorption.
    signal = -_imaginary(table.values, names) if complex_ else _signal(table.values, names)
    if energy.max() < _RELATIVE:
        ion = _ION.search(path.stem)
        if ion is None:
            raise ValueError(
                f"{path}: energies of {energy.min():g} to {energy.max():g} eV are relative; name the ion in the file "
                "name, such as 'Mn2+ 10Dq 0.9.xy', to place them"
            )
        energy = energy + empirical_offset(find_ion(*parse_ion(ion[0])))
    mu, axis, _ = ordered(signal, energy)
    return Spectrum(path.stem, axis, mu, metadata={"path": str(path)})


def _imaginary(values: NDArray[np.float64], names: list[str]) -> NDArray[np.float64]:
    """Add the columns ``Im[...]``."""
    total: NDArray[np.float64] = values[:, [i for i, name in enumerate(names) if name.startswith("im[")]].sum(axis=1)
    return total


def _signal(values: NDArray[np.float64], names: list[str]) -> NDArray[np.float64]:
    """Return the column of absorption: by name, otherwise the second one."""
    column = next((i for i, name in enumerate(names) if name in _SIGNAL and i), 1)
    signal: NDArray[np.float64] = values[:, column]
    return signal


def _ion(spectrum: Spectrum) -> tuple[str, int] | None:
    match = _ION.search(spectrum.name)
    return (match[1], int(match[2])) if match else None


def _number(pattern: re.Pattern[str], text: str) -> float | None:
    match = pattern.search(text)
    return float(match[1]) if match else None
