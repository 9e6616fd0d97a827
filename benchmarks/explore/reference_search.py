"""Search of 1,000 spectra with an unknown offset within 2 eV: how often compounds are found, and how long it takes.

The library is made up: edges of random position, each with a white line, a pre-edge peak and three further peaks, as
different from each other as compounds of one element (root mean square of differences: .24 of the jump). A set of
compounds is right if an answer names exactly these; with alternatives, if it names each or says that it can't be told
from what it names.
"""

from __future__ import annotations

import time
from itertools import permutations

import numpy as np

import napari_xanes as nx
from napari_xanes.maps.searching.answers import Answer
from napari_xanes.maps.searching.library import SpectraLibrary, load_spectra_library

AXIS = np.concatenate([np.arange(7060, 7100, 2.0), np.arange(7100, 7150, 0.4), np.arange(7150, 7260, 1.0)])
ENERGY = np.concatenate([np.arange(7100, 7112, 1.0), np.arange(7112, 7140, 0.5), np.arange(7140, 7200, 2.0)])
SIZE, OFFSET, LEAST = 1000, 2.0, 0.1

CASES = ((1, 20.0), (2, 20.0), (3, 20.0), (3, 100.0), (3, 500.0))
"""Number of compounds, and edge jump over noise."""

BARS = {(1, 20.0): "bar: exact 95 %, 100 ms", (3, 20.0): "bar: exact 85 %"}


def compound(number: int, rng: np.random.Generator) -> nx.Spectrum:
    """Return a made-up spectrum of an iron compound."""
    e0 = 7122 + rng.normal(0, 1.8)
    mu = 0.5 + np.arctan((AXIS - e0) / rng.uniform(0.8, 1.8)) / np.pi
    peaks = [
        (rng.uniform(2, 6), rng.uniform(0.1, 0.9), rng.uniform(1.5, 4)),
        (-rng.uniform(6, 11), rng.uniform(0, 0.12), rng.uniform(0.8, 1.5)),
        *(
            (rng.uniform(*where), rng.uniform(-0.2, 0.25), rng.uniform(3, 9))
            for where in ((10, 18), (20, 32), (35, 60))
        ),
    ]
    for centre, height, width in peaks:
        mu = mu + height * np.exp(-0.5 * ((AXIS - e0 - centre) / width) ** 2)
    return nx.Spectrum(f"compound {number}", AXIS, mu, metadata={"normalized": True})


def library() -> SpectraLibrary:
    """Return 1,000 spectra."""
    rng = np.random.default_rng(0)
    return load_spectra_library([compound(number, rng) for number in range(SIZE)])


def mixture(searched: SpectraLibrary, count: int, snr: float, rng: np.random.Generator) -> tuple[set[str], nx.Spectrum]:
    """Return the names in a mixture with fractions of at least a tenth, and its spectrum with noise and offset."""
    members = [searched.spectra[row] for row in rng.choice(SIZE, count, replace=False)]
    fractions = rng.dirichlet(np.full(count, 3.0))
    while fractions.min() < LEAST:
        fractions = rng.dirichlet(np.full(count, 3.0))
    shift = rng.uniform(-OFFSET, OFFSET)
    mu = sum(f * member.at(ENERGY - shift) for f, member in zip(fractions, members, strict=True))
    noise = rng.standard_normal(ENERGY.size) / snr
    return {m.name for m in members}, nx.Spectrum("x", ENERGY, mu + noise, sigma=np.full(ENERGY.size, 1 / snr))


def holds(answer: Answer, names: set[str]) -> bool:
    """Whether an answer means these names, with alternatives."""
    if len(answer.names) != len(names):
        return False
    groups = [{name, *others} for name, others in zip(answer.names, answer.alternatives, strict=True)]
    return any(
        all(name in group for name, group in zip(order, groups, strict=True)) for order in permutations(sorted(names))
    )


def report(trials: int) -> None:
    """Print the share of right answers among the first three, and the processor time for one spectrum."""
    searched = library()
    print(f"search of {SIZE} spectra, {ENERGY.size} energies, offset within {OFFSET:g} eV, {trials} spectra each")
    print("compounds   SNR   exact   with alternatives   compounds named   CPU time (ms)")
    for count, snr in CASES:
        rng = np.random.default_rng(1)
        exact = alike = named = 0.0
        spent = 0.0
        for _ in range(trials):
            names, spectrum = mixture(searched, count, snr, rng)
            start = time.process_time()
            found = nx.search_references(spectrum, searched, shift=OFFSET, tolerance=0.0)[:3]
            spent += time.process_time() - start
            exact += any(set(answer.names) == names for answer in found)
            alike += any(holds(answer, names) for answer in found)
            told = {
                n for answer in found for n in (*answer.names, *(o for group in answer.alternatives for o in group))
            }
            named += len(names & told) / count
        shares = "".join(f"{100 * value / trials:14.0f} %" for value in (exact, alike, named))
        print(f"{count:9d} {snr:5.0f}{shares}{1000 * spent / trials:12.0f}   {BARS.get((count, snr), '')}")
