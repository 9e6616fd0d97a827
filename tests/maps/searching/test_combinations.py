"""Combinations of spectra, against non-negative least squares and against trying all of them."""

from __future__ import annotations

from itertools import combinations as every

import numpy as np
import pytest
from benchmarks.explore.search_ceiling import every_gain
from scipy.optimize import nnls

from napari_xanes.maps.searching.columns import Projected
from napari_xanes.maps.searching.combinations import Units, combinations, moved, partners


def columns(n: int, size: int, seed: int = 0) -> np.ndarray:
    """Return positive columns (N, D) of length 1, alike in their mean as spectra are."""
    values = 1 + np.random.default_rng(seed).normal(size=(n, size))
    return values / np.linalg.norm(values, axis=1)[:, None]


def gain_of(values: np.ndarray, target: np.ndarray) -> float:
    """Return what columns explain of the squares of a spectrum with positive amounts, 0 if an amount is 0."""
    amounts, norm = nnls(values.T, target)
    return float(target @ target - norm**2) if (amounts > 0).all() else 0.0


@pytest.mark.parametrize("k", [1, 2])
def test_partners_explain_as_much_as_non_negative_least_squares_says(k: int) -> None:
    values = columns(20, 12)
    target = values[3] + 0.6 * values[7] + 0.2 * np.random.default_rng(1).normal(size=12)
    units = Units(values[None].astype(np.float32), (values @ target)[None].astype(np.float32))
    rows = np.array(list(every(range(8), k)))
    gains = partners(units, 0, rows)
    for row, found in zip(rows.tolist(), gains, strict=True):
        for column in set(range(20)) - set(row):
            assert found[column] == pytest.approx(gain_of(values[[*row, column]], target), abs=1e-4)
        assert (found[row] == 0).all()


@pytest.mark.parametrize("count", [1, 2, 3])
def test_the_benchmark_that_tries_everything_agrees_with_non_negative_least_squares(count: int) -> None:
    values = columns(9, 12)
    target = values[3] + 0.6 * values[7] + 0.2 * np.random.default_rng(1).normal(size=12)
    gains = np.concatenate(list(every_gain(values, values @ target, count)))
    wanted = [gain_of(values[list(rows)], target) for rows in every(range(9), count)]
    np.testing.assert_allclose(np.sort(gains), np.sort([gain for gain in wanted if gain > 0]), rtol=1e-9)


@pytest.mark.parametrize("seed", range(4))
def test_the_best_of_all_triples_is_found(seed: int) -> None:
    rng = np.random.default_rng(seed)
    values = columns(120, 15, seed)
    true = sorted(rng.choice(120, 3, replace=False).tolist())
    target = 100 * np.array([0.5, 0.3, 0.2]) @ values[true] + rng.normal(size=15)
    found = combinations(Projected(100 * values[None].astype(np.float32), target, 0.0), 3)
    for size, part in enumerate(found, start=1):
        best = max(float(gains.max(initial=0)) for gains in every_gain(values, values @ target, size))
        assert part.gains[0] == pytest.approx(best, rel=1e-5)
        assert (np.diff(part.gains) <= 0).all()
        assert len({tuple(row) for row in part.rows.tolist()}) == len(part.rows)


def test_combinations_move_to_the_shift_that_suits_them() -> None:
    shifts = np.stack([columns(6, 10, seed) for seed in range(5)])
    target = shifts[3, 1] + shifts[3, 4]
    units = Units(shifts.astype(np.float32), (shifts @ target).astype(np.float32))
    rows = np.array([[1, 4]])
    started = partners(units, 1, rows[:, :1])[0, 4]
    found = moved(
        units,
        combinations(Projected(shifts[:2].astype(np.float32), target, 0.0), 2)[1]._replace(
            rows=rows, places=np.array([1]), gains=np.array([float(started)])
        ),
    )
    assert found.places.tolist() == [3]
    assert found.gains[0] == pytest.approx(target @ target, rel=1e-4)


def test_columns_that_are_alike_are_no_pair() -> None:
    values = np.repeat(columns(3, 10), 2, axis=0)
    found = combinations(Projected(values[None].astype(np.float32), values[0] + values[2], 0.0), 3)
    pairs = {tuple(row) for row in found[1].rows.tolist()}
    assert not pairs & {(0, 1), (2, 3), (4, 5)}
