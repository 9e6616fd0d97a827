"""Measure the error of the valence from computed K-edge libraries, on measured oxides, for each calibration.

    python benchmarks/valence.py [FOLDER]

FOLDER holds reference spectra (``ni_k``, ``mn_k``, ``fe_k``, ``athena``); ``../shared/data/references`` by default.
Each measured oxide is used once as the calibration, with the others as the test. The bars are the errors of an earlier
study with the same theory and fits whose shares add up to one.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import numpy as np

import napari_xanes as nx
from napari_xanes.edge import normalize_spectrum
from napari_xanes.reference_arguments import load_reference
from napari_xanes.theory import load_library

HOME = Path(os.environ.get("NAPARI_XANES_DATA", Path(__file__).resolve().parents[2] / "shared" / "data"))

SETS = {
    "Ni": (
        "ni-k",
        "bars .03-.10",
        [("ni_k/ref_NiO.txt", None, "NiO", 2), ("ni_k/ref_LiNiO2.txt", None, "LiNiO2", 3)],
    ),
    "Ni, other beamline, not in the library": (
        "ni-k",
        "no bars",
        [("ni_k/NiOH2_rt_01.xdi", None, "Ni(OH)2", 2), ("ni_k/Ni2O3_rt_01.xdi", None, "Ni2O3", 3)],
    ),
    "Mn": (
        "mn-k",
        "bars .08-.09 oxidised end, .20 reduced",
        [
            ("athena/Mn.prj", "MnO", "MnO", 2),
            ("athena/Mn.prj", "Mn3O4", "Mn3O4", 8 / 3),
            ("athena/Mn.prj", "Mn2O3x", "Mn2O3", 3),
            ("athena/Mn.prj", "g-MnOOH", "g-MnOOH", 3),
            ("athena/Mn.prj", "Li2MnO3", "Li2MnO3", 4),
            ("athena/Mn.prj", "Pyrolusite", "MnO2", 4),
            ("athena/Mn.prj", "Ramsdellite", "Ramsdellite", 4),
        ],
    ),
    "Mn, damped by thickness": (
        "mn-k",
        "no bars",
        [
            ("mn_k/MnO_rt_01.xdi", None, "MnO", 2),
            ("mn_k/Mn3O4_rt_01.xdi", None, "Mn3O4", 8 / 3),
            ("mn_k/Mn2O3_rt_01.xdi", None, "Mn2O3", 3),
            ("mn_k/MnO2_rt_01.xdi", None, "MnO2", 4),
        ],
    ),
    "Fe": (
        "fe-k",
        "bars .07-.10 oxidised end, .26-.33 reduced",
        [
            ("fe_k/FeO_rt_01.xdi", None, "FeO", 2),
            ("fe_k/Fe3O4_rt_01.xdi", None, "Fe3O4", 8 / 3),
            ("fe_k/Fe2O3_rt_01.xdi", None, "Fe2O3", 3),
        ],
    ),
}


def oxides(folder: Path, sources: list[tuple[str, str | None, str, float]]) -> list[nx.Spectrum]:
    spectra = []
    for path, name, phase, valence in sources:
        item = {"path": folder / path} | ({"name": name} if name else {})
        spectrum = load_reference(item)
        assert spectrum is not None
        if spectrum.metadata.get("normalized") is False:
            spectrum = normalize_spectrum(spectrum)
        spectra.append(nx.Spectrum(phase, spectrum.energy, spectrum.mu, valence))
    return spectra


def pure(library: str, spectra: list[nx.Spectrum]) -> None:
    """Print the error of each spectrum. Each spectrum is one pixel without noise."""
    low, high = load_library(library).span
    energy = np.arange(max(low + 5, spectra[0].energy[0]), high - 5, 0.5)
    data = np.stack([spectrum.at(energy) for spectrum in spectra], axis=1)[:, None].astype(np.float32)
    truth = np.array([spectrum.valence for spectrum in spectra])
    for quantity in ("normalized", "optical_depth"):
        print(f"  {quantity}: sum of shares {'bound to 1' if quantity == 'normalized' else 'free, divided out'}")
        for k, calibration in enumerate(spectra):
            stack = nx.SpectralStack(data, energy, quantity)
            maps = nx.maps.match_library(stack, library=library, calibration=calibration, max_misfit=1.0)
            error = maps["valence"].data[0] - truth
            others = np.delete(np.abs(error), k)
            settings = maps.metadata["library"]
            each = " ".join(f"{spectrum.name} {e:+.2f}" for spectrum, e in zip(spectra, error, strict=True))
            sigma = float(maps["valence_model"].data[0, 0])
            print(
                f"    by {calibration.name:12s} MAE of the others {others.mean():.2f}, of all "
                f"{np.abs(error).mean():.2f} (claimed {sigma:.2f}); {settings.offset_eV:+.2f} eV, "
                f"width {settings.broadening_eV:.1f} eV: {each}"
            )


def mixed(library: str, spectra: list[nx.Spectrum], ends: tuple[str, str], rng: np.random.Generator) -> None:
    """Print the errors for images of mixtures of two phases, with varying thickness, background and noise."""
    first, last = (next(spectrum for spectrum in spectra if spectrum.name == name) for name in ends)
    low, high = load_library(library).span
    at = load_library(library).table["offset"][0]
    fine = at + np.arange(-15, 35, 1.0)
    energy = np.concatenate([np.arange(low + 5, fine[0], 3.0), fine, np.arange(fine[-1] + 3, high - 5, 3.0)])
    share = np.linspace(0, 1, 128)[None, :] * np.ones((128, 1))
    jump = rng.uniform(0.3, 1.2, share.shape)
    depth = jump * (np.multiply.outer(first.at(energy), 1 - share) + np.multiply.outer(last.at(energy), share))
    depth += 0.4 - 0.001 * (energy - at)[:, None, None]
    truth = first.valence + (last.valence - first.valence) * share
    for noise in (0.0, 0.01, 0.03):
        stack = nx.SpectralStack(
            (depth + noise * rng.standard_normal(depth.shape)).astype(np.float32), energy, "optical_depth"
        )
        for calibration in (first, last):
            start = time.perf_counter()
            maps = nx.maps.match_library(stack, library=library, calibration=calibration)
            took = time.perf_counter() - start
            valence = maps["valence"]
            error = (valence.data - truth)[valence.mask]
            spread = np.std(valence.data - truth, axis=0).mean()
            covered = np.mean(np.abs(error) < 2 * valence.sigma[valence.mask])
            print(
                f"  {ends[0]} + {ends[1]}, noise {noise:.2f}, by {calibration.name:7s}: "
                f"MAE {np.abs(error).mean():.2f}, bias {error.mean():+.2f}, noise {spread:.3f} (estimated "
                f"{maps['valence_noise'].data[valence.mask].mean():.3f}), within two sigma {covered:.2f}, assigned "
                f"{valence.mask.mean():.2f}, {took:.1f} s for {valence.data.size} pixels"
            )


def main() -> None:
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else HOME / "references"
    if not folder.is_dir():
        print(f"no reference spectra in {folder}: give their folder")
        return
    rng = np.random.default_rng(2018)
    for title, (library, bars, sources) in SETS.items():
        print(f"{title} ({library}; {bars})")
        pure(library, oxides(folder, sources))
    print("mixtures")
    for title, ends in (
        ("Ni", ("NiO", "LiNiO2")),
        ("Mn", ("MnO", "MnO2")),
        ("Mn", ("Mn2O3", "MnO2")),
        ("Fe", ("FeO", "Fe2O3")),
    ):
        library, _, sources = SETS[title]
        mixed(library, oxides(folder, sources), ends, rng)


if __name__ == "__main__":
    main()
