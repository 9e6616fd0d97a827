"""What frames that lie off add to maps of fractions, and how it is taken away."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter, shift

from napari_xanes import Spectrum
from napari_xanes.denoising.design_matrix import DesignMatrix, design_from_references
from napari_xanes.denoising.fractions.estimate import FractionEstimate, estimate_fractions
from napari_xanes.denoising.fractions.motion import FrameMotion

SIZE, ENERGIES, NOISE = 96, 60, 0.005


def measured(
    spread: float, *, n_references: int = 2, seed: int = 0
) -> tuple[FractionEstimate, FrameMotion, DesignMatrix]:
    """Return the fractions of a sample of even composition, whose frames lie off by `spread` pixels."""
    rng = np.random.default_rng(seed)
    energy = np.linspace(8300, 8400, ENERGIES)
    references = [
        Spectrum(str(i), energy, 0.5 + np.arctan((energy - 8340 - 3 * i) / 2) / np.pi) for i in range(n_references)
    ]
    design = design_from_references(references, energy, np.ones(ENERGIES))
    grains = gaussian_filter(rng.standard_normal((SIZE, SIZE)), 3)
    y, x = np.indices((SIZE, SIZE))
    jump = gaussian_filter((np.hypot(y - 50, x - 44) < 36) * (0.5 + grains), 1).astype(np.float32)
    spectrum = design.references.mean(axis=1)
    frames = np.stack([value * shift(jump, rng.normal(0, spread, 2), order=3) for value in spectrum])
    frames += rng.normal(0, NOISE, frames.shape)
    amounts = np.tensordot(design.solver(), frames, 1).astype(np.float32)
    precision = np.where(jump > 0.1, NOISE**-2, 0).astype(np.float32)
    cleaned = np.maximum(jump, 0.01)
    estimate = estimate_fractions(amounts, cleaned, precision, design)
    return estimate, FrameMotion(spread**2, cleaned, frames.mean(axis=0).astype(np.float32)), design


def deviation(estimate: FractionEstimate, count: int) -> float:
    """Return the root mean square of the first fraction minus the true one, over its error."""
    used = estimate.information[0] > 0
    weighted, information = estimate.weighted_estimate[0][used], estimate.information[0][used]
    return float(np.sqrt(np.mean((weighted / information - 1 / count) ** 2 * information)))


@pytest.mark.parametrize("n_references", [2, 3])
@pytest.mark.parametrize("spread", [0.2, 0.3])
def test_what_motion_adds_is_taken_away(spread: float, n_references: int) -> None:
    estimate, motion, design = measured(spread, n_references=n_references)
    still = motion.without(estimate, design)
    before, after = (deviation(one, n_references) ** 2 - 1 for one in (estimate, still))
    assert before > 0.1
    assert after < 0.25 * before
    total = still.weighted_estimate / np.maximum(still.information, 1e-30)
    np.testing.assert_allclose(total.sum(axis=0)[still.information[0] > 0], 1, atol=1e-4)


def test_fractions_of_aligned_frames_stay() -> None:
    estimate, motion, design = measured(0.0)
    assert motion.without(estimate, design) is estimate


def test_a_composition_that_follows_the_slope_of_a_particle_stays() -> None:
    """A wide change along the gradient is composition, not motion."""
    estimate, motion, design = measured(0.3)
    still = motion.without(estimate, design)
    x = np.indices((SIZE, SIZE))[1] - SIZE / 2
    course = (0.004 * x).astype(np.float32) * np.float32([1, -1])[:, None, None]
    changed = FractionEstimate(estimate.weighted_estimate + estimate.information * course, estimate.information)
    after = motion.without(changed, design)
    used = estimate.information[0] > 0
    gained = (after.weighted_estimate - still.weighted_estimate)[0][used] / estimate.information[0][used]
    assert np.sqrt(np.mean((gained - course[0][used]) ** 2)) < 0.25 * course[0][used].std()


def test_unusable_pixels_stay_unusable() -> None:
    estimate, motion, design = measured(0.3)
    nothing = FractionEstimate(0 * estimate.weighted_estimate, 0 * estimate.information)
    assert not motion.without(nothing, design).weighted_estimate.any()
