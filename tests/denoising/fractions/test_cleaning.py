"""Maps that are cleaned in tiles, and fractions whose sum is one."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from napari_xanes.denoising import tiles
from napari_xanes.denoising.filters.variation import total_variation
from napari_xanes.denoising.fractions.cleaning import _RIDGE, expected_fractions, normalize_sum
from napari_xanes.denoising.fractions.estimate import FractionEstimate


def estimate(shape: tuple[int, int]) -> FractionEstimate:
    """Return noisy fractions that change at a slanted border, with an empty part."""
    rng = np.random.default_rng(0)
    y, x = np.indices(shape)
    truth = np.stack([0.2 + 0.6 * (x + y / 3 > shape[1] / 2), 0.8 - 0.6 * (x + y / 3 > shape[1] / 2)])
    information = np.float32(20) * (y > 30) * np.ones((2, 1, 1), np.float32)
    noise = rng.standard_normal(truth.shape) / np.sqrt(20)
    return FractionEstimate((information * (truth + noise)).astype(np.float32), information)


def test_smooth_fractions_of_tiles_are_those_of_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tiles, "TILE", 96)
    noisy = estimate((200, 180))
    weighted, information = (torch.from_numpy(image) for image in (noisy.weighted_estimate, noisy.information))
    mean = weighted.sum(dim=(1, 2), keepdim=True) / information.sum(dim=(1, 2), keepdim=True)
    whole = total_variation(weighted + _RIDGE * mean, information + _RIDGE, torch.full((2,), 2.0)).numpy()
    found = expected_fractions(noisy, 2.0)
    np.testing.assert_allclose(found, whole / np.maximum(whole.sum(axis=0), 0.1), atol=1e-5)


def test_the_least_certain_fraction_changes_most() -> None:
    fractions = np.array([0.5, 0.3, 0.4], np.float32)[:, None, None]
    sigma = np.array([0.1, 0.0, 0.2], np.float32)[:, None, None]
    normalized, errors = normalize_sum(fractions, sigma)
    np.testing.assert_allclose(normalized[:, 0, 0], [0.46, 0.3, 0.24], atol=1e-6)
    np.testing.assert_array_equal(errors, sigma)
    np.testing.assert_array_equal(fractions[:, 0, 0], np.float32([0.5, 0.3, 0.4]))
