"""Run FEFF10: write the input for a cluster, start the calculation, and check its result."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np

from napari_xanes._typing import Float64Array
from tools.feff.geometry import Crystal, Site, cluster, multiplicity

RADIUS = 6.5
"""Radius of the cluster in angstrom. It is one shell larger than the radius of multiple scattering, so that the outer
scattering atoms have neighbours."""

CARDS = (
    "EDGE K",
    "S02 1.0",
    "CONTROL 1 1 1 1 1 1",
    "PRINT 0 0 0 0 0 0",
    "EXCHANGE 0 0.0 0.0",
    "SCF 4.3 0 60 0.05 1",
    "FMS 5.5 0",
    "COREHOLE RPA",
    "XANES 4.5 0.07 0.3",
)
"""Settings of FEFF: self-consistent potentials within 4.3 angstrom, full multiple scattering within 5.5 angstrom,
Hedin-Lundqvist self-energy, a core hole screened in the random phase approximation, and energies up to 77 eV above the
edge."""

_LMAX = {"O": (1, 2), "Li": (1, 2)}
"""Largest angular momentum of an element in the potential and in multiple scattering; (2, 3) for other elements."""

_FERMI = (-20.0, 0.0)
"""Range of the Fermi level of oxides in eV. A level outside this range means that the potentials are wrong."""

_ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    # FEFF allocates and frees large arrays at every energy. Without these, glibc asks the kernel for each of them.
    "MALLOC_MMAP_MAX_": "0",
    "MALLOC_TRIM_THRESHOLD_": "2000000000",
    "MALLOC_TOP_PAD_": "268435456",
}


class KEdge(NamedTuple):
    """FEFF's result for one site.

    Parameters
    ----------
    energy : array, shape (E,)
        Energies in eV, relative to the Fermi level.
    mu : array, shape (E,)
        Absorption. A single atom has an absorption of 1 at 50 eV above the Fermi level.
    edge : float
        Photon energy of the Fermi level in eV. It has an unknown constant error.
    """

    energy: Float64Array
    mu: Float64Array
    edge: float


def feff_input(crystal: Crystal, absorber: Site) -> str:
    """Return the text of ``feff.inp`` for the K edge of one site.

    Atoms with the same label share a potential. The absorber has its own potential.

    Parameters
    ----------
    crystal : Crystal
        The structure.
    absorber : Site
        The site of this crystal that absorbs.
    """
    from xraydb import atomic_number

    def potential(number: int, element: str, share: float) -> str:
        low, high = _LMAX.get(element, (2, 3))
        return f"{number} {atomic_number(element)} {element} {low} {high} {share:g}"

    neighbours = cluster(crystal, absorber, RADIUS)
    labels = list(dict.fromkeys(neighbours.labels[1:]))
    potentials = [potential(0, absorber.element, 0.01)]
    for number, label in enumerate(labels, start=1):
        alike = [site for site in crystal.sites if site.label == label]
        share = sum(multiplicity(site, crystal) for site in alike)
        potentials.append(potential(number, alike[0].element, share))
    atoms = [
        f"{x:.5f} {y:.5f} {z:.5f} {labels.index(label) + 1 if i else 0}"
        for i, (label, (x, y, z)) in enumerate(zip(neighbours.labels, neighbours.places, strict=True))
    ]
    title = f"TITLE {crystal.name} {absorber.label}"
    return "\n".join([title, *CARDS, "POTENTIALS", *potentials, "ATOMS", *atoms, "END", ""])


def run_feff(text: str, folder: Path) -> KEdge:
    """Calculate the K-edge absorption of a cluster, unless `folder` already holds the result of the same input.

    A calculation takes about a minute. FEFF's messages go to ``output.txt`` in `folder`. Each stage of FEFF runs in its
    own process.

    Parameters
    ----------
    text : str
        Input from `feff_input`.
    folder : path
        Folder for FEFF's files; created if it does not exist.

    Raises
    ------
    ImportError
        If feff10-rs is not installed.
    RuntimeError
        If the calculation stopped early, did not converge, or gave a Fermi level that no oxide has.
    """
    import feff10  # noqa: F401  # raises ImportError here, not in the process below

    folder.mkdir(parents=True, exist_ok=True)
    source, output = folder / "input.txt", folder / "output.txt"
    if not (source.exists() and source.read_text() == text and (folder / "xmu.dat").exists()):
        source.write_text(text)
        command = "import feff10, sys; feff10.run(sys.argv[1], sys.argv[2])"
        with output.open("wb") as log:
            subprocess.run(
                [sys.executable, "-c", command, str(source), str(folder)],
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**os.environ, **_ENVIRONMENT},
                check=False,
            )
    return read_result(folder)


def read_result(folder: Path) -> KEdge:
    """Check and return the result of a run in its folder; for the errors, see `run_feff`."""
    log, table = folder / "log1.dat", folder / "xmu.dat"
    if not table.exists() or not log.exists():
        raise RuntimeError(f"FEFF broke off in {folder}; {folder / 'output.txt'} holds what it said")
    text = log.read_text(errors="replace")
    levels = re.findall(r"New Fermi level:\s+mu=\s*(-?[\d.]+)", text)
    # FEFF also exits with success if the potentials have not converged.
    if "Convergence reached" not in text or not levels:
        raise RuntimeError(f"the potentials of {folder} have not converged after {len(levels)} iterations")
    fermi = float(levels[-1])
    if not _FERMI[0] < fermi < _FERMI[1]:
        raise RuntimeError(f"the Fermi level of {folder} came out at {fermi} eV, which no oxide has")
    photon, energy, mu = np.loadtxt(table, usecols=(0, 1, 3), unpack=True)
    return KEdge(energy - fermi, mu, float(np.mean(photon - energy)) + fermi)
