"""Search of 1,000 spectra with an unknown offset within 2 eV: how often compounds are found, and how long it takes.

The library is made up: edges of random position, each with a white line, a pre-edge peak and three further peaks, as
different from each other as compounds of one element (root mean square of differences: .24 of the jump). A set of
compounds is right if one of the first three answers names exactly these; with alternatives, if it names each or says
that it can't be told from what it names. The ceiling is how often the true set is among the three that fit best if all
combinations are tried at the true shift (`search_ceiling`): what lies above it, no search can reach. `ahead` is the
median number of combinations that fit better than the true one.
"""

from __future__ import annotations

import time
from itertools import pairwise, permutations
from typing import NamedTuple

import numpy as np
from benchmarks.explore.search_ceiling import Ceiling, ceiling

import napari_xanes as nx
from napari_xanes.maps.searching.answers import Answer
from napari_xanes.maps.searching.library import SpectraLibrary, load_spectra_library

AXIS = np.concatenate([np.arange(7060, 7100, 2.0), np.arange(7100, 7150, 0.4), np.arange(7150, 7260, 1.0)])
ENERGY = np.concatenate([np.arange(7100, 7112, 1.0), np.arange(7112, 7140, 0.5), np.arange(7140, 7200, 2.0)])
SIZE, OFFSET, LEAST = 1000, 2.0, 0.1

CASES = (
    (1000, 1, 20.0),
    (1000, 2, 20.0),
    (1000, 3, 20.0),
    (1000, 1, 100.0),
    (1000, 2, 100.0),
    (1000, 3, 100.0),
    (1000, 3, 500.0),
    (30, 3, 20.0),
    (100, 3, 20.0),
)
"""Number of spectra in the library, number of compounds, and edge jump over noise."""

BARS = {(1000, 1, 20.0): "bar: exact 95 %, 100 ms", (1000, 3, 20.0): "bar: exact 85 %"}

RELIABLE = (20.0, 100.0)
BINS = (0.0, 0.02, 0.1, 0.3, 0.5, 0.7, 0.9, 1.0)
FIRST = 12
"""Probabilities are compared with how often they hold: of the best answers, and of the 12 likeliest spectra."""

MOST_CEILINGS = 10
"""Trying all triples of 1,000 spectra takes 4 s of processor time."""


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


def library(size: int = SIZE) -> SpectraLibrary:
    """Return a library of so many spectra."""
    rng = np.random.default_rng(0)
    return load_spectra_library([compound(number, rng) for number in range(size)])


class Mixture(NamedTuple):
    """A spectrum with noise and offset, the rows of the library that it is made of, and the offset."""

    spectrum: nx.Spectrum
    rows: list[int]
    shift: float


def mixture(searched: SpectraLibrary, count: int, snr: float, rng: np.random.Generator) -> Mixture:
    """Return a mixture with fractions of at least a tenth."""
    rows = rng.choice(len(searched), count, replace=False).tolist()
    fractions = rng.dirichlet(np.full(count, 3.0))
    while fractions.min() < LEAST:
        fractions = rng.dirichlet(np.full(count, 3.0))
    shift = rng.uniform(-OFFSET, OFFSET)
    mu = sum(f * searched.spectra[row].at(ENERGY - shift) for f, row in zip(fractions, rows, strict=True))
    noise = rng.standard_normal(ENERGY.size) / snr
    return Mixture(nx.Spectrum("x", ENERGY, mu + noise, sigma=np.full(ENERGY.size, 1 / snr)), rows, shift)


def ceiling_of(searched: SpectraLibrary, made: Mixture) -> Ceiling:
    """Return how well a mixture could be found."""
    assert made.spectrum.sigma is not None
    sigma = made.spectrum.sigma
    columns = np.array([s.at(ENERGY - made.shift) for s in searched.spectra]) / sigma
    background = np.stack([np.ones_like(ENERGY), ENERGY - ENERGY.mean()], axis=1) / sigma[:, None]
    return ceiling(columns, made.spectrum.mu / sigma, background, made.rows)


