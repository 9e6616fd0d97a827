"""Errors of coefficients at their bound: against sampled distributions, and whether they cover."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import truncnorm
from tests.maps.reference_samples import edge_spectrum, stack_of

from napari_xanes.maps import fit_references
from napari_xanes.maps.fitting.active_set import ActiveSets
from napari_xanes.maps.fitting.bounded_errors import ErrorForms, tail_square

ALIKE = [edge_spectrum(f"{i}", 8344 + 0.9 * i, 0.5, 2 + i) for i in range(3)]
"""References of which the middle one is nearly the mean of the others."""


def test_the_mean_square_of_a_tail_is_that_of_a_truncated_normal() -> None:
    z = np.array([3.0, 0.5, 0.0, -0.5, -2.0, -5.0, -12.0])
    expected = [truncnorm(-shift, np.inf, loc=shift).moment(2) for shift in z]
    np.testing.assert_allclose(tail_square(z), expected, rtol=1e-6)
    near, far = tail_square(np.array([-30.0, -30.0001]))
    assert near == pytest.approx(far, rel=1e-4)


@pytest.mark.parametrize("below", [0.0, 0.7, 2.5])
def test_errors_are_those_of_the_normal_distribution_without_its_negative_part(below: float) -> None:
    """One coefficient at its bound; the other is far from it. Samples are drawn around the unbounded fit."""
    rng = np.random.default_rng(1)
    _, r = np.linalg.qr(np.stack([np.linspace(0, 1, 9), np.linspace(0.2, 1, 9) ** 2], axis=1))
    solver = ActiveSets(r, nonnegative=True, sum_to_one=False)
    inverse = np.linalg.inv(r)
    covariance = 1e-4 * inverse @ inverse.T
    mean = np.array([3.0, -below * np.sqrt(covariance[1, 1])])
    x, support = solver.solve((r @ mean)[:, None])
    weights = np.array([[1.0, 0], [0, 1], [1, 1], [2, 4]])
    forms = ErrorForms(solver, weights, weights, np.triu_indices(2))
    noise = np.array([[1e-4], [0], [1e-4]])
    found = forms.covariances(support, r @ mean[:, None], x, noise)
    drawn = rng.multivariate_normal(mean, covariance, 400_000)
    drawn = drawn[drawn[:, 1] > 0] - x[:, 0]
    np.testing.assert_allclose(found[:, 0], np.mean((drawn @ weights.T) ** 2, axis=0), rtol=0.03)
    on_support, free = forms.without_bounds(support, noise)
    np.testing.assert_allclose(free[:, 0], np.einsum("ri,ij,rj->r", weights, covariance, weights))
    alone = 1e-4 / r[0, 0] ** 2 if below else covariance[0, 0]
    np.testing.assert_allclose(on_support[:2, 0], [alone, covariance[1, 1]])


@pytest.mark.parametrize("fractions", [True, False])
@pytest.mark.parametrize(
    "shares", [(0.6, 0.4, 0.0), (0.45, 0.1, 0.45), (0.85, 0.1, 0.05), (0.5, 0.0, 0.5), (0.2, 0.6, 0.2)]
)
def test_errors_cover_where_alike_references_meet_their_bounds(
    shares: tuple[float, float, float], fractions: bool
) -> None:
    amounts = np.tile(np.array(shares)[:, None, None], (1, 50, 50))
    maps = fit_references(stack_of(amounts, ALIKE, 0.02, 5), references=ALIKE, fractions=fractions)
    truths = dict(zip(("0", "1", "2"), shares, strict=True)) | {"edge_jump": 1.0}
    for name, truth in {**truths, "valence": 2 + shares[1] + 2 * shares[2]}.items():
        sigma = maps[name].sigma
        assert sigma is not None
        assert np.mean(np.abs(maps[name].data - truth) < 2 * sigma) > 0.92, name
        assert np.median(sigma) < 2.2 * np.sqrt(np.mean((maps[name].data - truth) ** 2)), name


def test_a_coefficient_that_data_speak_against_adds_no_error() -> None:
    _, r = np.linalg.qr(np.array([[1.0, 0.5], [0, 1], [1, 1]]))
    solver = ActiveSets(r, nonnegative=True, sum_to_one=False)
    target = r @ np.array([[3.0], [-2]])
    x, support = solver.solve(target)
    forms = ErrorForms(solver, np.eye(2), np.eye(2), np.triu_indices(2))
    found = forms.covariances(support, target, x, 1e-8 * np.array([[1.0], [0], [1]]))
    np.testing.assert_allclose(found[:, 0], [1e-8 / r[0, 0] ** 2, 0], rtol=1e-6, atol=1e-14)


@pytest.mark.parametrize("apart", [0.3, 0.05])
def test_the_step_of_a_coefficient_ends_where_another_reaches_zero(apart: float) -> None:
    """Two nearly equal columns: what one loses the other gains, so neither error exceeds their sum."""
    _, r = np.linalg.qr(np.array([[1.0, 1 + apart], [1, 1 - apart], [1, 1]]))
    solver = ActiveSets(r, nonnegative=True, sum_to_one=False)
    target = r @ np.array([[1.0], [-1e-9]])
    x, support = solver.solve(target)
    forms = ErrorForms(solver, np.eye(2), np.eye(2), np.triu_indices(2))
    found = forms.covariances(support, target, x, np.array([[1.0], [0], [1]]))
    assert found[1, 0] < (x[0, 0] ** 2 + 1 / r[0, 0] ** 2) / 5
    assert found[0, 0] < 1 / r[0, 0] ** 2 + (x[0, 0] ** 2 + 1 / r[0, 0] ** 2) / 5
