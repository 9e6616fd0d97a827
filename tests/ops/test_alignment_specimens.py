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
