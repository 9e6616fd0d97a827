"""Precision of pixels at edges of the sample if frames are not aligned."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter, shift

from napari_xanes.denoising.moving_edges import mean_square_shift, precision_at_moving_edges

SIZE, ENERGIES, NOISE = 96, 60, 0.05


def measured(spread: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return precision, chi-square and mean of frames of one sample that lie off by `spread` pixels."""
    rng = np.random.default_rng(seed)
    y, x = np.indices((SIZE, SIZE))
    sample = gaussian_filter(0.8 * (np.hypot(y - 48, x - 44) < 30) + 0.4 * (np.hypot(y - 30, x - 60) < 8), 1.0)
    frames = np.stack([shift(sample, by, order=3, mode="nearest") for by in rng.normal(0, spread, (ENERGIES, 2))])
    frames += rng.normal(0, NOISE, frames.shape)
    mean = frames.mean(axis=0).astype(np.float32)
    chi_square = (frames.var(axis=0, ddof=1) / NOISE**2).astype(np.float32)
    return np.full(mean.shape, NOISE**-2, np.float32), chi_square, mean


@pytest.mark.parametrize("spread", [0.3, 0.5, 1.0])
def test_the_variance_from_shifts_is_found(spread: float) -> None:
    """Without the factor for errors that pixels share, the new precision is what the frames scatter by."""
    precision, chi_square, absorption = measured(spread)
    square_shift = mean_square_shift(precision, chi_square, absorption)
    assert np.sqrt(square_shift) == pytest.approx(spread, rel=0.3)
    result = precision_at_moving_edges(precision, absorption, square_shift)
    variance = 1 + 4 * (chi_square - 1)
    edge = chi_square > 2
    assert np.median((precision / result)[edge] / variance[edge]) == pytest.approx(1, abs=0.35)
    assert np.median(result[~edge] / precision[~edge]) > 0.95


@pytest.mark.parametrize("seed", range(4))
def test_aligned_frames_keep_their_precision(seed: int) -> None:
    precision, chi_square, absorption = measured(0.0, seed)
    square_shift = mean_square_shift(precision, chi_square, absorption)
    assert square_shift < 0.01
    np.testing.assert_array_equal(precision_at_moving_edges(precision, absorption, square_shift), precision)


def test_a_few_bad_pixels_are_no_moving_edges() -> None:
    precision, chi_square, absorption = measured(0.0)
    bad = tuple(np.random.default_rng(1).integers(0, SIZE, (2, 5)))
    chi_square[bad], absorption[bad] = 1e4, 20
    square_shift = mean_square_shift(precision, chi_square, absorption)
    assert square_shift < 0.01
    np.testing.assert_array_equal(precision_at_moving_edges(precision, absorption, square_shift), precision)


def test_unusable_pixels_stay_unusable() -> None:
    precision, chi_square, absorption = measured(0.5)
    precision[:, :20] = 0
    chi_square[:, :20] = np.nan
    result = precision_at_moving_edges(precision, absorption, mean_square_shift(precision, chi_square, absorption))
    assert not result[:, :20].any()
    assert np.isfinite(result).all()
    assert (result < precision).any()
