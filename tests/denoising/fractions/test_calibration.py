"""Calibrated errors of cleaned maps, compared with errors of known size."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from napari_xanes.denoising.fractions.calibration import (
    USUAL,
    HeldOut,
    calibrate,
    calibrated_sigma,
    error_parts,
)

SHAPE = (160, 160)
FILTER = 2.0  # pixels
BEFORE = 0.2  # error of a pixel before cleaning


def held_out(seed: int, *, expected: float, noise: float, stated: float = 1.0) -> tuple[HeldOut, np.ndarray]:
    """Return a flat map with errors as after a Gaussian filter, which are expected to be `expected`; and the errors.

    The second half has this noise; what is stated about its variance is wrong by a factor.
    """
    rng = np.random.default_rng(seed)
    error = gaussian_filter(rng.normal(0, BEFORE, SHAPE), FILTER)
    measured = 0.5 + rng.normal(0, noise, SHAPE)
    flat = np.full(SHAPE, 0.5, np.float32)

    def image(value: float) -> np.ndarray:
        return np.full(SHAPE, value, np.float32)

    part = HeldOut(
        cleaned=(flat + error).astype(np.float32),
        sigma=image(expected),
        measured=measured.astype(np.float32),
        noise=image(stated * noise**2),
        hidden=image(0),
        noise_before=image(BEFORE**2),
        jump=image(0.2),
        whole_sigma=image(expected / np.sqrt(2)),
    )
    return part, error


def found_sigma(part: HeldOut) -> float:
    """Return the typical calibrated error of the half that was cleaned, without the margins."""
    parts = error_parts(part.cleaned, part.sigma, part.jump, np.ones(SHAPE, bool))
    return float(np.sqrt(np.mean(np.tensordot(calibrate([part]), parts, 1))))


@pytest.mark.parametrize("expected", [0.014, 0.02, 0.028, 0.056, 0.11])
def test_errors_of_the_right_size_are_found_whatever_was_expected(expected: float) -> None:
    part, error = held_out(0, expected=expected, noise=0.1)
    # The range of the errors is that of the expected ones, so with half of it a third is missing.
    assert found_sigma(part) == pytest.approx(error.std(), rel=0.4 if expected < 0.015 else 0.15)


def test_a_wrong_noise_does_not_spoil_the_errors() -> None:
    for stated in (0.9, 1.1):
        part, error = held_out(1, expected=0.028, noise=0.15, stated=stated)
        assert found_sigma(part) == pytest.approx(error.std(), rel=0.35)


def test_twice_the_error_gives_twice_the_sigma() -> None:
    part, _ = held_out(2, expected=0.028, noise=0.1)
    larger = replace(part, cleaned=0.5 + 2 * (part.cleaned - 0.5))
    assert found_sigma(larger) / found_sigma(part) == pytest.approx(2, rel=0.15)


def test_errors_at_borders_go_to_the_slope_of_the_map() -> None:
    rng = np.random.default_rng(3)
    truth = np.where(np.arange(160) // 20 % 2, 0.3, 0.7) * np.ones(SHAPE)
    cleaned = gaussian_filter(truth, 1.0).astype(np.float32)
    flat = np.full(SHAPE, 1.0, np.float32)
    part = HeldOut(
        cleaned=cleaned,
        sigma=0.05 * flat,
        measured=(truth + rng.normal(0, 0.05, SHAPE)).astype(np.float32),
        noise=0.05**2 * flat,
        hidden=0 * flat,
        noise_before=0.1**2 * flat,
        jump=flat,
        whole_sigma=0.05 * flat,
    )
    parts = error_parts(cleaned, part.sigma, flat, np.ones(SHAPE, bool))
    sigma = calibrated_sigma(parts, calibrate([part]))
    border = np.abs(np.arange(160) % 20 - 9.5) > 8
    error = np.abs(cleaned - truth)
    assert sigma[:, border].mean() > 3 * sigma[:, ~border].mean()
    assert np.mean(error[:, border] < 2 * sigma[:, border]) > 0.9
    assert np.mean(sigma[:, ~border]) < 0.03


def test_without_pixels_the_usual_factors_hold() -> None:
    part, _ = held_out(4, expected=0.03, noise=0.1)
    nothing = replace(part, noise=np.full(SHAPE, np.inf, np.float32))
    assert calibrate([nothing]) == pytest.approx(USUAL)
    assert calibrate([]) == pytest.approx(USUAL)


def test_noise_that_hides_all_leaves_the_usual_factors() -> None:
    part, _ = held_out(5, expected=0.028, noise=2.5)
    assert calibrate([part])[0] == pytest.approx(USUAL[0], abs=0.4)


def test_slopes_are_taken_between_pixels_of_the_sample_only() -> None:
    used = np.ones(SHAPE, bool)
    used[:, 80:] = False
    image = np.where(used, 0.5, 9.0).astype(np.float32)
    parts = error_parts(image, 0.1 * image, image, used)
    assert not parts[1:].any()
    assert parts[0, 0, 0] == pytest.approx(0.05**2)


def test_slope_of_a_plane_is_exact() -> None:
    y, x = np.indices(SHAPE)
    plane = (0.01 * y - 0.02 * x).astype(np.float32)
    parts = error_parts(plane, plane, np.exp(3 * plane), np.ones(SHAPE, bool))
    assert parts[1, 5:-5, 5:-5] == pytest.approx(0.01**2 + 0.02**2, rel=1e-3)
    assert parts[2, 5:-5, 5:-5] == pytest.approx(9 * (0.01**2 + 0.02**2), rel=1e-2)
