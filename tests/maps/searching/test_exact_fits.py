"""Fits of combinations with a shift, against scipy's least squares."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import least_squares
from tests.maps.test_reference_search import ENERGY, LIBRARY, mixture

from napari_xanes.maps.searching.columns import Columns
from napari_xanes.maps.searching.exact_fits import ExactFits

BACKGROUND = np.stack([np.ones_like(ENERGY), ENERGY - ENERGY.mean()], axis=1)
SIGMA = np.full(ENERGY.size, 0.01)


@pytest.fixture(scope="module")
def library() -> Columns:
    return Columns.of(LIBRARY, ENERGY, 2.0)


@pytest.mark.parametrize("rows", [(3,), (3, 11), (3, 11, 25)])
def test_amounts_shifts_and_errors_are_those_of_least_squares(library: Columns, rows: tuple[int, ...]) -> None:
    spectrum = mixture({3: 0.5, 11: 0.3, 25: 0.2}, shift=0.7, noise=0.01)
    exact = ExactFits(library, spectrum.mu, SIGMA, BACKGROUND)
    fits = exact.of(np.array([rows]), np.array([0.5]))

    def residual(x: np.ndarray) -> np.ndarray:
        columns = np.array([LIBRARY[row].at(ENERGY - x[0]) for row in rows]).T
        return (columns @ x[1 : 1 + len(rows)] + BACKGROUND @ x[-2:] - spectrum.mu) / SIGMA

    best = least_squares(residual, [0.5, *np.full(len(rows), 0.3), 0, 0], diff_step=1e-4)
    assert fits.squares[0] == pytest.approx(2 * best.cost, rel=2e-3)
    assert fits.shifts[0] == pytest.approx(best.x[0], abs=0.03)
    np.testing.assert_allclose(fits.amounts[0], best.x[1 : 1 + len(rows)], atol=0.01)
    errors = np.sqrt(np.diag(np.linalg.inv(best.jac.T @ best.jac)))
    found = np.sqrt(np.diag(fits.covariance[0]))
    np.testing.assert_allclose(found[-1], errors[0], rtol=0.1)
    np.testing.assert_allclose(found[:-1], errors[1 : 1 + len(rows)], rtol=0.1)


def test_many_combinations_are_fitted_as_each_alone(library: Columns) -> None:
    spectrum = mixture({3: 0.5, 11: 0.3}, shift=-1.2, noise=0.01)
    exact = ExactFits(library, spectrum.mu, SIGMA, BACKGROUND)
    rows = np.array([(3, 11), (3, 12), (5, 11), (20, 40)])
    together = exact.of(rows, np.full(4, -1.0))
    for i in range(4):
        alone = exact.of(rows[[i]], np.array([-1.0]))
        np.testing.assert_allclose(together.shifts[i], alone.shifts[0], atol=1e-9)
        np.testing.assert_allclose(together.squares[i], alone.squares[0], rtol=1e-9)


def test_a_negative_amount_is_no_fit(library: Columns) -> None:
    spectrum = mixture({3: 1.0, 11: -0.3}, noise=0.001)
    exact = ExactFits(library, spectrum.mu, SIGMA, BACKGROUND)
    fits = exact.of(np.array([(3, 11)]), np.zeros(1))
    assert np.isinf(fits.squares[0])


def test_a_shift_stays_within_its_limit(library: Columns) -> None:
    narrow = Columns.of(LIBRARY, ENERGY, 0.5)
    fits = ExactFits(narrow, mixture({3: 1.0}, shift=1.5).mu, SIGMA, BACKGROUND).of(np.array([[3]]), np.zeros(1))
    assert fits.shifts[0] == pytest.approx(0.5)
