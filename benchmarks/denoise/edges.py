"""Absorption edges: energies, reference spectra, and the spectrum of a phase that is not among the references."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from napari_xanes._typing import Float64Array
from napari_xanes.spectrum import Spectrum


@dataclass(frozen=True)
class Edge:
    """An absorption edge as it is measured.

    Parameters
    ----------
    energy : array, shape (E,)
        Photon energies in eV.
    references : tuple of Spectrum
        Spectra of the sample, normalized to an edge jump of 1, with their valences.
    unknown : Spectrum
        A phase that is not among the references, normalized too.
    """

    energy: Float64Array
    references: tuple[Spectrum, ...]
    unknown: Spectrum

    def moved(self, shift: float) -> Edge:
        """Return the edge with its references moved up by `shift` eV, to simulate a wrong energy calibration."""
        return replace(
            self, references=tuple(replace(reference, energy=reference.energy + shift) for reference in self.references)
        )


def positions(references: tuple[Spectrum, ...]) -> Float64Array:
    """Return the valences of the references (K,), scaled to 0 for the lowest and 1 for the highest."""
    valences = np.array([reference.valence for reference in references], dtype=np.float64)
    scaled: Float64Array = (valences - valences.min()) / np.ptp(valences)
    return scaled


def _k_curve(
    offset: Float64Array, rise: float, line: float, width: float, bond: float, wave: float, prepeak: float
) -> Float64Array:
    """Return a K edge at energies relative to E0 (eV): step, white line, 1s-3d peak, one shell of atoms at `bond` Å."""
    step = 1 / (1 + np.exp(-offset / rise))
    white = line / (1 + ((offset - 3.5) / width) ** 2)
    white *= 1 / (1 + np.exp(-(offset + 1.0)))
    k = np.sqrt(np.maximum(offset - 8.0, 0.0) * 0.2625)
    shell = wave * np.sin(2 * bond * k + 0.6) * np.exp(-0.06 * k**2) * -np.expm1(-(k**2))
    peak = prepeak * np.exp(-(((offset + 11.0) / 1.1) ** 2))
    curve: Float64Array = step + white + shell + peak
    return curve


def k_edge(element: str = "Ni", n_energies: int = 80) -> Edge:
    """Return the K edge of a layered cathode, discharged and charged by one electron; the unknown phase is the metal.

    Parameters
    ----------
    element : {"Ni", "Co", "Fe", "Mn"}
        Element; Fe and Mn have other spectra than Ni and Co, with edges that move further.
    n_energies : int
        Number of energies: a fifth before the edge, a third after the edge, the rest at the edge.
    """
    e0, curves = _K_EDGES[element]
    before, after = n_energies // 5, n_energies // 3
    energy = e0 + np.concatenate(
        [
            np.linspace(-75, -16, before, endpoint=False),
            np.linspace(-16, 30, n_energies - before - after, endpoint=False),
            np.linspace(30, 160, after),
        ]
    )
    grid = np.arange(e0 - 90, e0 + 175, 0.2)
    de = grid - e0
    metadata = {"normalized": True}
    low, high, metal = (
        Spectrum(f"{element} {name}", grid, _k_curve(de - shift, *shape), valence, metadata=metadata)
        for name, (valence, shift, shape) in curves.items()
    )
    return Edge(energy, (low, high), metal)


_Curves = dict[str, tuple[float, float, tuple[float, float, float, float, float, float]]]

_LAYERED: _Curves = {
    "discharged": (2.6, 0.0, (0.9, 0.75, 3.0, 2.05, 0.09, 0.02)),
    "charged": (3.6, 1.5, (0.95, 0.70, 3.1, 1.98, 0.085, 0.025)),
    "metal": (0.0, -8.0, (1.6, 0.05, 4.0, 2.49, 0.10, 0.0)),
}
_PHOSPHATE: _Curves = {
    "discharged": (2.0, 0.0, (1.1, 0.62, 2.6, 2.15, 0.06, 0.03)),
    "charged": (3.0, 3.6, (1.2, 0.55, 3.4, 2.02, 0.07, 0.06)),
    "metal": (0.0, -9.0, (1.9, 0.02, 4.5, 2.48, 0.11, 0.0)),
}
_MANGANATE: _Curves = {
    "discharged": (3.0, 0.0, (1.3, 0.48, 3.6, 2.00, 0.05, 0.04)),
    "charged": (4.0, 2.6, (1.4, 0.60, 3.0, 1.91, 0.08, 0.10)),
    "metal": (0.0, -8.5, (1.8, 0.03, 5.0, 2.70, 0.07, 0.0)),
}
_K_EDGES: dict[str, tuple[float, _Curves]] = {
    "Ni": (8344.0, _LAYERED),
    "Co": (7718.0, _LAYERED),
    "Fe": (7121.0, _PHOSPHATE),
    "Mn": (6548.0, _MANGANATE),
}
"""Energy of the discharged compound's edge in eV, and for each compound its valence, shift in eV and `_k_curve`."""


def l_edge(n_references: int = 2, n_energies: int = 80) -> Edge:
    """Return the Mn L2,3 edge from multiplets: references Mn3+ and Mn4+ (and Mn2+); the unknown phase is Mn2+ or Mn6+.

    Parameters
    ----------
    n_references : {2, 3}
        Number of references.
    n_energies : int
        Number of energies from 633 to 665 eV, half of them on L3.
    """
    from napari_xanes.theory import l_edge_spectrum

    middle = n_energies // 2
    before = n_energies // 8
    energy = np.concatenate(
        [
            np.linspace(633, 638, before, endpoint=False),
            np.linspace(638, 647, middle, endpoint=False),
            np.linspace(647, 665, n_energies - middle - before),
        ]
    )
    grid = np.arange(628.0, 670.0, 0.05)
    steps = (np.arctan((grid - 643.0) / 0.8) * 2 / 3 + np.arctan((grid - 654.0) / 0.8) / 3) / np.pi + 0.5

    def spectrum(charge: int, ten_dq: float) -> Spectrum:
        lines = l_edge_spectrum(grid, element="Mn", charge=charge, ten_dq=ten_dq, gauss=0.4)
        mu = 1.5 * lines / lines.max() + 0.15 * steps
        return Spectrum(f"Mn{charge}+", grid, mu, charge, metadata={"normalized": True})

    two, three, four = spectrum(2, 0.9), spectrum(3, 1.6), spectrum(4, 2.1)
    if n_references == 2:
        return Edge(energy, (three, four), two)
    unknown = replace(spectrum(4, 0.5), name="Mn6+", energy=grid + 2.4)
    return Edge(energy, (two, three, four), unknown)
