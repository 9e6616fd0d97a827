"""How far measured references differ from what their errors say.

    python -m benchmarks.reference_errors     # needs the folder of real files, NAPARI_XANES_DATA

*Scales*: edge jumps of K-edge spectra, cut to a window around E0, against those by usual lines in the whole spectrum;
of each pair, the difference of both over the error that `spectrum_jump_error` gives (rms; 1 is right).
*Triples*: the valence that `edge_energy` reads for a compound between two references, and how far that is from its own,
as a share of what `_OFF_THE_CURVE` multiplies: the distance of the references' valences, times 4 f (1 - f).
"""

from __future__ import annotations

import itertools
import os
import warnings
from pathlib import Path

import numpy as np

import napari_xanes as nx
from napari_xanes.edge import normalize_mu, spectrum_jump_error

DATA = Path(os.environ.get("NAPARI_XANES_DATA", "../shared/data")) / "references"
WINDOWS = ((-1000, 10000), (-100, 250), (-60, 140), (-40, 100), (-30, 60))
USUAL_POST = ((60, 500), (100, 800), (150, 600), (50, 300))
VALENCES = {
    "MnO": 2, "Mn3O4": 8 / 3, "Mn2O3": 3, "MnO2": 4, "g-MnOOH": 3, "Li2MnO3": 4, "Ramsdellite": 4,
    "FeO": 2, "Fe3O4": 8 / 3, "Fe2O3": 3,
}  # fmt: skip


def spectra_of(*paths: str) -> list[nx.Spectrum]:
    """Return measured spectra without gaps; those of XDI files are called by their compound."""
    found = []
    for path in paths:
        for one in nx.read_spectra(DATA / path):
            name = one.name if path.endswith(".prj") else Path(path).stem.split("_")[0]
            good = np.isfinite(one.mu)
            found.append(nx.Spectrum(name, one.energy[good], one.mu[good], VALENCES.get(name), metadata=one.metadata))
    return found


def usual_jumps(spectrum: nx.Spectrum) -> np.ndarray:
    """Return edge jumps by usual lines."""
    energy, e0 = spectrum.energy, normalize_mu(spectrum.energy, spectrum.mu).e0
    pre = (max(energy[0] - e0, -150), -25)
    return np.array(
        [
            normalize_mu(energy, spectrum.mu, e0=e0, pre=pre, post=(low, min(high, energy[-1] - e0))).jump
            for low, high in USUAL_POST
        ]
    )


def scale_differences(spectra: list[nx.Spectrum], window: tuple[float, float]) -> np.ndarray:
    """Return the differences of scales of all pairs over their errors."""
    rows = []
    for one in spectra:
        e0 = normalize_mu(one.energy, one.mu).e0
        inside = (one.energy >= e0 + window[0]) & (one.energy <= e0 + window[1])
        cut = nx.Spectrum(one.name, one.energy[inside], one.mu[inside])
        scale = np.log(normalize_mu(cut.energy, cut.mu).jump / usual_jumps(one))
        rows.append((scale, spectrum_jump_error(cut)))
    pairs = itertools.combinations(rows, 2)
    return np.concatenate([(a - b) / np.hypot(of_a, of_b) for (a, of_a), (b, of_b) in pairs])


def triples(spectra: list[nx.Spectrum]) -> list[tuple[str, float, float, float, float]]:
    """Return name, valence, what is read, its error, and the share of the distance, of each compound between two."""
    found = []
    known = [one for one in spectra if one.valence is not None]
    for low, middle, high in itertools.permutations(known, 3):
        if not low.valence < middle.valence < high.valence:
            continue
        first = max(one.energy[0] for one in (low, middle, high)) + 1
        last = min(one.energy[-1] for one in (low, middle, high)) - 1
        inside = (middle.energy > first) & (middle.energy < last)
        depth = np.repeat(middle.mu[inside][:, None, None], 2, axis=2)
        stack = nx.SpectralStack(depth, middle.energy[inside], "optical_depth")
        valence = nx.maps.edge_energy(stack, references=[low, high])["valence"]
        distance = high.valence - low.valence
        share = (middle.valence - low.valence) / distance
        read, sigma = float(valence.data[0, 0]), float(valence.sigma[0, 0])
        off = (read - middle.valence) / (distance * 4 * share * (1 - share))
        found.append((f"{middle.name} between {low.name} and {high.name}", middle.valence, read, sigma, off))
    return found


def main() -> None:
    """Run the command line."""
    warnings.simplefilter("ignore")
    iron = [f"fe_k/{name}_rt_01.xdi" for name in ("FeO", "Fe3O4", "Fe2O3", "FeS2")]
    nickel = [f"ni_k/{name}_rt_01.xdi" for name in ("Ni2O3", "NiOH2", "NiS")]
    manganese = [f"mn_k/{name}_rt_01.xdi" for name in ("MnO", "Mn3O4", "Mn2O3", "MnO2")]
    project = spectra_of("athena/Mn.prj")
    for title, spectra in (("Ni", spectra_of(*nickel)), ("Fe", spectra_of(*iron)), ("Mn, Athena", project)):
        for window in WINDOWS:
            z = scale_differences(spectra, window)
            print(
                f"scales, {title}, {len(spectra)} spectra, {window[0]} to {window[1]} eV: "
                f"rms {np.sqrt(np.mean(z**2)):.2f}, median {np.median(np.abs(z)):.2f}, "
                f"within 2 errors {np.mean(np.abs(z) < 2):.2f}"
            )
    rows = [row for spectra in (spectra_of(*manganese), spectra_of(*iron), project) for row in triples(spectra)]
    for name, valence, read, sigma, off in rows:
        print(f"{name}: {valence:.2f}, read {read:.2f} +- {sigma:.2f}, off by {off:+.2f}")
    print(f"{len(rows)} triples: rms {np.sqrt(np.mean([row[-1] ** 2 for row in rows])):.2f}")


if __name__ == "__main__":
    main()
