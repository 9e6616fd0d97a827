"""Where the border of the image holds frames until the fit ends, errors and a warning say so."""

from __future__ import annotations

import numpy as np
from benchmarks.registration.cases import drifting
from benchmarks.registration.cut_grains import GRAINS

import napari_xanes as nx
from napari_xanes.registration.unsettled import still_to_come


def test_steps_that_become_smaller_by_a_share_have_a_known_rest() -> None:
    whole = np.array([[1.0, -2.0], [0.5, 0.25]])
    steps = [whole * 0.3 * 0.7**n for n in range(6)]
    np.testing.assert_allclose(still_to_come(steps), np.abs(whole * 0.7**6))
    np.testing.assert_allclose(still_to_come(steps[:5]), np.abs(whole * 0.7**5))
    assert not still_to_come(steps[:1]).any()


def test_a_soft_grain_of_many_photons_is_not_claimed_to_be_known() -> None:
    """The window makes most of what is seen of it, so it hardly lets frames go."""
    sample = drifting("same", specimen=GRAINS["soft"], seed=0, size=128, frames=24, photons=400_000.0, residue=0.0)
    aligned = nx.ops.align(sample.stack)
    found = aligned.metadata["align"]
    assert (np.abs(sample.errors(found.shifts)) < 2 * found.sigma).mean() > 0.85
    assert any("still held the frames" in text for text in aligned.metadata["warnings"])


def test_a_grain_that_the_border_cuts_is_found_as_well_as_its_errors_say() -> None:
    grain = GRAINS["cut on one side"]
    sample = drifting("same", specimen=grain, seed=0, size=128, frames=24, photons=400_000.0, residue=0.0)
    aligned = nx.ops.align(sample.stack)
    found = aligned.metadata["align"]
    errors = sample.errors(found.shifts)
    assert np.sqrt((errors**2).mean()) < 0.006
    assert (np.abs(errors) < 2 * found.sigma).mean() > 0.85
    assert not aligned.metadata["warnings"]
