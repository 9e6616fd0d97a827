"""Fine structure that cleaning took is given back, with true errors, and none is invented."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from napari_xanes._typing import Float32Array
from napari_xanes.denoising.fractions.fine_structure import FineStructure, restore_fine_structure
from napari_xanes.denoising.fractions.texture import unresolved_texture

SIZE = 80
Y, X = np.indices((SIZE, SIZE))


def board(period: int) -> Float32Array:
    return np.where((Y // period + X // period) % 2, 0.2, 0.8).astype(np.float32)


def restored(truth: Float32Array, noise: float, cleaned: Float32Array | None = None, seed: int = 0) -> FineStructure:
    """Restore a noisy map that was cleaned to its mean, or to a given map."""
    rng = np.random.default_rng(seed)
    measured = (truth + noise * rng.standard_normal(truth.shape)).astype(np.float32)
    smooth = np.full_like(measured, np.median(truth)) if cleaned is None else cleaned.astype(np.float32)
    return restore_fine_structure(
        smooth, np.full_like(smooth, 0.03), measured, np.full_like(smooth, noise**2, dtype=np.float32)
    )


def within(result: FineStructure, truth: Float32Array, where: np.ndarray | None = None) -> float:
    """Return the share of pixels within two standard errors of the truth."""
    score = np.abs(result.fractions - truth) / result.sigma
    return float(np.mean(score[... if where is None else where] < 2))


@pytest.mark.parametrize("noise", [0.03, 0.05, 0.07, 0.15])
@pytest.mark.parametrize("period", [1, 2, 3])
def test_a_board_that_was_cleaned_to_its_mean_comes_back(period: int, noise: float) -> None:
    result = restored(board(period), noise, np.full((SIZE, SIZE), 0.5))
    assert np.std(result.fractions - board(period)) < 1.15 * noise
    assert within(result, board(period)) > 0.92
    assert np.median(result.sigma) < 1.2 * noise
    assert result.found.mean() > 0.95


def test_half_a_board_is_found_there() -> None:
    truth = np.where(X < SIZE // 2, board(2), 0.5)
    result = restored(truth, 0.07)
    assert within(result, truth) > 0.92
    assert result.found[:, : SIZE // 2 - 8].mean() > 0.98


@pytest.mark.parametrize(
    "line", [Y == 40, X == 33, np.abs(Y - X) == 0, Y + X == 90], ids=["row", "column", "down", "up"]
)
@pytest.mark.parametrize("noise", [0.03, 0.06, 0.15])
def test_a_crack_of_one_pixel_comes_back(line: np.ndarray, noise: float) -> None:
    truth = np.where(line, 0.9, 0.4).astype(np.float32)
    result = restored(truth, noise)
    assert within(result, truth, line) > 0.92
    assert np.abs(result.fractions - truth)[line].mean() < noise
    assert np.abs(result.fractions - truth)[~line].mean() < 0.02


def test_single_pixels_come_back_and_their_neighbours_stay() -> None:
    single = np.random.default_rng(3).random((SIZE, SIZE)) < 0.01
    truth = np.where(single, 0.9, 0.4).astype(np.float32)
    result = restored(truth, 0.07)
    assert within(result, truth, single) > 0.92
    assert np.sqrt(np.mean((result.fractions - truth)[~single] ** 2)) < 0.02


def test_a_bright_pixel_does_not_make_a_line() -> None:
    truth = np.where((Y == 40) & (X == 40), 0.9, 0.4).astype(np.float32)
    result = restored(truth, 0.05)
    assert np.abs(result.fractions - truth)[Y == 40].max() < 0.1


@pytest.mark.parametrize("kept", [0.0, 0.5, 0.8])
@pytest.mark.parametrize("noise", [0.07, 0.15])
def test_errors_of_independent_pixels_are_true_however_much_of_them_was_kept(noise: float, kept: float) -> None:
    rng = np.random.default_rng(1)
    truth = (rng.uniform(0.2, 0.8, (SIZE, SIZE)) + 0.002 * X).astype(np.float32)
    measured = (truth + noise * rng.standard_normal(truth.shape)).astype(np.float32)
    cleaned = kept * measured + (1 - kept) * gaussian_filter(truth, 4)
    variance = np.full_like(measured, noise**2)
    result = restore_fine_structure(cleaned.astype(np.float32), np.full_like(measured, 0.04), measured, variance)
    assert within(result, truth) > 0.91


@pytest.mark.parametrize("noise", [0.05, 0.15, 0.3])
def test_nothing_is_invented(noise: float) -> None:
    truth = (0.5 + 0.2 * np.sin(Y / 9) * np.cos(X / 11)).astype(np.float32)
    result = restored(truth, noise, truth)
    assert result.found.mean() < 0.001
    assert np.sqrt(np.mean((result.fractions - truth) ** 2)) < 0.1 * noise
    assert np.median(result.sigma) < 1.15 * 0.03


def test_uncertain_pixels_stay_as_they_are() -> None:
    variance = np.full((SIZE, SIZE), np.inf, np.float32)
    cleaned = np.full((SIZE, SIZE), 0.5, np.float32)
    result = restore_fine_structure(cleaned, 0.1 * cleaned, board(2), variance)
    np.testing.assert_array_equal(result.fractions, cleaned)
    np.testing.assert_array_equal(result.sigma, 0.1 * cleaned)
    assert not result.examined.any()


@pytest.mark.parametrize(
    ("truth", "expected"),
    [
        (board(1), 1.0),
        (board(2), 1.0),
        (board(8), 0.0),
        (np.where(X < 40, 0.2, 0.8), 0.0),
        (X / SIZE, 0.0),
        (np.where(Y == 40, 0.9, 0.4), 0.0),
    ],
    ids=["one pixel", "two pixels", "eight pixels", "edge", "ramp", "crack"],
)
def test_texture_is_told_from_edges_slopes_and_lines(truth: np.ndarray, expected: float) -> None:
    rng = np.random.default_rng(0)
    measured = (truth + 0.1 * rng.standard_normal(truth.shape)).astype(np.float32)
    share = unresolved_texture(measured, np.full_like(measured, 0.01), np.ones((SIZE, SIZE), bool))
    assert share.mean() == pytest.approx(expected, abs=0.05)
