"""The non-negative fit is the optimum that scipy finds pixel by pixel."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import lsq_linear, nnls

from napari_xanes.maps.fitting import active_set
from napari_xanes.maps.fitting.active_set import MAX_COLUMNS, ActiveSets


def problem(seed: int, k: int, alike: float, n_pixels: int = 12) -> tuple[np.ndarray, np.ndarray]:
    """Return a design whose columns differ by about `alike` of their length, and data near its non-negative cone."""
    rng = np.random.default_rng(seed)
    a = np.abs(rng.standard_normal((30, 1))) + alike * rng.standard_normal((30, k))
    x = rng.standard_normal((k, n_pixels))
    return a, a @ x + 0.3 * alike * rng.standard_normal((30, n_pixels))


def solved(a: np.ndarray, b: np.ndarray, **constraints: bool) -> tuple[np.ndarray, np.ndarray]:
    q, r = np.linalg.qr(a)
    return ActiveSets(r, **constraints).solve(q.T @ b)


@settings(max_examples=60, derandomize=True)
@given(seed=st.integers(0, 10**6), k=st.integers(1, 7), alike=st.sampled_from([1.0, 0.1, 1e-3, 1e-5]))
def test_fit_is_the_non_negative_optimum(seed: int, k: int, alike: float) -> None:
    a, b = problem(seed, k, alike)
    x, _ = solved(a, b, nonnegative=True, sum_to_one=False)
    assert (x >= 0).all()
    expected = np.array([nnls(a, column)[0] for column in b.T]).T
    np.testing.assert_allclose(x, expected, rtol=0, atol=1e-6 * max(1.0, np.abs(expected).max()))


def test_trying_every_support_gives_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    for seed, sum_to_one in ((1, False), (2, True)):
        a, b = problem(seed, 5, 0.3, 60)
        x, support = solved(a, b, nonnegative=True, sum_to_one=sum_to_one)
        with monkeypatch.context() as patch:
            patch.setattr(active_set, "_ROUNDS", 0)
            tried, same = solved(a, b, nonnegative=True, sum_to_one=sum_to_one)
        np.testing.assert_allclose(tried, x, atol=1e-12)
        np.testing.assert_array_equal(same, support)


def test_fit_is_the_optimum_for_the_largest_number_of_columns() -> None:
    a, b = problem(3, MAX_COLUMNS, 0.3, 40)
    x, support = solved(a, b, nonnegative=True, sum_to_one=False)
    np.testing.assert_allclose(x, np.array([nnls(a, column)[0] for column in b.T]).T, atol=1e-7)
    assert len(set(support.tolist())) > 5
    with pytest.raises(ValueError, match="choose at most 10"):
        ActiveSets(np.eye(MAX_COLUMNS + 1), nonnegative=True, sum_to_one=False)
    assert ActiveSets(np.eye(20), nonnegative=False, sum_to_one=False).members.shape == (1, 20)


@settings(max_examples=40, derandomize=True)
@given(seed=st.integers(0, 10**6), k=st.integers(1, 6), alike=st.sampled_from([1.0, 0.1, 0.01]))
def test_the_sum_is_exactly_one(seed: int, k: int, alike: float) -> None:
    a, b = problem(seed, k, alike)
    for nonnegative in (True, False):
        x, _ = solved(a, b, nonnegative=nonnegative, sum_to_one=True)
        np.testing.assert_allclose(x.sum(axis=0), 1, atol=1e-9 / alike)
        # The last coefficient is 1 minus the others, so this is a fit of the differences to the last column.
        differences = a[:, :-1] - a[:, -1:]
        for column, actual in zip(b.T, x.T, strict=True):
            if nonnegative:
                weight = 1e5 * np.linalg.norm(a)
                expected = nnls(np.vstack([a, np.full((1, k), weight)]), np.append(column, weight))[0]
                best = np.linalg.norm(a @ expected - column)
                assert np.linalg.norm(a @ actual - column) <= best * (1 + 1e-6) + 1e-9
                assert (actual >= 0).all()
            elif k > 1:
                expected = lsq_linear(differences, column - a[:, -1]).x
                np.testing.assert_allclose(actual[:-1], expected, atol=1e-6 * max(1, np.abs(expected).max()))


def test_equal_columns_and_zeros_are_handled() -> None:
    a = np.repeat(np.arange(1.0, 6.0)[:, None], 2, axis=1)
    b = np.stack([a[:, 0] * 3, -a[:, 0], np.zeros(5)], axis=1)
    q, r = np.linalg.qr(a)
    x, _ = ActiveSets(r, nonnegative=True, sum_to_one=False).solve(q.T @ b)
    np.testing.assert_allclose(a @ x, np.maximum(b, 0), atol=1e-12)


def test_freed_rows_are_those_of_the_larger_support() -> None:
    rng = np.random.default_rng(0)
    a = rng.standard_normal((20, 3))
    q, r = np.linalg.qr(a)
    sets = ActiveSets(r, nonnegative=True, sum_to_one=False)
    freed, _ = sets.freed()
    for members, rows in zip(sets.members, freed, strict=True):
        for i in range(3):
            columns = [j for j in range(3) if members[j] or j == i]
            expected = np.linalg.pinv(a[:, columns])[columns.index(i)]
            np.testing.assert_allclose(rows[i] @ q.T, expected, atol=1e-12)


@pytest.mark.parametrize("sum_to_one", [True, False])
def test_directions_are_those_of_fits_with_a_coefficient_held(sum_to_one: bool) -> None:
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal((20, 4)), rng.standard_normal((20, 1))
    q, r = np.linalg.qr(a)
    sets = ActiveSets(r, nonnegative=True, sum_to_one=sum_to_one)
    for number, members in enumerate(sets.members[:-1]):
        here = (sets.gain[number] @ q.T @ b).ravel() + sets.offset[number]
        for j in np.flatnonzero(~members):
            free, equal = np.flatnonzero(members), np.full((1, members.sum()), 1e6)
            held = here[j] + 0.1
            left, right = a[:, free], b[:, 0] - held * a[:, j]
            if sum_to_one:
                left, right = np.vstack([left, equal]), np.append(right, 1e6 * (1 - held))
            moved = np.zeros(4)
            moved[free], moved[j] = np.linalg.lstsq(left, right, rcond=None)[0], held
            np.testing.assert_allclose(0.1 * sets.directions()[number, j], moved - here, atol=1e-6)
