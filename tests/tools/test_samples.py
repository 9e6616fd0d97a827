"""Random samples that the denoising network learns from."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import distance_transform_edt
from scipy.stats import spearmanr
from tools.training.examples import example
from tools.training.samples import fronts, particles, powder
from tools.training.textures import cracks

SHAPE = (96, 80)


@pytest.mark.parametrize("draw", [particles, powder])
@pytest.mark.parametrize("seed", range(4))
def test_fractions_and_amounts_are_physical(draw: object, seed: int) -> None:
    for image, highest in zip(draw(np.random.default_rng(seed), SHAPE), (1.0, 1.3), strict=True):
        assert image.shape == SHAPE
        assert image.dtype == np.float32
        assert image.min() >= 0
        assert image.max() <= highest


def test_particles_of_a_powder_leave_air_between_them() -> None:
    amounts = [powder(np.random.default_rng(seed), SHAPE)[1] for seed in range(8)]
    assert any(0.05 < np.mean(amount == 0) < 0.9 for amount in amounts)


@pytest.mark.parametrize("seed", range(6))
def test_a_front_falls_with_the_depth_below_the_surface(seed: int) -> None:
    rng = np.random.default_rng(seed)
    lines, amount = cracks(rng, SHAPE), np.ones(SHAPE, np.float32)
    reacted = fronts(rng, SHAPE, lines, amount)
    surface = lines > 0.5
    np.testing.assert_allclose(reacted[surface], 1)
    depth = distance_transform_edt(~surface)
    assert spearmanr(depth[~surface], reacted[~surface]).statistic < -0.7


def test_no_surface_no_front() -> None:
    lines, amount = np.zeros(SHAPE, np.float32), np.ones(SHAPE, np.float32)
    assert not fronts(np.random.default_rng(0), SHAPE, lines, amount).any()


def test_the_measured_fraction_has_the_noise_that_its_information_tells() -> None:
    """Where there is material, the fit scatters around the truth by one over the root of the information."""
    spreads = []
    for seed in range(12):
        noisy = example(np.random.default_rng((5, seed)), (96, 96))
        where = noisy.weight >= 1
        deviation = (noisy.weighted_estimate / noisy.information - noisy.truth) * np.sqrt(noisy.information)
        spreads.append(1.4826 * np.median(np.abs(deviation[where] - np.median(deviation[where]))))
    assert 0.9 < np.median(spreads) < 1.25
