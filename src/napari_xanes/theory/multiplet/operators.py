"""Terms of the Hamiltonian as matrices without parameters, built once per configuration.

H = F2_dd M1 + F4_dd M2 + ... + zeta_3d M3 + 10Dq M4 + ...: other parameters need only another sum of the same matrices.
Conventions are those of Cowan, The Theory of Atomic Structure and Spectra (1981), for the Coulomb and spin-orbit terms,
and of Ballhausen, Introduction to Ligand Field Theory (1962), for 10Dq, Ds and Dt.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from math import sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_xanes.theory.multiplet.determinants import SPIN_ORBITALS, determinants, gaunt, one_body, twice_mj, two_body

OneBody = list[tuple[int, int, float]]


@dataclass(frozen=True)
class Configuration:
    """Operators of 2p^n_p 3d^n_d by name, and twice the M_J of each determinant."""

    operators: dict[str, Any]
    mj2: NDArray[np.int64]

    _blocks: dict[int, dict[str, Any]] = field(default_factory=dict)

    def blocks(self, block: int) -> dict[str, Any]:
        """Return the operators within a block (2 M_J modulo 8) as COO matrices; they are kept for later calls."""
        if block not in self._blocks:
            rows = np.flatnonzero(self.mj2 % 8 == block)
            self._blocks[block] = {name: matrix[rows][:, rows].tocoo() for name, matrix in self.operators.items()}
        return self._blocks[block]


def _coulomb(k: int, *patterns: tuple[int, int, int, int]) -> list[tuple[int, int, int, int, float]]:
    """Return the amplitudes <ij| r_<^k / r_>^(k+1) |ab> per unit of the Slater integral, for shells l of i, j, a, b."""
    terms = []
    for pattern in patterns:
        shells = [[n for n, (length, _, _) in enumerate(SPIN_ORBITALS) if length == shell] for shell in pattern]
        for i in shells[0]:
            li, mi, si = SPIN_ORBITALS[i]
            for j in shells[1]:
                lj, mj, sj = SPIN_ORBITALS[j]
                for a in shells[2]:
                    la, ma, sa = SPIN_ORBITALS[a]
                    for b in shells[3]:
                        lb, mb, sb = SPIN_ORBITALS[b]
                        if sa == si and sb == sj and ma + mb == mi + mj:
                            v = gaunt(k, li, mi, la, ma) * gaunt(k, lb, mb, lj, mj)
                            terms.append((i, j, a, b, v))
    return terms


def _spin_orbit(shell: int) -> OneBody:
    """Return the amplitudes of l.s in one shell."""
    terms = []
    for i, (li, mi, si) in enumerate(SPIN_ORBITALS):
        for a, (la, ma, sa) in enumerate(SPIN_ORBITALS):
            if li != shell or la != shell:
                continue
            if i == a:
                terms.append((i, a, mi * si / 2))
            elif (mi, si) == (ma + 1, sa - 2):
                terms.append((i, a, 0.5 * sqrt(shell * (shell + 1) - ma * (ma + 1))))
            elif (mi, si) == (ma - 1, sa + 2):
                terms.append((i, a, 0.5 * sqrt(shell * (shell + 1) - ma * (ma - 1))))
    return terms


def _field(diagonal: dict[int, float], mixing: float = 0.0) -> OneBody:
    """Return the amplitudes of a crystal field on 3d: energies by |m|, and the coupling between m = 2 and -2."""
    terms = []
    for i, (li, mi, si) in enumerate(SPIN_ORBITALS):
        for a, (la, ma, sa) in enumerate(SPIN_ORBITALS):
            if li == la == 2 and si == sa:
                if mi == ma:
                    terms.append((i, a, diagonal[abs(mi)]))
                elif mi == -ma and abs(mi) == 2:
                    terms.append((i, a, mixing))
    return [term for term in terms if term[2]]


FIELDS = {
    "ten_dq": _field({0: 0.6, 1: -0.4, 2: 0.1}, mixing=0.5),
    "ds": _field({0: -2.0, 1: -1.0, 2: 2.0}),
    "dt": _field({0: -6.0, 1: 4.0, 2: -1.0}),
}
"""Crystal fields: cubic (e_g at +0.6, t_2g at -0.4 of 10Dq) and two tetragonal fields."""


@cache
def configuration(n_p: int, n_d: int) -> Configuration:
    """Build the operators of 2p^n_p 3d^n_d; their mean is subtracted, so 0 eV is the average of the configuration."""
    dets = determinants(n_p, n_d)
    terms = {f"F{k}_dd": two_body(_coulomb(k, (2, 2, 2, 2)), dets) for k in (2, 4)}
    terms["zeta_3d"] = one_body(_spin_orbit(2), dets, dets)
    terms |= {name: one_body(amplitudes, dets, dets) for name, amplitudes in FIELDS.items()}
    if n_p < 6:
        terms["zeta_2p"] = one_body(_spin_orbit(1), dets, dets)
        terms["F2_pd"] = two_body(_coulomb(2, (1, 2, 1, 2), (2, 1, 2, 1)), dets)
        terms |= {f"G{k}_pd": two_body(_coulomb(k, (1, 2, 2, 1), (2, 1, 1, 2)), dets) for k in (1, 3)}
    return Configuration({name: _centred(matrix) for name, matrix in terms.items()}, twice_mj(dets))


def _centred(matrix: Any) -> Any:
    from scipy.sparse import identity

    return (matrix - identity(matrix.shape[0]) * matrix.diagonal().mean()).tocsr()


@cache
def dipole(n_d: int, q: int) -> Any:
    """Build the matrix of the dipole operator C^1_q from 2p^6 3d^n_d to 2p^5 3d^(n_d + 1)."""
    terms = [
        (i, a, gaunt(1, 2, mi, 1, ma))
        for i, (li, mi, si) in enumerate(SPIN_ORBITALS)
        for a, (la, ma, sa) in enumerate(SPIN_ORBITALS)
        if li == 2 and la == 1 and si == sa and mi - ma == q
    ]
    return one_body(terms, determinants(5, n_d + 1), determinants(6, n_d))
