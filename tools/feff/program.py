"""Runs of FEFF10: the input for a cluster, the calculation, and whether to trust what came out."""

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
"""Of the cluster in angstrom: a shell more than multiple scattering takes, so that the atoms at its edge have
neighbours."""

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
"""Self-consistent potentials within 4.3 angstrom, full multiple scattering within 5.5, Hedin-Lundqvist self-energy, the
core hole screened in the random phase approximation, up to 77 eV above the edge."""

_LMAX = {"O": (1, 2), "Li": (1, 2)}
"""Largest angular momentum of an element in the potential and in multiple scattering; (2, 3) where not said."""

_FERMI = (-20.0, 0.0)
"""Where the Fermi level of an oxide lies in eV; beyond it the self-consistency went astray."""

_ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    # FEFF takes and frees large arrays at every energy; the C library of Linux otherwise asks the kernel for each.
    "MALLOC_MMAP_MAX_": "0",
    "MALLOC_TRIM_THRESHOLD_": "2000000000",
    "MALLOC_TOP_PAD_": "268435456",
}


class KEdge(NamedTuple):
    """What FEFF gives for one site: energies (E,) in eV from the Fermi level, absorption (E,) that is 1 at 50 eV above
    it were the atom alone, and the photon energy of the Fermi level in eV, right but for a constant."""

    energy: Float64Array
    mu: Float64Array
    edge: float


def feff_input(crystal: Crystal, absorber: Site) -> str:
    """The text of ``feff.inp`` for the K edge of one site.

    Atoms of one label share a potential; the absorber has its own.

    Parameters
    ----------
    crystal : Crystal
        The structure.
    absorber : Site
        Which of its sites absorbs.
    """
    from xraydb import atomic_number

    def potential(number: int, element: str, share: float) -> str:
        low, high = _LMAX.get(element, (2, 3))
        return f"{number} {atomic_number(element)} {element} {low} {high} {share:g}"

    around = cluster(crystal, absorber, RADIUS)
    labels = list(dict.fromkeys(around.labels[1:]))
    potentials = [potential(0, absorber.element, 0.01)]
    for number, label in enumerate(labels, start=1):
        alike = [site for site in crystal.sites if site.label == label]
        share = sum(multiplicity(site, crystal) for site in alike)
        potentials.append(potential(number, alike[0].element, share))
    atoms = [
        f"{x:.5f} {y:.5f} {z:.5f} {labels.index(label) + 1 if i else 0}"
        for i, (label, (x, y, z)) in enumerate(zip(around.labels, around.places, strict=True))
    ]
    title = f"TITLE {crystal.name} {absorber.label}"
    return "\n".join([title, *CARDS, "POTENTIALS", *potentials, "ATOMS", *atoms, "END", ""])


def run_feff(text: str, folder: Path) -> KEdge:
    """The K-edge absorption of a cluster, calculated in `folder` unless that holds the result of the same input.

    Takes about a minute. FEFF's chatter goes to ``output.txt`` there, each of its stages is a process of its own.

    Parameters
    ----------
    text : str
        What `feff_input` gave.
    folder : path
        Made where it is missing.

    Raises
    ------
    ImportError
        If feff10-rs is not installed.
    RuntimeError
        If the calculation broke off, did not converge, or its Fermi level is not that of an oxide.
    """
    import feff10  # noqa: F401  # told here, not by the process below

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
    """What a run left in its folder, if it is to be trusted; see `run_feff`."""
    log, table = folder / "log1.dat", folder / "xmu.dat"
    if not table.exists() or not log.exists():
        raise RuntimeError(f"FEFF broke off in {folder}; {folder / 'output.txt'} holds what it said")
    text = log.read_text(errors="replace")
    levels = re.findall(r"New Fermi level:\s+mu=\s*(-?[\d.]+)", text)
    # FEFF ends with success where the potentials have not converged.
    if "Convergence reached" not in text or not levels:
        raise RuntimeError(f"the potentials of {folder} have not converged after {len(levels)} iterations")
    fermi = float(levels[-1])
    if not _FERMI[0] < fermi < _FERMI[1]:
        raise RuntimeError(f"the Fermi level of {folder} came out at {fermi} eV, which no oxide has")
    photon, energy, mu = np.loadtxt(table, usecols=(0, 1, 3), unpack=True)
    return KEdge(energy - fermi, mu, float(np.mean(photon - energy)) + fermi)
