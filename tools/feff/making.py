"""Make a K-edge library from runs of FEFF: average the sites, put all spectra on one axis, write one small file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from napari_xanes._typing import Float64Array
from napari_xanes.edge import tabulated_e0
from napari_xanes.theory.library.conventions import AXIS_STEP
from napari_xanes.theory.library.model import Library
from napari_xanes.theory.library.shipped import FOLDER
from tools.feff.crystals import CRYSTALS
from tools.feff.geometry import Crystal, multiplicity
from tools.feff.program import CARDS, RADIUS, feff_input, run_feff

AXIS: Float64Array = AXIS_STEP * np.arange(-400, 1521, dtype=np.float64)
"""Energies from -20 to 76 eV, relative to the Fermi level of the library's first member."""

_STRETCH = 1.05
"""Factor that stretches the energies above the edge, because FEFF's oscillations are too narrow by this factor."""

_EVERY = 5
"""A file keeps every fifth point, one per 0.25 eV. This is enough: the core hole broadens by at least 1.1 eV."""


def write_k_library(name: str, runs: Path, folder: Path = FOLDER) -> None:
    """Compute a library and write it to the folder that `load_library` reads.

    Parameters
    ----------
    name : str
        A key of `CRYSTALS`.
    runs : path
        Folder for FEFF's files. A run whose result is already there is not repeated.
    folder : path
        Folder for the library.

    Raises
    ------
    ImportError
        If feff10-rs is not installed.
    RuntimeError
        If a run failed; see `run_feff`.
    """
    crystals = CRYSTALS[name]
    edges = [_edge_of(crystal, runs) for crystal in crystals]
    first = edges[0][0]
    spectra = [np.interp(AXIS, energy + fermi - first, mu) for fermi, energy, mu in edges]
    table: dict[str, Any] = {
        "name": [crystal.name for crystal in crystals],
        "charge": [crystal.valence for crystal in crystals],
        # The Fermi level of a real oxide is a few eV from the element's tabulated edge; calibration finds how far.
        "offset": [tabulated_e0(crystals[0].absorber)] * len(crystals),
    }
    provenance = {
        "energies": "theory",
        "made by": "FEFF10 (J. Synchrotron Rad. 28, 1801, 2021), feff10-rs 0.2.4",
        "cards": list(CARDS),
        "cluster radius": RADIUS,
        "stretch": _STRETCH,
        "structures": {crystal.name: crystal.source for crystal in crystals},
    }
    library = Library(name, AXIS, np.array(spectra), table, provenance)
    library.save(folder / f"{name}.npz", every=_EVERY)


def _edge_of(crystal: Crystal, runs: Path) -> tuple[float, Float64Array, Float64Array]:
    """Return the Fermi level (eV) of a crystal, energies relative to it, and the mean absorption of its sites.

    Each site is weighted by its number of atoms in the cell.
    """
    results = []
    for site in crystal.absorbers:
        folder = runs / f"{crystal.name} {site.label}".replace(" ", "-")
        results.append(run_feff(feff_input(crystal, site), folder))
    weights = np.array([multiplicity(site, crystal) for site in crystal.absorbers], dtype=np.float64)
    weights /= weights.sum()
    first = results[0].edge
    axis = np.arange(AXIS[0] - 10, AXIS[-1] + 10, AXIS_STEP)
    stretched = [np.where(r.energy > 0, _STRETCH, 1.0) * r.energy + r.edge - first for r in results]
    mu = sum(w * np.interp(axis, energy, r.mu) for w, energy, r in zip(weights, stretched, results, strict=True))
    return first, axis, mu
