"""Alignment of samples of other textures: errors near the bound, and error bars that hold."""

from __future__ import annotations

from dataclasses import replace

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


def test_frames_that_fit_to_a_wrong_place_too_are_put_beside_their_neighbours() -> None:
    """Alike spots whose contrast inverts fit to each other 30 pixels off, alone and with a map of their own."""
    sample = drifting("invert", specimen="spots", seed=0, size=96, frames=24)
    found = nx.ops.align(sample.stack).metadata["align"]
    errors = sample.errors(found.shifts)
    assert np.abs(errors).max() < 0.15
    assert (np.abs(errors) < 2 * found.sigma).mean() > 0.85


@pytest.mark.parametrize("frames", [slice(12, 15), slice(18, None)], ids=["and back", "and stays"])
def test_a_stage_that_did_jump_is_followed(frames: slice) -> None:
    sample = drifting("invert", seed=1, size=128, frames=24)
    shifts = np.zeros_like(sample.shifts)
    shifts[frames] = (9.0, -12.0)
    jumped = nx.ops.align(sample.stack, shifts=-shifts, region=None)
    jumped = nx.ops.crop(replace(jumped, history=sample.stack.history), region=(14, 114, 14, 114))
    metadata = {key: value for key, value in jumped.metadata.items() if key != "align"}
    found = nx.ops.align(replace(jumped, metadata=metadata)).metadata["align"]
    errors = found.shifts - sample.shifts - shifts
    errors -= errors.mean(axis=0)
    assert np.abs(errors).max() < 0.2
