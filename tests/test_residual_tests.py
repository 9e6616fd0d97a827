"""Pooled residuals: the rate of false alarms, and what is found."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from scipy.stats import binom

from napari_xanes.residual_tests import pooled_residual, tile_numbers

ONE = np.ones((1, 1))
TILES = tile_numbers((32, 32), 4)
APART = tile_numbers((48, 48), 6, 3)
SHAPE = np.sin(np.linspace(0, 5, 12))


@pytest.mark.parametrize("blur", [0.0, 0.8])
@pytest.mark.parametrize("kind", ["normal", "uniform", "heavy"])
def test_false_alarms_are_as_rare_as_promised(kind: str, blur: float) -> None:
    """Also for noise that neighbours share over less than a tile, and for any symmetric noise."""
    rng = np.random.default_rng(1)
    trials, alarms = 120, 0
    for _ in range(trials):
        draw = {"normal": rng.standard_normal, "uniform": lambda n: rng.uniform(-1, 1, n), "heavy": None}[kind]
        noise = rng.standard_t(3, (12, 48, 48)) if draw is None else draw((12, 48, 48))
        if blur:
            noise = gaussian_filter(noise, (0, blur, blur))
        alarms += pooled_residual(noise.reshape(12, -1), ONE, APART, permutations=199).p_value <= 0.05
    assert alarms <= binom.ppf(0.999, trials, 0.05)


def test_what_all_pixels_share_is_found_and_measured() -> None:
    rng = np.random.default_rng(2)
    weight = rng.uniform(0.5, 1.5, 1024)
    shared = 0.1 * SHAPE[:, None] * weight
    found = pooled_residual(shared + rng.standard_normal((12, 1024)) * 0.2, ONE, TILES, weight)
    assert found.p_value < 0.01
    assert found.chi_square > 10
    assert found.size == pytest.approx(0.1 * np.sqrt(np.mean(SHAPE**2)), rel=0.1)
    np.testing.assert_allclose(found.spectrum, 0.1 * SHAPE, atol=0.03)


def test_what_differs_between_places_is_found_too() -> None:
    rng = np.random.default_rng(3)
    sign = np.where(np.arange(32)[:, None] < 16, 1.0, -1.0) * np.ones((32, 32))
    data = 0.1 * SHAPE[:, None] * sign.ravel() + rng.standard_normal((12, 1024)) * 0.5
    found = pooled_residual(data, ONE, TILES)
    assert found.p_value <= 0.02
    assert found.size == pytest.approx(0.1 * np.sqrt(np.mean(SHAPE**2)), rel=0.15)


def test_spoilt_pixels_and_few_tiles() -> None:
    data = np.random.default_rng(4).standard_normal((12, 1024)) + SHAPE[:, None]
    data[3, 7] = np.nan
    assert pooled_residual(data, ONE, TILES).p_value < 0.01
    left_out = np.where(np.arange(1024) < 512, TILES, -1)
    assert pooled_residual(data, ONE, left_out).p_value < 0.01
    few = pooled_residual(data, ONE, np.zeros(1024, int))
    assert (few.p_value, few.size) == (1.0, 0.0)


def test_tiles_of_volumes_and_of_odd_images() -> None:
    assert tile_numbers((2, 2, 4), 2).tolist() == [0, 0, 1, 1, 0, 0, 1, 1, 2, 2, 3, 3, 2, 2, 3, 3]
    assert tile_numbers((2, 4), 2, 1).tolist() == [0, -1, 1, -1, -1, -1, -1, -1]
    assert tile_numbers((2, 5), 2).tolist() == [0, 0, 1, 1, 2, 0, 0, 1, 1, 2]
