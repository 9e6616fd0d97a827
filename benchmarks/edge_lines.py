"""How far the edge jump of short windows is from that of the whole spectrum, for measured K edges.

    python benchmarks/edge_lines.py

Spectra are read from ``../shared/data`` or ``$NAPARI_XANES_DATA``: Ti, Mn, Fe, Co and Ni. The whole spectrum has lines
from 150 eV below and from 50 to 500 eV above its edge, as far as it reaches.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
from scipy.interpolate import PchipInterpolator

import napari_xanes as nx
from napari_xanes._typing import Float64Array
from napari_xanes.edge import normalize_mu

DATA = Path(os.environ.get("NAPARI_XANES_DATA", Path(__file__).resolve().parents[2] / "shared" / "data"))

WINDOWS = ((-60, 140), (-60, 120), (-40, 100), (-30, 60), (-20, 40))


def spectra() -> list[tuple[str, Float64Array, Float64Array]]:
    """Return name, energies and absorption of each measured K edge that begins 60 eV below its edge."""
    folder = DATA / "references"
    files = [*sorted(folder.glob("*_k/*.xdi")), *sorted(folder.glob("ni_k/*.txt")), folder / "athena" / "Mn.prj"]
    measured = [(s.name, s.energy, s.mu) for path in files if path.parent.name != "mn_k" for s in nx.read_spectra(path)]
    (titanium,) = nx.read_spectra(DATA / "beamline_spectra" / "6_Ti.0001")
    return [*measured, (titanium.name, titanium.energy, titanium.mu)]


def jump(energy: Float64Array, mu: Float64Array, **ranges: tuple[float, float]) -> nx.ParameterMap:
    """Return the edge jump of one spectrum, with the error of its lines."""
    stack = nx.SpectralStack(mu[:, None, None].astype(np.float32), energy, "optical_depth")
    result: nx.ParameterMap = nx.ops.normalize_edge(stack, min_jump=0.0, **ranges).metadata["edge_jump"]
    return result


def main() -> None:
    if not (DATA / "references").is_dir():
        print(f"there is no folder {DATA / 'references'}: nothing to measure")
        return
    measured = spectra()
    whole = [normalize_mu(energy, mu, pre=(-150, -20), post=(50, 500)) for _, energy, mu in measured]
    print(f"{len(measured)} spectra; the jump of 30 to 200 eV over that of 50 to 500 eV, and of short windows")
    nearer = np.array(
        [
            normalize_mu(e, mu, w.e0, (-150, -20), (30, 200)).jump / w.jump
            for (_, e, mu), w in zip(measured, whole, strict=True)
        ]
    )
    print(f"{'30 to 200 eV':14s} rms {np.sqrt(np.mean((nearer - 1) ** 2)):6.1%}")
    for low, high in WINDOWS:
        errors, sigmas = [], []
        for (_, energy, mu), result in zip(measured, whole, strict=True):
            axis = np.arange(max(result.e0 + low, energy[0]), result.e0 + high, 1.0)
            made = jump(axis, PchipInterpolator(energy, mu)(axis))
            errors.append(float(made.data[0, 0]) / result.jump - 1)
            sigmas.append(float(made.sigma[0, 0]) / result.jump)
        error, sigma = np.array(errors), np.array(sigmas)
        print(
            f"{f'{low} to {high} eV':14s} rms {np.sqrt(np.mean(error**2)):6.1%}, median sigma {np.median(sigma):6.1%}, "
            f"within 2 sigma {np.mean(np.abs(error) <= 2 * sigma):5.0%}"
        )


if __name__ == "__main__":
    main()
