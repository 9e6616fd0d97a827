"""The benchmark of plans says what it prints."""

from __future__ import annotations

import numpy as np
from benchmarks.advice.cases import NO_NOISE, simulated
from benchmarks.advice.choices import even, one_after_the_other, pivots

import napari_xanes as nx


def test_energies_chosen_one_after_the_other_beat_others() -> None:
    case = simulated("NMC", nx.sample.nmc_ni_k(size=32, photons=NO_NOISE), 4000.0)
    n = case.energy.size
    full = case.measured(np.arange(n), np.ones(n), 1)
    planned = one_after_the_other(case, 20, equal=False, seed=2)
    assert np.unique(planned.frames).size == 20
    assert planned.seconds.sum() < 21
    achieved = case.error(case.measured(planned.frames, planned.seconds, 3))
    assert achieved < 1.15 * case.error(full)
    for other in (even(case, 20), pivots(case, full, 20)):
        assert achieved < case.error(case.measured(other.frames, other.seconds, 3))
