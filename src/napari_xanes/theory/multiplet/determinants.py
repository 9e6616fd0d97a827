"""Slater determinants of a 2p and a 3d shell, and operators as sparse matrices between them.

A determinant is an integer whose bits mark the filled spin orbitals: bits 0 to 5 are 2p, 6 to 15 are 3d. Signs
follow from the number of filled orbitals that an electron passes.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import combinations
from math import factorial, sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

Bits = NDArray[np.int64]

SPIN_ORBITALS = tuple((length, m, spin) for length in (1, 2) for m in range(-length, length + 1) for spin in (-1, 1))
"""(l, m, 2 m_s) of each spin orbital, in the order of the bits."""

D_SHELL = range(6, 16)
"""Bits of the 3d spin orbitals."""


def determinants(n_p: int, n_d: int) -> Bits:
    """List all determinants with `n_p` electrons in 2p and `n_d` in 3d, in increasing order.

    Examples
    --------
    >>> determinants(6, 1).size, determinants(5, 2).size
    (10, 270)
    """
    inner = [sum(1 << i for i in filled) for filled in combinations(range(6), n_p)]
    outer = [sum(1 << i for i in filled) for filled in combinations(D_SHELL, n_d)]
    dets: Bits = np.sort(np.add.outer(np.array(inner, np.int64), np.array(outer, np.int64)).ravel())
    return dets


def twice_mj(dets: Bits) -> NDArray[np.int64]:
    """Return twice the projection of the total angular momentum of each determinant."""
    total = np.zeros(dets.size, dtype=np.int64)
    for bit, (_, m, spin) in enumerate(SPIN_ORBITALS):
        total += (2 * m + spin) * (dets >> bit & 1)
    return total


def _sign(dets: Bits, bit: int) -> NDArray[np.int64]:
    """Return the sign, +1 or -1, of removing or adding an electron: -1 if an odd number of lower orbitals is filled."""
    n_lower: Bits = np.bitwise_count(dets & ((1 << bit) - 1)).astype(np.int64)
    return 1 - 2 * (n_lower & 1)


def one_body(terms: Iterable[tuple[int, int, float]], bra: Bits, ket: Bits) -> Any:
    """Build the matrix of ``sum v c+_i c_a`` between two sets of determinants.

    Parameters
    ----------
    terms : iterable of (i, a, v)
        Spin orbital that is filled, spin orbital that is emptied, and amplitude.
    bra, ket : ndarray of int
        Determinants, increasing.

    Returns
    -------
    scipy.sparse.csr_matrix, shape (len(bra), len(ket))
    """
    rows, columns, values = [], [], []
    for i, a, v in terms:
        start = np.flatnonzero((ket >> a & 1) == 1)
        emptied = ket[start] ^ (1 << a)
        free = (emptied >> i & 1) == 0
        start, emptied = start[free], emptied[free]
        rows.append(np.searchsorted(bra, emptied | (1 << i)))
        columns.append(start)
        values.append(v * _sign(ket[start], a) * _sign(emptied, i))
    return _sparse(rows, columns, values, (bra.size, ket.size))


def two_body(terms: Iterable[tuple[int, int, int, int, float]], dets: Bits) -> Any:
    """Build the matrix of ``1/2 sum v c+_i c+_j c_b c_a`` between determinants.

    Parameters
    ----------
    terms : iterable of (i, j, a, b, v)
        Spin orbitals that are filled (i, j) and emptied (a, b), and amplitude.
    dets : ndarray of int
        Determinants, increasing.

    Returns
    -------
    scipy.sparse.csr_matrix, shape (len(dets), len(dets))
    """
    amplitudes: dict[tuple[int, int, int, int], float] = {}
    for i, j, a, b, v in terms:
        if i == j or a == b:
            continue
        order = (1 if i < j else -1) * (1 if a < b else -1)
        key = (min(i, j), max(i, j), min(a, b), max(a, b))
        amplitudes[key] = amplitudes.get(key, 0.0) + 0.5 * order * v
    rows, columns, values = [], [], []
    for (i, j, a, b), v in amplitudes.items():
        if abs(v) < 1e-12:
            continue
        start = np.flatnonzero((dets >> a & 1) & (dets >> b & 1))
        without_a = dets[start] ^ (1 << a)
        without = without_a ^ (1 << b)
        free = ((without >> i & 1) | (without >> j & 1)) == 0
        start, without_a, without = start[free], without_a[free], without[free]
        with_j = without | (1 << j)
        sign = _sign(dets[start], a) * _sign(without_a, b) * _sign(without, j) * _sign(with_j, i)
        rows.append(np.searchsorted(dets, with_j | (1 << i)))
        columns.append(start)
        values.append(v * sign)
    return _sparse(rows, columns, values, (dets.size, dets.size))


def _sparse(rows: list[Any], columns: list[Any], values: list[Any], shape: tuple[int, int]) -> Any:
    from scipy.sparse import csr_matrix

    if not rows:
        return csr_matrix(shape)
    matrix = csr_matrix((np.concatenate(values), (np.concatenate(rows), np.concatenate(columns))), shape)
    matrix.sum_duplicates()
    return matrix


def wigner_3j(j1: int, j2: int, j3: int, m1: int, m2: int, m3: int) -> float:
    """Compute the Wigner 3j symbol of integer angular momenta by Racah's formula.

    Examples
    --------
    >>> round(wigner_3j(1, 1, 0, 0, 0, 0), 6)
    -0.57735
    """
    if m1 + m2 + m3 or not abs(j1 - j2) <= j3 <= j1 + j2 or abs(m1) > j1 or abs(m2) > j2 or abs(m3) > j3:
        return 0.0
    f = factorial
    triangle = sqrt(f(j1 + j2 - j3) * f(j1 - j2 + j3) * f(-j1 + j2 + j3) / f(j1 + j2 + j3 + 1))
    product = sqrt(f(j1 + m1) * f(j1 - m1) * f(j2 + m2) * f(j2 - m2) * f(j3 + m3) * f(j3 - m3))
    first, last = max(0, j2 - j3 - m1, j1 - j3 + m2), min(j1 + j2 - j3, j1 - m1, j2 + m2)
    total = sum(
        (-1) ** t
        / (f(t) * f(j3 - j2 + t + m1) * f(j3 - j1 + t - m2) * f(j1 + j2 - j3 - t) * f(j1 - t - m1) * f(j2 - t + m2))
        for t in range(first, last + 1)
    )
    return float((-1) ** (j1 - j2 - m3) * triangle * product * total)


def gaunt(k: int, l1: int, m1: int, l2: int, m2: int) -> float:
    """Compute the matrix element <l1 m1| C^k_(m1-m2) |l2 m2> of a renormalized spherical harmonic."""
    reduced = sqrt((2 * l1 + 1) * (2 * l2 + 1)) * wigner_3j(l1, k, l2, 0, 0, 0)
    return float((-1) ** m1 * reduced * wigner_3j(l1, k, l2, -m1, m1 - m2, m2))
