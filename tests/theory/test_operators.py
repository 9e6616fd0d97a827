"""Operators compared with textbook terms: number of states, energies of levels, and degeneracies."""

from __future__ import annotations

from math import comb

import numpy as np
import pytest

from napari_xanes.theory.multiplet.operators import configuration, dipole

TERMS = {"3F": (21, -8, 0), "1D": (5, -3, 2), "3P": (9, 7, 0), "1G": (9, 4, 2), "1S": (1, 14, 7)}
"""Terms of d2 and d8: states, and coefficients of Racah's B and C (Condon & Shortley 1935, Racah 1942)."""


@pytest.mark.parametrize("n", range(11))
def test_there_are_as_many_states_as_ways_to_place_the_electrons(n: int) -> None:
    assert configuration(6, n).mj2.size == comb(10, n)
    assert configuration(5, n).mj2.size == 6 * comb(10, n)


@pytest.mark.parametrize("n", [2, 8])
def test_levels_of_two_electrons_or_holes_follow_racah(n: int) -> None:
    operators, f2, f4 = configuration(6, n).operators, 9.0, 5.6
    b, c = f2 / 49 - 5 * f4 / 441, 35 * f4 / 441
    expected = np.repeat([x * b + y * c for _, x, y in TERMS.values()], [size for size, _, _ in TERMS.values()])
    levels = np.linalg.eigvalsh((f2 * operators["F2_dd"] + f4 * operators["F4_dd"]).toarray())
    np.testing.assert_allclose(levels, np.sort(expected) - expected.mean(), atol=1e-10)


@pytest.mark.parametrize(("n", "sign"), [(1, 1), (9, -1)])
def test_spin_orbit_splits_one_electron_or_hole_into_j_5_2_and_3_2(n: int, sign: int) -> None:
    levels = np.linalg.eigvalsh(configuration(6, n).operators["zeta_3d"].toarray())
    np.testing.assert_allclose(levels, np.sort(sign * np.repeat([1.0, -1.5], [6, 4])), atol=1e-12)


@pytest.mark.parametrize("n", range(10))
def test_operators_have_zero_mean(n: int) -> None:
    for of in (configuration(6, n), configuration(5, n + 1)):
        for name, matrix in of.operators.items():
            assert abs(matrix.diagonal().mean()) < 1e-12, name


@pytest.mark.parametrize("q", [-1, 0, 1])
def test_the_dipole_moves_mj_by_q(q: int) -> None:
    filled = dipole(3, q).tocoo()
    change = configuration(5, 4).mj2[filled.row] - configuration(6, 3).mj2[filled.col]
    assert set(change.tolist()) == {2 * q}
