"""Which parts of an image are compared, and cuts of what comparisons need."""

from __future__ import annotations

import numpy as np
import pytest

from napari_xanes.denoising.background.patterns import Background
from napari_xanes.denoising.fractions.held_out import compared_boxes
from napari_xanes.denoising.fractions.maps import covariance_length
from napari_xanes.denoising.precision import estimate_precision
from napari_xanes.ops import optical_depth
from napari_xanes.stack import SpectralStack


def test_a_small_image_is_compared_as_a_whole_and_a_large_one_in_squares_of_sample() -> None:
    assert compared_boxes(np.ones((200, 300), bool)) == [(slice(0, 200), slice(0, 300))]
    used = np.zeros((1000, 700), bool)
    used[:, 300:] = True
    boxes = compared_boxes(used)
    assert len(boxes) == 4
    assert len({(box[0].start, box[1].start) for box in boxes}) == 4
    assert all(used[box].mean() >= 0.5 for box in boxes)
    assert compared_boxes(np.zeros((400, 400), bool)) == []


def test_a_cut_stack_has_the_noise_of_its_pixels() -> None:
    rng = np.random.default_rng(0)
    counts = rng.poisson(np.linspace(20, 200, 40) * np.ones((9, 30, 1))).astype(np.float32)
    flat = np.full_like(counts, 300.0)
    stack = SpectralStack(counts, np.linspace(700, 740, 9), "counts", metadata={"flat": flat, "n_flat": 4, "gain": 1.0})
    weighted = estimate_precision(optical_depth(stack))
    box = (slice(8, 20), slice(12, 40))
    cut = weighted.isel(box)
    whole = weighted.unbiased(weighted.stack.data, slice(0, 30))
    assert cut.unbiased(cut.stack.data, slice(0, 12)) == pytest.approx(whole[:, *box])
    assert cut.precision == pytest.approx(weighted.precision[box])
    assert np.array_equal(cut.mean_depth, weighted.mean_depth[box])


def test_a_cut_background_is_that_of_the_whole_away_from_its_margin() -> None:
    rng = np.random.default_rng(0)
    maps = rng.standard_normal((2, 16, 16)).astype(np.float32)
    background = Background(rng.standard_normal((20, 2)), maps, np.ones((2, 1, 1)), np.ones((16, 16), np.float32), maps)
    cut = background.isel((slice(16, 48), slice(32, 64)))
    whole = background.enlarged(np.eye(2), (64, 64))[:, 16:48, 32:64]
    assert cut.enlarged(np.eye(2), (32, 32))[:, 12:-12, 12:-12] == pytest.approx(whole[:, 12:-12, 12:-12], abs=0.06)
    assert cut.weight.shape == (8, 8)


def test_covariance_length_gives_the_error_of_a_mean_of_filtered_noise() -> None:
    from scipy.ndimage import gaussian_filter

    rng = np.random.default_rng(0)
    noise = rng.standard_normal((60, 64, 64))
    cleaned = gaussian_filter(noise, (0, 2, 2), mode="wrap")
    length = covariance_length(np.ones(9, np.float32), np.full(9, cleaned.std(), np.float32), np.zeros(9), 1.0)
    assert cleaned.std() * length / 64 == pytest.approx(1.2 * cleaned.mean(axis=(1, 2)).std(), rel=0.25)


def test_what_is_hidden_in_all_pixels_is_in_every_mean() -> None:
    sigma, hidden = np.full(9, 0.02, np.float32), np.full(9, 0.03**2, np.float32)
    length = covariance_length(np.full(9, 0.1**2, np.float32), sigma, hidden, 200.0)
    mean_of_all = np.hypot(0.02, 0.03) * length / 200
    assert mean_of_all == pytest.approx(0.03, rel=0.01)