def stands_for(answer: Answer, names: set[str]) -> bool:
    """Whether an answer is these names, or would be with one of its alternatives."""
    exchanged = (
        {*answer.names} - {name} | {other}
        for name, group in zip(answer.names, answer.alternatives, strict=True)
        for other in group
    )
    return names == {*answer.names} or any(names == others for others in exchanged)


def holds(answer: Answer, names: set[str]) -> bool:
    """Whether an answer means these names, with alternatives."""
    if len(answer.names) != len(names):
        return False
    groups = [{name, *others} for name, others in zip(answer.names, answer.alternatives, strict=True)]
    return any(
        all(name in group for name, group in zip(order, groups, strict=True)) for order in permutations(sorted(names))
    )


class Told(NamedTuple):
    """Probabilities that a search told, and whether it was right."""

    stated: list[float]
    right: list[bool]

    def add(self, stated: float, right: bool) -> None:
        """Add one."""
        self.stated.append(stated)
        self.right.append(right)

    def lines(self) -> list[str]:
        """Return how often what was told with some probability is right."""
        stated, right = np.array(self.stated), np.array(self.right)
        inside = np.digitize(stated, BINS[1:-1])
        return [
            f"  {low:4.2f} to {high:4.2f}{n:8d}{stated[inside == i].mean():8.2f}{right[inside == i].mean():8.2f}"
            for i, (low, high) in enumerate(pairwise(BINS))
            if (n := int(np.count_nonzero(inside == i)))
        ]


def report(trials: int) -> None:
    """Print the share of right answers among the first three, and the processor time for one spectrum."""
    print(f"search of spectra at {ENERGY.size} energies, offset within {OFFSET:g} eV, {trials} spectra each")
    print("library  compounds   SNR    exact  ceiling    ahead  with alternatives  compounds named  CPU time (ms)")
    answers = {snr: Told([], []) for snr in RELIABLE}
    presence = {snr: Told([], []) for snr in RELIABLE}
    for size, count, snr in CASES:
        searched = library(size)
        rng = np.random.default_rng(1)
        exact = alike = named = spent = 0.0
        ceilings: list[Ceiling] = []
        for trial in range(trials):
            made = mixture(searched, count, snr, rng)
            names = {searched.spectra[row].name for row in made.rows}
            start = time.process_time()
            found = nx.search_references(made.spectrum, searched, shift=OFFSET, tolerance=0.0)
            spent += time.process_time() - start
            first = found[:3]
            exact += any(set(answer.names) == names for answer in first)
            alike += any(holds(answer, names) for answer in first)
            told = {
                n for answer in first for n in (*answer.names, *(o for group in answer.alternatives for o in group))
            }
            named += len(names & told) / count
            if trial < MOST_CEILINGS:
                ceilings.append(ceiling_of(searched, made))
            if size == SIZE and snr in RELIABLE:
                answers[snr].add(first[0].probability, stands_for(first[0], names))
                for row in np.argsort(-found.presence)[:FIRST].tolist():
                    presence[snr].add(float(found.presence[row]), found.names[row] in names)
        shares = [100 * value for value in (exact / trials, np.mean([c.three for c in ceilings]))]
        ahead = np.median([c.n_better for c in ceilings])
        print(
            f"{size:7d}{count:11d}{snr:6.0f}{shares[0]:7.0f} %{shares[1]:7.0f} %{ahead:9.0f}"
            f"{100 * alike / trials:17.0f} %{100 * named / trials:15.0f} %{1000 * spent / trials:15.0f}"
            f"   {BARS.get((size, count, snr), '')}",
            flush=True,
        )
    for snr in RELIABLE:
        for what, all_told in (("best answers", answers[snr]), (f"presence of {FIRST} spectra", presence[snr])):
            print(f"{what} at SNR {snr:g}: probability, number, mean probability, share that is right")
            print("\n".join(all_told.lines()))
