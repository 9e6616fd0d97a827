"""K-edge libraries from runs of FEFF: sites averaged, on one axis, in one small file."""

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
"""-20 to 76 eV from the Fermi level of the library's first member."""

_STRETCH = 1.05
"""Factor on energies above the edge: FEFF's oscillations are too narrow by that."""

_EVERY = 5
"""A file keeps the points that are this many steps apart, .25 eV: the core hole alone is 1.1 eV wide or more."""


def write_k_library(name: str, runs: Path, folder: Path = FOLDER) -> None:
    """Compute a library and write it where `load_library` looks for it.

    Parameters
    ----------
    name : str
        One of `CRYSTALS`.
    runs : path
        Folder for FEFF's files; what was run there already is not run again.
    folder : path
        Where the library goes.

    Raises
    ------
    ImportError
        If feff10-rs is not installed.
    RuntimeError
        If a run is not to be trusted; see `run_feff`.
    """
    crystals = CRYSTALS[name]
    found = [_edge_of(crystal, runs) for crystal in crystals]
    first = found[0][0]
    spectra = [np.interp(AXIS, energy + fermi - first, mu) for fermi, energy, mu in found]
    table: dict[str, Any] = {
        "name": [crystal.name for crystal in crystals],
        "charge": [crystal.valence for crystal in crystals],
        # Measured oxides have the Fermi level within some eV of the element's tabulated edge; a calibration says where.
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
    """Fermi level (eV), energies from it and absorption of a crystal, its sites weighted by how often they occur."""
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
