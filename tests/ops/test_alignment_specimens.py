"""Alignment of samples of other textures: errors near the bound, and error bars that hold."""

from __future__ import annotations

import numpy as np
import pytest
from benchmarks.registration.cases import drifting

import napari_xanes as nx


@pytest.mark.parametrize(("specimen", "times"), [("grain", 3.2), ("fibres", 1.7), ("spots", 1.5)])
def test_shifts_of_other_textures_are_found_with_true_errors(specimen: str, times: float) -> None:
    """A big smooth grain shows little at the frequencies looked at, so its errors are larger, but not untrue."""
    sample = drifting("same", specimen=specimen, seed=0, size=128, frames=24)
    found = nx.ops.align(sample.stack).metadata["align"]
    errors = sample.errors(found.shifts)
    assert np.sqrt((errors**2).mean()) < times * np.sqrt((sample.bound**2).mean())
    assert (np.abs(errors) < 2 * found.sigma).mean() > 0.85


def test_frames_before_a_weak_edge_at_few_photons_have_true_errors_or_none() -> None:
    """Most of them show less than the noise: their place is not invented."""
    sample = drifting("weak", seed=4, size=128, frames=32, photons=300.0)
    found = nx.ops.align(sample.stack).metadata["align"]
    seen = ~found.outliers
    assert seen[sample.stack.energy > sample.edge].all()
    errors = (found.shifts - sample.shifts)[seen]
    errors -= errors.mean(axis=0)
    assert (np.abs(errors) < 2 * found.sigma[seen]).mean() > 0.85
