"""Reference spectra of five absorption edges: measured ones where the data are at hand, model curves elsewhere."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from benchmarks.valence import HOME as DATA
from scipy.interpolate import PchipInterpolator

import napari_xanes as nx
from napari_xanes._typing import Float64Array
from napari_xanes.edge import normalize_mu
from napari_xanes.sample import k_edge_curve
from napari_xanes.theory import l_edge_spectrum


@dataclass(frozen=True)
class Edge:
    """An edge with references of known valence, and a phase that is missing among them.

    Parameters
    ----------
    name : str
        "Ni K", for example.
    e0 : float
        Energy of the edge in eV, from which windows count.
    references : tuple of Spectrum
        Normalized, with valences, from the lowest to the highest.
    missing : Spectrum
        A phase that is not among the references.
    fine : float
        Step at the edge in eV.
    library : str or None
        Library of theory for this edge.
    """

    name: str
    e0: float
    references: tuple[nx.Spectrum, ...]
    missing: nx.Spectrum
    fine: float = 1.0
    library: str | None = None

    @property
    def is_k_edge(self) -> bool:
        return self.name.endswith("K")

    def axis(self, low: float, high: float) -> Float64Array:
        """Return the energies of a scan: coarse below, fine at the edge, coarse above. Limits in eV from E0."""
        scale = self.fine
        fine_from, fine_to = max(low, -10 * scale), min(high, 30 * scale)
        return self.e0 + np.concatenate(
            [
                np.arange(low, fine_from, 8 * scale),
                np.arange(fine_from, fine_to, scale),
                np.arange(fine_to, high, 5 * scale),
            ]
        )


def on_axis(spectrum: nx.Spectrum, energy: Float64Array, shift: float = 0.0) -> Float64Array:
    """Return a spectrum at other energies, without the corners of straight lines between its points."""
    values: Float64Array = PchipInterpolator(spectrum.energy, spectrum.mu)(energy - shift)
    return values


def measured(
    path: str,
    name: str,
    valence: float | None,
    near: float,
    pre: tuple[float, float],
    number: int = 0,
    post: tuple[float, float] = (60.0, 400.0),
) -> nx.Spectrum:
    """Return a measured spectrum of the data folder, normalized over its whole range."""
    raw = nx.read_spectra(DATA / path)[number]
    mu = normalize_mu(raw.energy, raw.mu, near=near, pre=pre, post=post).mu
    return nx.Spectrum(name, raw.energy, mu, valence, metadata={"normalized": True})


def model_k(name: str, e0: float, white_line: float, ripple: float, valence: float | None) -> nx.Spectrum:
    """Return a model of a K edge: a broadened step, a white line, damped oscillations."""
    energy = np.arange(e0 - 200, e0 + 400, 0.25)
    mu = k_edge_curve(energy, e0, white_line, ripple)
    return nx.Spectrum(name, energy, mu, valence, metadata={"normalized": True})


def theory_l(name: str, element: str, charge: int, ten_dq: float, centre: float) -> nx.Spectrum:
    """Return a simulated L edge with a maximum of 1; ``metadata["per_atom"]`` is its height for one atom."""
    energy = np.arange(centre - 20, centre + 45, 0.1)
    mu = l_edge_spectrum(energy, element=element, charge=charge, ten_dq=ten_dq, gauss=0.35)
    metadata = {"normalized": True, "per_atom": float(mu.max())}
    return nx.Spectrum(name, energy, mu / mu.max(), float(charge), metadata=metadata)


def nickel() -> Edge:
    """Ni K edge of NiO and LiNiO2; nickel metal is missing."""
    if not (DATA / "references").is_dir():
        references = model_k("NiO", 8345.0, 0.65, 0.10, 2.0), model_k("LiNiO2", 8347.2, 0.42, 0.07, 3.0)
        return Edge("Ni K", 8345.0, references, model_k("metal", 8339.5, 0.05, 0.12, None))
    references = (
        measured("references/ni_k/ref_NiO.txt", "NiO", 2.0, 8340, (-120, -20), post=(60, 500)),
        measured("references/ni_k/ref_LiNiO2.txt", "LiNiO2", 3.0, 8340, (-120, -20), post=(60, 500)),
    )
    metal = measured("references/ni_k/Ni_metal_rt_01.xdi", "metal", None, 8333, (-120, -25))
    return Edge("Ni K", 8345.0, references, metal, library="ni-k")


def iron() -> Edge:
    """Fe K edge of FeO and Fe2O3; iron metal is missing."""
    if not (DATA / "references").is_dir():
        references = model_k("FeO", 7119.5, 0.55, 0.08, 2.0), model_k("Fe2O3", 7123.5, 0.45, 0.08, 3.0)
        return Edge("Fe K", 7122.0, references, model_k("metal", 7114.0, 0.03, 0.1, None))
    names = ("FeO", 2.0), ("Fe2O3", 3.0)
    references = tuple(measured(f"references/fe_k/{n}_rt_01.xdi", n, v, 7112, (-150, -25)) for n, v in names)
    metal = measured("references/fe_k/Fe_metal_rt_01.xdi", "metal", None, 7112, (-150, -25))
    return Edge("Fe K", 7122.0, references, metal, library="fe-k")


def manganese() -> Edge:
    """Mn K edge of MnO, Mn2O3 and MnO2; manganese metal is missing."""
    if not (DATA / "references").is_dir():
        curves = ("MnO", 6546.0, 2.0), ("Mn2O3", 6550.0, 3.0), ("MnO2", 6553.5, 4.0)
        references = tuple(model_k(name, e0, 0.6, 0.08, valence) for name, e0, valence in curves)
        return Edge("Mn K", 6552.0, references, model_k("metal", 6541.0, 0.05, 0.1, None))
    project, members = "references/athena/Mn.prj", (("MnO", 2.0, 1), ("Mn2O3", 3.0, 3), ("MnO2", 4.0, 10))
    references = tuple(measured(project, name, valence, 6540, (-150, -25), number) for name, valence, number in members)
    return Edge("Mn K", 6552.0, references, measured(project, "metal", None, 6540, (-150, -25), 0), library="mn-k")


def cobalt() -> Edge:
    """Co K edge: model curves of CoO and LiCoO2; cobalt metal is missing."""
    references = model_k("CoO", 7719.0, 0.7, 0.09, 2.0), model_k("LiCoO2", 7722.0, 0.5, 0.07, 3.0)
    return Edge("Co K", 7720.0, references, model_k("metal", 7713.0, 0.05, 0.1, None))


def manganese_l() -> Edge:
    """Mn L edge, simulated: 2+, 3+ and 4+ in oxides."""
    fields = (2, 0.8), (3, 1.2), (4, 2.0)
    references = tuple(theory_l(f"Mn{charge}+", "Mn", charge, ten_dq, 643.0) for charge, ten_dq in fields)
    return Edge("Mn L", 640.0, references, theory_l("other", "Mn", 2, 0.2, 641.0), fine=0.25, library="mn-l23")


EDGES = {"Ni K": nickel, "Fe K": iron, "Mn K": manganese, "Co K": cobalt, "Mn L": manganese_l}
