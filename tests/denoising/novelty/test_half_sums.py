"""Sums over cells have the mean and the covariance that they state."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from napari_xanes import SpectralStack
from napari_xanes.denoising.design_matrix import DesignMatrix
from napari_xanes.denoising.novelty.half_sums import HalfSums, cell_sums, half_sums
from napari_xanes.denoising.precision import WeightedStack

ENERGY = np.linspace(100.0, 130.0, 30)
SIGMA = 0.1


def projected(rng: np.random.Generator, amount: float, size: int = 80) -> tuple[HalfSums, np.ndarray]:
    spectra = np.stack([np.sin(ENERGY), np.sin(ENERGY / 3)], axis=1)
    columns = np.stack([ENERGY / 100, np.ones(30)], axis=1)
    design = DesignMatrix(columns[:, :1], columns[:, 1:], np.ones(30))
    values = amount * spectra[:, :1, None] + 5 * columns[:, :1, None] + SIGMA * rng.standard_normal((30, size, size))
    stack = SpectralStack(values.astype(np.float32), ENERGY, "optical_depth")
    precision = np.full((size, size), SIGMA**-2, np.float32)
    weighted = WeightedStack(stack, lambda band, rows: np.array(band), precision, np.ones(30), precision, True)
    return half_sums(weighted, design, spectra, np.zeros(30), None, precision), spectra


def test_amounts_and_their_noise_follow_from_the_scalar_products(rng):
    halves, _ = projected(rng, 0.3)
    assert halves.sums.shape == (2, 2, 40, 40)
    np.testing.assert_allclose(halves.precision, 4 / SIGMA**2, rtol=1e-5)
    for sums, gram in zip(halves.sums, halves.gram, strict=True):
        mean = sums.mean(axis=(1, 2)) / halves.precision[0, 0]
        np.testing.assert_allclose(mean, 0.3 * gram[:, 0], atol=0.02)
        covariance = np.cov(sums.reshape(2, -1)) / halves.precision[0, 0]
        np.testing.assert_allclose(covariance, gram, atol=0.15 * gram.max())


def test_halves_have_independent_noise(rng):
    halves, _ = projected(rng, 0.0)
    even, odd = halves.sums[:, 0].reshape(2, -1)
    assert abs(np.corrcoef(even, odd)[0, 1]) < 0.1


def test_nothing_of_a_spectrum_is_left_without_it(rng):
    halves, _ = projected(rng, 0.3)
    left = halves.without(np.array([1.0, 0.0]))
    sums = halves.sums.copy()
    overwritten = replace(halves, sums=sums).without(np.array([1.0, 0.0]), in_place=True)
    assert overwritten.sums is sums
    np.testing.assert_array_equal(sums, left.sums)
    np.testing.assert_allclose(left.sums.mean(axis=(2, 3)), 0, atol=0.02 * np.abs(halves.sums).mean())
    np.testing.assert_allclose(left.gram @ np.array([1.0, 0.0]), 0, atol=1e-9)


def test_what_surroundings_share_is_removed_and_a_spot_stays():
    height = np.ones((60, 60), np.float32)
    height[:, 30:] = 2
    sums = np.broadcast_to(3 * height, (2, 1, 60, 60)).copy()
    sums[:, :, 30, 20] += 5
    halves = HalfSums(sums, np.ones((2, 1, 1)), np.ones((60, 60), np.float32))
    halves.subtract_surroundings(height)
    left = halves.sums
    assert left[0, 0, 30, 20] == pytest.approx(5, rel=0.05)
    left[:, :, 18:43, 8:33] = 0
    assert np.abs(left).max() < 1e-4


def test_cells_at_the_border_may_be_smaller():
    np.testing.assert_array_equal(cell_sums(np.ones((2, 5, 3), np.float32))[0], [[4, 2], [4, 2], [2, 1]])
