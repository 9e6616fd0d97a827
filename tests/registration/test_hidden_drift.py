"""A sample that drifts behind a stronger pattern of the detector is told from one that stands still."""

from __future__ import annotations

import numpy as np
import pytest
from tests.drifting import Contrast, drifting

import napari_xanes as nx

HELD = "a pattern of the detector holds the frames"


def found(method: str, contrast: Contrast, photons: float, pattern: float, step: float, seed: int) -> tuple:
    sample = drifting(contrast, seed=seed, size=96, frames=20, photons=photons, pattern=pattern, step=step)
    region = (10, 86, 10, 86) if method == "tracked region" else None
    alignment = nx.ops.align(sample.stack, method=method, region=region).metadata["align"]
    errors = sample.errors(alignment.shifts)
    return alignment, float(np.sqrt((errors**2).mean())), float(np.sqrt((sample.shifts**2).mean()))


@pytest.mark.parametrize(
    ("method", "contrast", "photons", "pattern", "step", "seed"),
    [
        ("pairwise", "inverts", 300.0, 0.1, 0.4, 1),
        ("tracked region", "weak", 300.0, 0.1, 0.4, 5),
        ("joint", "weak", 300.0, 0.03, 0.4, 1),
    ],
)
def test_frames_that_a_pattern_holds_are_told(
    method: str, contrast: Contrast, photons: float, pattern: float, step: float, seed: int
) -> None:
    """Their shifts are far from the true ones, and their errors do not know it."""
    alignment, error, drift = found(method, contrast, photons, pattern, step, seed)
    assert error > 0.7 * drift
    assert np.nanmedian(alignment.sigma) < 0.2 * error
    assert HELD in alignment.report


@pytest.mark.parametrize(
    ("method", "contrast", "photons", "pattern", "step", "seed"),
    [
        ("joint", "inverts", 300.0, 0.03, 0.0, 3),
        ("reference", "same", 2000.0, 0.0, 0.1, 7),
    ],
)
def test_samples_that_stand_still_or_move_a_little_raise_no_alarm(
    method: str, contrast: Contrast, photons: float, pattern: float, step: float, seed: int
) -> None:
    alignment, error, _ = found(method, contrast, photons, pattern, step, seed)
    assert HELD not in alignment.report
    assert error < 0.1


def test_a_sample_that_stands_still_is_not_moved_to_where_its_rests_fit() -> None:
    """The pattern of the model can take the whole sample: what was left moved frames by 30 pixels."""
    alignment, error, _ = found("joint", "same", 2000.0, 0.0, 0.0, 3)
    assert error < 0.02
    assert "do not move" in alignment.report
    assert HELD not in alignment.report
