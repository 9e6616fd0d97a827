"""How the values of two stacks agree, with errors that hold."""

from __future__ import annotations

import numpy as np
import pytest

from napari_xanes.stitching.intensity import Agreement, compared, matching

TRUTH = np.random.default_rng(0).normal(1.0, 0.2, (3, 40, 40))


def one(seed: int, factor: float, offset: float, sigma: tuple[float, float] = (0.03, 0.06)) -> Agreement:
    rng = np.random.default_rng(seed)
    first = TRUTH + rng.normal(0, sigma[0], TRUTH.shape)
    second = (TRUTH - offset) / factor + rng.normal(0, sigma[1], TRUTH.shape)
    found = compared(first, second, (sigma[0] ** 2, sigma[1] ** 2))
    assert found is not None
    return found


def test_factor_offset_and_step_with_errors_that_hold() -> None:
    """An ordinary least-squares line would have the slope .92 here: it takes the second for exact."""
    found = [one(seed, 1.1, 0.05) for seed in range(100, 140)]
    for values, errors, truth in (
        ([a.both[0] for a in found], [a.both_sigma[0] for a in found], 1.1),
        ([a.both[1] for a in found], [a.both_sigma[1] for a in found], 0.05),
        ([a.step for a in found], [a.step_sigma for a in found], float((TRUTH - (TRUTH - 0.05) / 1.1).mean())),
    ):
        assert np.mean(values) == pytest.approx(truth, abs=0.003)
        pulls = (np.array(values) - truth) / errors
        assert 0.7 < np.sqrt(np.mean(pulls**2)) < 1.3
    assert np.mean([a.chi2_matched for a in found]) == pytest.approx(1, abs=0.03)
    assert min(a.chi2 for a in found) > 1.5


def test_without_structure_a_factor_and_an_offset_can_not_be_told_apart() -> None:
    rng = np.random.default_rng(1)
    first, second = (1.0 + rng.normal(0, 0.05, (2, 30, 30)) for _ in range(2))
    found = compared(first, second, (0.05**2, 0.05**2))
    assert found is not None
    assert np.isnan(found.both).all()
    assert found.factor == pytest.approx(1, abs=0.02)
    with pytest.raises(ValueError, match="can't tell the offset .+ factor of B"):
        matching(2, [(0, 1)], [found], "offset + factor", ["A", "B"])


def test_too_few_values_are_not_compared() -> None:
    first = np.full((1, 4, 4), np.nan)
    first[0, 0, :3] = 1.0
    assert compared(first, np.ones((1, 4, 4)), (0.1, 0.1)) is None


def test_large_values_lose_no_digits() -> None:
    rng = np.random.default_rng(2)
    first = 1e6 + rng.normal(0, 1, (2, 30, 30))
    found = compared(first, first - 3.0, (1e-4, 1e-4))
    assert found is not None
    assert found.step == pytest.approx(3.0, abs=1e-6)


def test_three_stacks_are_brought_to_the_first_over_all_seams() -> None:
    seams = [one(1, 1.2, 0.1), one(2, 0.9, -0.05), one(3, 1.2 * 0.9, 1.2 * -0.05 + 0.1)]
    found = matching(3, [(0, 1), (1, 2), (0, 2)], seams, "offset + factor", ["A", "B", "C"])
    np.testing.assert_allclose(found.factor, [1, 1.2, 1.08], rtol=0.01)
    np.testing.assert_allclose(found.offset, [0, 0.1, 0.04], atol=0.01)
