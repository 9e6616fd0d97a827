"""The spectrum of what was taken from a table, with everything that a user should know about it."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_xanes.io.frames import ordered
from napari_xanes.io.spectra.absorption import Candidate, Columns
from napari_xanes.io.spectra.energy_axis import EV_FOR_KEV, EnergyAxis
from napari_xanes.io.spectra.table import Table
from napari_xanes.region_spectra import STANDARD_DEVIATION
from napari_xanes.spectrum import Spectrum

_NAMED = 8
"""Longest list of points in a message."""


def said(axis: EnergyAxis, taken: Candidate, why: str, columns: Columns) -> dict[str, Any]:
    """What was taken, why, and what else was there, for the metadata of the spectrum."""
    used = {name for names in taken.columns.values() for name in names}
    facts: dict[str, Any] = {
        "column": taken.formula,
        "mode": taken.mode,
        "columns": {"energy": [columns.names[axis.column]], **taken.columns},
        "reasons": [axis.reason, why, *taken.remarks],
        "unused_columns": [n for i, n in enumerate(columns.names) if n not in used and i != axis.column],
    }
    return facts | ({} if taken.normalized is None else {"normalized": taken.normalized})


def spectrum_of(name: str, axis: EnergyAxis, taken: Candidate, table: Table, metadata: dict[str, Any]) -> Spectrum:
    """The spectrum of a candidate, sorted, repeats averaged; points without a value are left out with a warning."""
    remarks = list(table.warnings)
    if axis.unit == EV_FOR_KEV:
        remarks.append(f"energies taken as {axis.unit}")
    good = np.isfinite(taken.mu)
    if good.sum() < 2:
        raise ValueError(f"{taken.formula} has {good.sum()} values; a spectrum needs at least two")
    if not good.all():
        remarks.append(_left_out(axis.energy[~good], taken, table.lines[~good] if table.lines.size else None))
    mu, energy, notes = ordered(taken.mu[good], axis.energy[good])
    notes = [note.replace("frames", "points") for note in notes]
    if notes:
        metadata = metadata | {"notes": notes}
    if remarks:
        metadata = metadata | {"warnings": remarks}
        warnings.warn(f"{name}: {'; '.join(remarks)}", UserWarning, stacklevel=3)
    return Spectrum(name, energy, mu, metadata=metadata)


def _left_out(energy: NDArray[np.float64], taken: Candidate, lines: NDArray[np.int64] | None) -> str:
    """Say which points have no value."""
    places = ", ".join(f"{e:g}" for e in energy[:_NAMED]) + (" ..." if energy.size > _NAMED else "")
    where = (
        f" (line{'s' if energy.size > 1 else ''} {', '.join(map(str, lines[:_NAMED]))})" if lines is not None else ""
    )
    return (
        f"{taken.formula} has no value at {places} eV{where}: zero, negative or missing; {energy.size} points left out"
    )


_OF_OLDER_REGIONS = {"quantity", "normalized"}
"""All metadata that earlier versions saved with the spectrum of a region; its sigma was the pixels' deviation."""


def errors_of(metadata: dict[str, Any], sigma: Any) -> tuple[dict[str, Any], Any]:
    """Return metadata and sigma of a saved spectrum; what earlier versions saved as sigma of a region is its deviation.

    Examples
    --------
    >>> errors_of({"quantity": "counts", "normalized": False}, [0.5, 0.5])
    ({'quantity': 'counts', 'normalized': False, 'standard_deviation': [0.5, 0.5]}, None)
    """
    if sigma is None or set(metadata) != _OF_OLDER_REGIONS:
        return metadata, sigma
    return metadata | {STANDARD_DEVIATION: sigma}, None


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


def renamed(spectrum: Spectrum, name: str) -> Spectrum:
    """Return a spectrum under another name."""
    if name == spectrum.name:
        return spectrum
    return Spectrum(name, spectrum.energy, spectrum.mu, spectrum.valence, spectrum.sigma, spectrum.metadata)
