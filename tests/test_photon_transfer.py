from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter, shift

from napari_xanes.photon_transfer import noise_ratio, photon_transfer

ENERGY = np.concatenate([np.arange(8285, 8335, 8.0), np.arange(8335, 8365, 1.0), np.arange(8365, 8445, 5.0)])
SIZE = 48


def scene(photons: float, seed: int = 1, *, sample: bool = True) -> np.ndarray:
    """Expected photons of a sample whose composition differs from pixel to pixel, in a beam that flickers."""
    rng = np.random.default_rng(seed)
    share, thickness = rng.uniform(0.2, 0.8, (SIZE, SIZE)), rng.uniform(0.5, 1, (SIZE, SIZE))
    thickness[:, : SIZE // 4] = 0
    mu = [(0.5 + np.arctan(ENERGY - e0) / np.pi)[:, None, None] for e0 in (8345, 8347)]
    depth = sample * thickness * (0.4 + 0.6 * ((1 - share) * mu[0] + share * mu[1]))
    beam = np.linspace(1, 1.2, ENERGY.size) * (1 + 0.01 * rng.standard_normal(ENERGY.size))
    return photons * beam[:, None, None] * (1 + 0.2 * np.cos(np.arange(SIZE) / 7)) * np.exp(-depth)


def counts(photons: float, gain: float, read_noise: float, seed: int = 1, *, sample: bool = True) -> np.ndarray:
    rng = np.random.default_rng(seed)
    lit = scene(photons, seed, sample=sample)
    return np.round(gain * rng.poisson(lit) + read_noise * rng.standard_normal(lit.shape)).astype(np.float32)


@pytest.mark.parametrize("gain", [0.3, 1.0, 5.0])
@pytest.mark.parametrize("photons", [200, 2000, 20000])
@pytest.mark.parametrize("read_noise", [0.0, 5.0])
def test_gain_and_read_noise_are_found(gain: float, photons: float, read_noise: float) -> None:
    found = photon_transfer(counts(photons, gain, read_noise))
    assert not found.reason
    assert abs(found.gain - gain) < 3 * found.gain_sigma
    assert found.gain_sigma < 0.05 * gain
    # Rounding to whole counts is a noise, too.
    assert found.read_noise**2 == pytest.approx(
        read_noise**2 + 1 / 12, abs=3 * ((found.read_noise + found.read_noise_sigma) ** 2 - found.read_noise**2)
    )


def test_flats_show_the_gain_of_their_means() -> None:
    frames = np.mean([counts(2000, 2.0, 0.0, seed, sample=False) * 1.0 for seed in (5, 5)], axis=0)
    assert photon_transfer(frames).gain == pytest.approx(2.0, rel=0.1)
    lit = scene(2000, sample=False)
    means = np.mean([2.0 * np.random.default_rng(seed).poisson(lit) for seed in range(4)], axis=0)
    assert photon_transfer(means).gain == pytest.approx(0.5, rel=0.1)
    assert noise_ratio(means, 2.0, 0.0) == pytest.approx(0.25, rel=0.05)


def resampled(frames: np.ndarray) -> np.ndarray:
    rng = np.random.default_rng(2)
    return np.array([shift(frame, rng.uniform(-0.5, 0.5, 2), order=1, mode="nearest") for frame in frames])


def with_pattern(frames: np.ndarray) -> np.ndarray:
    pattern = gaussian_filter(np.random.default_rng(2).standard_normal(frames.shape), (0, 2, 2))
    return frames * (1 + 0.03 * pattern / pattern.std())


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (resampled, "smoothed or resampled"),
        (lambda frames: gaussian_filter(frames, (0, 0.6, 0.6)), "smoothed or resampled"),
        (with_pattern, "frames differ in too many ways"),
        (lambda frames: gaussian_filter(frames, (1, 0, 0)), "too many ways"),
        (lambda frames: frames[:10], "at least 12 frames"),
        (lambda frames: frames[:, :20, :20], "900 pixels"),
        (lambda frames: np.where(np.random.default_rng(2).random(frames.shape) < 0.01, 0, frames), "without counts"),
        (lambda _: scene(2000) * (1 + 0.01 * np.random.default_rng(2).standard_normal((ENERGY.size, 48, 48))), "line"),
        (lambda _: scene(2000) + 5 * np.random.default_rng(2).standard_normal((ENERGY.size, 48, 48)), "too little"),
        (lambda _: scene(2000), "too many ways"),
    ],
)
def test_what_is_no_photon_noise_is_said(change: Callable[[np.ndarray], np.ndarray], reason: str) -> None:
    found = photon_transfer(change(counts(2000, 1.0, 0.0)))
    assert reason in found.reason
    assert np.isnan(found.gain)
    assert str(found) == f"gain not known: {found.reason}"


def test_bad_pixels_and_a_rare_phase_do_no_harm() -> None:
    frames, rng = counts(2000, 1.0, 0.0), np.random.default_rng(4)
    bad = rng.random((SIZE, SIZE)) < 0.005
    frames[:, bad] *= rng.uniform(0.5, 1.5, (ENERGY.size, bad.sum()))
    frames[:, 20:23, 20:23] *= np.exp(-0.3 * np.exp(-(((ENERGY - 8350) / 3) ** 2)))[:, None, None]
    assert photon_transfer(frames).gain == pytest.approx(1.0, rel=0.04)
