"""States of a 3d ion together with those in which a ligand gave the ion an electron.

A basis state is a determinant of the metal times one of a ligand shell with d symmetry; every operator is a Kronecker
product. Electrons are ordered 2p, 3d, ligand. Therefore hopping into 3d carries the sign of the 3d electrons that the
ligand's electron passes, (-1)^N_d, and N_d differs between initial and final states: without this sign the ground state
is right and the satellites are wrong.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_xanes.theory.multiplet import operators
from napari_xanes.theory.multiplet.determinants import D_SHELL, SPIN_ORBITALS
from napari_xanes.theory.multiplet.operators import Configuration, configuration

_D_ORBITALS = [SPIN_ORBITALS[bit][1:] for bit in D_SHELL]
"""(m, 2 m_s) of each spin orbital of a d shell."""

_PROJECTORS = {
    "v_eg": {(0, 0): 1.0, (2, 2): 0.5, (-2, -2): 0.5, (2, -2): 0.5, (-2, 2): 0.5},
    "v_t2g": {(1, 1): 1.0, (-1, -1): 1.0, (2, 2): 0.5, (-2, -2): 0.5, (2, -2): -0.5, (-2, 2): -0.5},
}
"""Projectors on e_g and t_2g: amplitudes between m of the metal and m of the ligands."""


@dataclass
class ConfigurationSpace:
    """The initial or the final states: operators on both configurations together.

    Parameters
    ----------
    operators : dict of str to scipy.sparse matrix, shape (N, N)
        The terms of the Hamiltonian by name, without parameters.
    mj2 : ndarray of int, shape (N,)
        Twice the M_J of each state.
    sizes : tuple of int
        Number of states of each configuration. There is only one configuration where 3d can take no more electrons.
    """

    operators: dict[str, Any]
    mj2: NDArray[np.int64]
    sizes: tuple[int, ...]
    _blocks: dict[int, tuple[NDArray[np.intp], Any, Any]] = field(default_factory=dict)

    def rows(self, block: int) -> NDArray[np.intp]:
        """Return the states of a block, which is a value of 2 M_J modulo 8."""
        return self._block(block)[0]

    def hamiltonian(self, block: int, parameters: dict[str, float]) -> Any:
        """Return the Hamiltonian of a block as a CSR matrix, in the unit of the parameters."""
        from scipy.sparse import csr_matrix

        rows, pattern, values = self._block(block)
        factors = np.array([parameters.get(name, 0.0) for name in self.operators])
        return csr_matrix((values @ factors, pattern.indices, pattern.indptr), (rows.size, rows.size))

    def _block(self, block: int) -> tuple[NDArray[np.intp], Any, Any]:
        """Return rows, sparsity pattern and values of all operators, so that their sum is a product with a vector."""
        from scipy.sparse import csc_matrix, identity

        if block not in self._blocks:
            rows = np.flatnonzero(self.mj2 % 8 == block)
            parts = [matrix[rows][:, rows].tocoo() for matrix in self.operators.values()]
            pattern = sum((abs(part).tocsr() for part in parts), start=identity(rows.size, format="csr")).tocsr()
            pattern.sort_indices()
            keys = np.repeat(np.arange(rows.size), np.diff(pattern.indptr)) * rows.size + pattern.indices
            places = [np.searchsorted(keys, part.row.astype(np.int64) * rows.size + part.col) for part in parts]
            ends = np.cumsum([0, *(place.size for place in places)])
            stored = (np.concatenate([part.data for part in parts]), np.concatenate(places), ends)
            self._blocks[block] = rows, pattern, csc_matrix(stored, (keys.size, len(parts))).tocsr()
        return self._blocks[block]


@cache
def configuration_space(n_p: int, n_d: int) -> ConfigurationSpace:
    """Build the space of 2p^n_p 3d^n_d and, if 3d has room, of 2p^n_p 3d^(n_d+1) with a ligand hole.

    Examples
    --------
    >>> configuration_space(6, 8).sizes, configuration_space(6, 10).sizes
    ((45, 100), (1,))
    """
    from scipy.sparse import block_diag, diags, identity, kron

    metal = [configuration(n_p, n_d + k) for k in range(min(2, 11 - n_d))]
    ligand_sizes = [1, 10][: len(metal)]
    terms = {
        name: block_diag(
            [kron(part.operators[name], identity(n), "csr") for part, n in zip(metal, ligand_sizes, strict=True)], "csr"
        )
        for name in metal[0].operators
    }
    sizes = tuple(part.mj2.size * n for part, n in zip(metal, ligand_sizes, strict=True))
    terms["ligand"] = diags(np.repeat([0.0, 1.0][: len(sizes)], sizes), format="csr")
    terms |= {name: _symmetric_hopping(n_p, n_d, sizes, projector) for name, projector in _PROJECTORS.items()}
    return ConfigurationSpace(terms, _total_mj2(metal), sizes)


def _total_mj2(metal: list[Configuration]) -> NDArray[np.int64]:
    totals = [(part.mj2[:, None] + _shell_mj2(10 - k)).ravel() for k, part in enumerate(metal)]
    return np.concatenate(totals)


def _symmetric_hopping(n_p: int, n_d: int, sizes: tuple[int, ...], projector: dict[tuple[int, int], float]) -> Any:
    """Return hopping from and to the ligand on the whole space; zero where there is only one configuration."""
    from scipy.sparse import csr_matrix

    shape = (sum(sizes), sum(sizes))
    if len(sizes) == 1:
        return csr_matrix(shape)
    hop = _hopping(n_d, projector, n_p).tocoo()
    lower = csr_matrix((hop.data, (hop.row + sizes[0], hop.col)), shape)
    return (lower + lower.T).tocsr()


def _hopping(n_d: int, projector: dict[tuple[int, int], float], n_p: int) -> Any:
    """Return the operator that moves an electron from the full ligand shell into 3d^n_d."""
    from scipy.sparse import identity, kron

    creators = [matrix.T.tocsr() for matrix in _annihilators(n_d + 1)]
    ligand_annihilators = _annihilators(10)
    total: Any = 0
    for i, (m, spin) in enumerate(_D_ORBITALS):
        for j, (ligand_m, ligand_spin) in enumerate(_D_ORBITALS):
            amplitude = projector.get((m, ligand_m), 0.0) if spin == ligand_spin else 0.0
            if amplitude:
                # 2p bits are the lowest, so they are the inner index of a metal determinant.
                metal = kron(creators[i], identity({6: 1, 5: 6}[n_p]), "csr")
                total = total + amplitude * kron(metal, ligand_annihilators[j], "csr")
    return (-1) ** n_d * total


@cache
def dipole(n_d: int, q: int) -> Any:
    """Return the dipole operator C^1_q from initial to final states; it leaves the ligand shell unchanged.

    Parameters
    ----------
    n_d : int
        3d electrons of the initial state.
    q : int
        Spherical component, -1, 0 or 1.
    """
    from scipy.sparse import block_diag, csr_matrix, identity, kron

    initial, final = configuration_space(6, n_d), configuration_space(5, n_d + 1)
    parts = []
    for k, (size, n) in enumerate(zip(initial.sizes, (1, 10), strict=False)):
        has_final = k < len(final.sizes)
        parts.append(kron(operators.dipole(n_d + k, q), identity(n), "csr") if has_final else csr_matrix((0, size)))
    return block_diag(parts, "csr")


def _shell_fillings(n: int) -> NDArray[np.int64]:
    """List all ways to put n electrons into a d shell, as increasing integers whose bits are the filled orbitals."""
    return np.sort(np.array([sum(1 << i for i in filled) for filled in combinations(range(10), n)], dtype=np.int64))


@cache
def _annihilators(n: int) -> tuple[Any, ...]:
    """Return, for each orbital of a d shell, the matrix that empties it, from n electrons to n - 1.

    Signs count the electrons of this shell only.
    """
    from scipy.sparse import csr_matrix

    ket, bra = _shell_fillings(n), _shell_fillings(n - 1)
    matrices = []
    for bit in range(10):
        start = np.flatnonzero(ket >> bit & 1)
        sign = 1.0 - 2.0 * (np.bitwise_count(ket[start] & ((1 << bit) - 1)) & 1)
        rows = np.searchsorted(bra, ket[start] ^ (1 << bit))
        matrices.append(csr_matrix((sign, (rows, start)), (bra.size, ket.size)))
    return tuple(matrices)


def _shell_mj2(n: int) -> NDArray[np.int64]:
    """Return twice the M_J of each filling of a d shell with n electrons."""
    fillings = _shell_fillings(n)
    total = np.zeros(fillings.size, dtype=np.int64)
    for bit, (m, spin) in enumerate(_D_ORBITALS):
        total += (2 * m + spin) * (fillings >> bit & 1)
    return total
