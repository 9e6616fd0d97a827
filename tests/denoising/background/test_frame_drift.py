"""The part of a drift that the design hides is continued from the part that is seen, with an honest error."""

from __future__ import annotations

import numpy as np
import pytest

from napari_xanes import Spectrum
from napari_xanes.denoising.background.frame_drift import fit_frame_drift
from napari_xanes.denoising.bands import outside
from napari_xanes.denoising.design_matrix import design_from_references
from napari_xanes.denoising.fractions.estimate import equal_variance, unexplained_fraction_variance

ENERGY = np.linspace(8300.0, 8400.0, 60)
GRID = np.linspace(8290.0, 8410.0, 800)
WEIGHT = np.linspace(0.7, 1.3, 60)
REFERENCES = [Spectrum(f"{at}", GRID, 0.5 + np.arctan(GRID - at) / np.pi) for at in (8342.0, 8344.0)]
DESIGN = design_from_references(REFERENCES, ENERGY, WEIGHT)
SOLVER = np.linalg.pinv(DESIGN.columns)[:2]
LEVER = SOLVER[1] - SOLVER.mean(axis=0)


def errors(walk: float, flicker: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return errors of an amount with and without the continuation, and their standard errors, of 120 drifts."""
    found = []
    for seed in range(120):
        rng = np.random.default_rng(seed)
        drift = walk * np.cumsum(rng.standard_normal(60)) + flicker * rng.standard_normal(60)
        drift *= DESIGN.root_weight
        seen = outside(DESIGN.basis, drift)
        fitted = fit_frame_drift(seen[:, None], DESIGN)
        left = drift - seen - fitted.extension @ seen
        found.append((LEVER @ left, LEVER @ (drift - seen), np.sqrt(LEVER @ fitted.covariance @ LEVER)))
    after, before, sigma = np.array(found).T
    return after, before, sigma


@pytest.mark.parametrize(("walk", "flicker", "gain"), [(0.01, 0.002, 0.6), (0.003, 0.005, 0.95), (0.0, 0.005, 1.05)])
def test_a_wandering_drift_is_continued_and_a_flicker_is_not(walk: float, flicker: float, gain: float) -> None:
    after, before, sigma = errors(walk, flicker)
    assert np.std(after) < gain * np.std(before)
    assert 0.9 < np.mean(np.abs(after) < 2 * sigma) <= 1
    assert np.sqrt(np.mean(sigma**2)) == pytest.approx(np.std(after), rel=0.3)


def test_the_continuation_lies_inside_the_design() -> None:
    seen = outside(DESIGN.basis, np.cumsum(np.random.default_rng(0).standard_normal(60)))
    fitted = fit_frame_drift(seen[:, None], DESIGN)
    np.testing.assert_allclose(outside(DESIGN.basis, fitted.extension @ seen), 0, atol=1e-8)
    np.testing.assert_allclose(fitted.extension @ DESIGN.basis, 0, atol=1e-8)
    assert np.linalg.eigvalsh(fitted.covariance).min() > -1e-9


def test_equal_variance_of_independent_energies_is_their_variance() -> None:
    equal = equal_variance(0.3 * np.eye(60), DESIGN)
    jump = np.ones((1, 1), np.float32)
    exact = np.einsum("ke,ke->k", SOLVER - SOLVER.mean(axis=0), SOLVER - SOLVER.mean(axis=0)).max() * 0.3
    assert unexplained_fraction_variance(equal, jump, DESIGN).max() == pytest.approx(exact, rel=1e-4)
