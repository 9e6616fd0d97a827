"""Spectra of the theory libraries as references. No Qt."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from napari_xanes.spectrum import Spectrum
from napari_xanes.theory.library.model import Library
from napari_xanes.theory.library.shipped import load_library

_STEPS = {"K": 0.25, "L3": 0.1}
"""Distance of the energies in eV: finer than the lines, and no longer than a measured spectrum."""

_USUAL = {"slater_scale": 0.8, "spin_orbit_scale": 1.0, "ds": 0.0, "dt": 0.0}
"""Values of the free ion in a cubic field."""


def edge_of(name: str) -> tuple[str, str]:
    """Return element and edge of a library by its name.

    Examples
    --------
    >>> edge_of("mn-l23-oh"), edge_of("ni-k")
    (('Mn', 'L3'), ('Ni', 'K'))
    """
    element, edge = name.split("-")[:2]
    return element.capitalize(), "K" if edge == "k" else "L3"


def theory_spectra(name: str, ten_dq: float = 1.0, broadening: float = 0.25) -> list[Spectrum]:
    """Return the compounds of a library, or one spectrum for each charge.

    Parameters
    ----------
    name : str
        Name of a library that comes with the package.
    ten_dq : float
        Cubic field in eV, of L edges; the nearest one of the library is taken.
    broadening : float
        Full width of the instrument's Gaussian in eV.

    Examples
    --------
    >>> [(spectrum.name, spectrum.valence) for spectrum in theory_spectra("ni-l23", ten_dq=1.1)]
    [('Ni2+ 10Dq 1.1 eV theory', 2.0), ('Ni3+ 10Dq 1.1 eV theory', 3.0), ('Ni4+ 10Dq 1.1 eV theory', 4.0)]
    """
    library = load_library(name)
    element, edge = edge_of(name)
    low, high = library.span
    energy = np.arange(low, high, _STEPS[edge])
    found = [library.spectrum(row, energy, broadening=broadening) for row in _rows(library, ten_dq)]
    facts = {"element": element, "edge": edge}
    return [replace(one, name=f"{one.name} theory", metadata={**one.metadata, **facts}) for one in found]


def _rows(library: Library, ten_dq: float) -> list[int]:
    """Return a member for each charge or compound: the plain one whose 10Dq is the nearest."""
    field = library.column("ten_dq")
    away = np.where(np.isnan(field), 0.0, abs(field - ten_dq))
    for column, value in _USUAL.items():
        values = library.column(column)
        away += np.where(np.isnan(values), 0.0, 100 * abs(values - value))
    away += np.where(np.isnan(library.column("delta")), 0.0, 1000.0)
    species = np.array(library.species)
    return [
        int(min(np.flatnonzero(species == one), key=lambda row: away[row])) for one in dict.fromkeys(library.species)
    ]
