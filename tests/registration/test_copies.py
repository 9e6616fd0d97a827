"""Frames that are copies of others have the place of these, are told, and change no other frame."""

from __future__ import annotations

import numpy as np
import pytest
from tests.drifting import drifting

import napari_xanes as nx


@pytest.mark.parametrize("method", ["joint", "pairwise", "reference"])
def test_a_copy_lies_where_its_original_does(method: str) -> None:
    """Also with another I0, which adds a constant; the shifts of the others are those found without it."""
    sample = drifting("same", seed=4, size=48, frames=14)
    data = sample.stack.data.copy()
    data[6], data[9] = data[5] + 0.125, data[2]
    rest = np.setdiff1d(np.arange(14), [6, 9])
    found = nx.ops.align(sample.stack.with_data(data), method=method).metadata["align"]
    alone = nx.ops.align(sample.stack.isel(rest), method=method).metadata["align"]
    np.testing.assert_array_equal(found.shifts[[6, 9]], found.shifts[[5, 2]])
    np.testing.assert_array_equal(found.sigma[[6, 9]], found.sigma[[5, 2]])
    np.testing.assert_allclose(found.shifts[rest] - found.shifts[rest].mean(axis=0), alone.shifts, atol=2e-3)
    np.testing.assert_allclose(found.sigma[rest], alone.sigma, rtol=1e-3)
    assert found.outliers[[6, 9]].all()
    assert np.isnan(found.residual[[6, 9]]).all()
    energies = sample.stack.energy[[6, 9]]
    assert f"the frames at {energies[0]:g}, {energies[1]:g} eV are copies of other frames" in found.report


def test_the_frame_that_was_chosen_is_no_copy_and_lines_of_copies_are_those_of_originals() -> None:
    sample = drifting("same", seed=4, size=48, frames=12)
    data = sample.stack.data.copy()
    data[8] = data[3]
    stack = sample.stack.with_data(data)
    found = nx.ops.align(stack, method="reference", reference_energy=float(stack.energy[8])).metadata["align"]
    assert np.flatnonzero(found.outliers).tolist()[0] == 3
    assert not found.outliers[8]
    region = (8, 40, 8, 40)
    tracked = nx.ops.align(stack, method="tracked region", region=region).metadata["align"]
    np.testing.assert_array_equal(tracked.shifts[8], tracked.shifts[3])


def test_frames_that_look_the_same_but_for_their_noise_are_no_copies() -> None:
    sample = drifting("same", seed=4, size=48, frames=8, photons=1e7, step=0.0)
    report = nx.ops.align(sample.stack).metadata["align"].report
    assert "copies" not in report
