"""Multiplets with charge transfer: the states of a 3d ion together with those in which a ligand gave it an electron.

A basis state is a determinant of the metal times one of a ligand shell with d symmetry; every operator is a Kronecker
product. Electrons are ordered 2p, 3d, ligand. So hopping into 3d carries the sign of the 3d electrons that the ligand's
electron passes, (-1)^N_d, and N_d differs between initial and final states: without this sign the ground state is
right and the satellites are wrong.

Blocks that are too large to be diagonalized are treated by the Lanczos method (Haydock, Heine & Kelly, J. Phys. C 8,
2591, 1975): its Ritz values and weights are sticks whose moments are exact.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_xanes._typing import Float64Array
from napari_xanes.theory.multiplet import crystal_field
from napari_xanes.theory.multiplet.atomic import Ion
from napari_xanes.theory.multiplet.charge_transfer import ChargeTransfer
from napari_xanes.theory.multiplet.determinants import D_SHELL, SPIN_ORBITALS
from napari_xanes.theory.multiplet.operators import configuration, dipole

_DENSE = 400
"""Blocks up to this size are diagonalized; of larger ones Lanczos finds what is needed."""

_VECTORS = 300
"""Lanczos vectors per starting state: right to 1e-6 of a spectrum's maximum with a Lorentzian of 0.2 and a Gaussian of
0.25 eV, to 1e-3 with a Lorentzian of 0.3 eV alone, in the largest blocks (Mn3+, Mn4+)."""

_LOWEST = 8
"""Initial states that are sought first in a large block: enough at room temperature."""

_POPULATED = 1e-4
"""Initial states with less population are left out; each costs a Lanczos run."""

_SHELL = [SPIN_ORBITALS[bit][1:] for bit in D_SHELL]

_PROJECTORS = {
    "v_eg": {(0, 0): 1.0, (2, 2): 0.5, (-2, -2): 0.5, (2, -2): 0.5, (-2, 2): 0.5},
    "v_t2g": {(1, 1): 1.0, (-1, -1): 1.0, (2, 2): 0.5, (-2, -2): 0.5, (2, -2): -0.5, (-2, 2): -0.5},
}
"""Which m of the metal hop to which m of the ligands, by symmetry."""


def _fillings(n: int) -> NDArray[np.int64]:
    """All ways to put n electrons into a d shell, as increasing integers."""
    return np.sort(np.array([sum(1 << i for i in filled) for filled in combinations(range(10), n)], dtype=np.int64))


@cache
def _annihilators(n: int) -> tuple[Any, ...]:
    """For each orbital of a d shell, the matrix that empties it, n electrons to n - 1; signs of this shell only."""
    from scipy.sparse import csr_matrix

    ket, bra = _fillings(n), _fillings(n - 1)
    made = []
    for bit in range(10):
        start = np.flatnonzero(ket >> bit & 1)
        sign = 1.0 - 2.0 * (np.bitwise_count(ket[start] & ((1 << bit) - 1)) & 1)
        rows = np.searchsorted(bra, ket[start] ^ (1 << bit))
        made.append(csr_matrix((sign, (rows, start)), (bra.size, ket.size)))
    return tuple(made)


def _shell_mj2(n: int) -> NDArray[np.int64]:
    fillings = _fillings(n)
    total = np.zeros(fillings.size, dtype=np.int64)
    for bit, (m, spin) in enumerate(_SHELL):
        total += (2 * m + spin) * (fillings >> bit & 1)
    return total


@dataclass
class Side:
    """The states before or after absorption: operators on both configurations together, cut into blocks when needed.

    ``sizes`` are the numbers of states of the two configurations; there is one where 3d can take no more electrons.
    """

    operators: dict[str, Any]
    mj2: NDArray[np.int64]
    sizes: tuple[int, ...]
    _blocks: dict[int, tuple[NDArray[np.intp], Any, Any]] = field(default_factory=dict)

    def rows(self, block: int) -> NDArray[np.intp]:
        """Which states belong to a block."""
        return self._block(block)[0]

    def hamiltonian(self, block: int, parameters: dict[str, float]) -> Any:
        """The Hamiltonian in a block, CSR."""
        from scipy.sparse import csr_matrix

        rows, pattern, values = self._block(block)
        factors = np.array([parameters.get(name, 0.0) for name in self.operators])
        return csr_matrix((values @ factors, pattern.indices, pattern.indptr), (rows.size, rows.size))

    def _block(self, block: int) -> tuple[NDArray[np.intp], Any, Any]:
        """All operators of a block on one sparsity pattern, so that their sum is a product with a vector."""
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
def _side(n_p: int, n_d: int) -> Side:
    """2p^n_p 3d^n_d and, if 3d has room, 2p^n_p 3d^(n_d+1) with a ligand hole."""
    from scipy.sparse import block_diag, csr_matrix, diags, identity, kron

    metal = [configuration(n_p, n_d + k) for k in range(min(2, 11 - n_d))]
    ligand_sizes = [1, 10][: len(metal)]
    made = {
        name: block_diag(
            [kron(m.operators[name], identity(n), "csr") for m, n in zip(metal, ligand_sizes, strict=True)], "csr"
        )
        for name in metal[0].operators
    }
    sizes = tuple(m.mj2.size * n for m, n in zip(metal, ligand_sizes, strict=True))
    mj2 = np.concatenate([(m.mj2[:, None] + _shell_mj2(10 - k)).ravel() for k, m in enumerate(metal)])
    made["ligand"] = diags(np.repeat([0.0, 1.0][: len(sizes)], sizes), format="csr")
    total = sum(sizes)
    for name, projector in _PROJECTORS.items():
        if len(metal) == 1:
            made[name] = csr_matrix((total, total))
            continue
        hop = _hopping(n_d, projector, n_p).tocoo()
        one = csr_matrix((hop.data, (hop.row + sizes[0], hop.col)), (total, total))
        made[name] = (one + one.T).tocsr()
    return Side(made, mj2, sizes)


def _hopping(n_d: int, projector: dict[tuple[int, int], float], n_p: int) -> Any:
    """Moves an electron from the full ligand shell into 3d^n_d."""
    from scipy.sparse import identity, kron

    creators = [matrix.T.tocsr() for matrix in _annihilators(n_d + 1)]
    emptiers = _annihilators(10)
    total: Any = 0
    for i, (m, spin) in enumerate(_SHELL):
        for j, (other_m, other_spin) in enumerate(_SHELL):
            amplitude = projector.get((m, other_m), 0.0) if spin == other_spin else 0.0
            if amplitude:
                # 2p bits are the lowest, so they are the inner index of a metal determinant.
                metal = kron(creators[i], identity({6: 1, 5: 6}[n_p]), "csr")
                total = total + amplitude * kron(metal, emptiers[j], "csr")
    return (-1) ** n_d * total


@cache
def _dipole(n_d: int, q: int) -> Any:
    """The dipole operator between the two sides; ligands look on."""
    from scipy.sparse import block_diag, csr_matrix, identity, kron

    before, after = _side(6, n_d), _side(5, n_d + 1)
    parts = []
    for k, (size, n) in enumerate(zip(before.sizes, (1, 10), strict=False)):
        there = k < len(after.sizes)
        parts.append(kron(dipole(n_d + k, q), identity(n), "csr") if there else csr_matrix((0, size)))
    return block_diag(parts, "csr")


def charge_transfer_sticks(
    ion: Ion, at: crystal_field.Field, transfer: ChargeTransfer, temperature: float, polarization: Any
) -> crystal_field.Sticks:
    """The sticks with charge transfer; see `napari_xanes.theory.l_edge_sticks`."""
    from threadpoolctl import threadpool_limits

    hopping = {"v_eg": transfer.v_eg, "v_t2g": float(transfer.v_t2g or 0.0)}
    start = at.parameters(ion.initial) | hopping | {"ligand": transfer.delta}
    end = at.parameters(ion.final) | hopping | {"ligand": transfer.delta + transfer.u_dd - transfer.u_pd}
    with threadpool_limits(1, "blas"):
        return _solve(ion, at, start, end, temperature, polarization)


def _solve(
    ion: Ion,
    at: crystal_field.Field,
    start: dict[str, float],
    end: dict[str, float],
    temperature: float,
    polarization: Any,
) -> crystal_field.Sticks:
    before, after = _side(6, ion.n_3d), _side(5, ion.n_3d + 1)
    shares = crystal_field.representatives(ion.n_3d)
    reach = -np.log(_POPULATED) * crystal_field.BOLTZMANN * temperature
    solved = {c: _lowest(before.hamiltonian(c, start), reach) for c in shares if before.rows(c).size}
    occupied = crystal_field.populations({c: w for c, (w, _) in solved.items()}, shares, temperature)
    wanted: dict[int, list[tuple[Float64Array, float]]] = {}
    for c, (levels, states) in solved.items():
        kept = np.flatnonzero(occupied[c] > _POPULATED)
        for q, weight in crystal_field.weights_of(polarization, at.cubic).items():
            target = (c + 2 * q) % 8
            moved = _dipole(ion.n_3d, q)[after.rows(target)][:, before.rows(c)] @ states[:, kept]
            for level, vector, share in zip(levels[kept], moved.T, occupied[c][kept], strict=True):
                if vector @ vector > 1e-12:
                    wanted.setdefault(target, []).append((vector * np.sqrt(weight * share), float(level)))
    if not wanted:
        raise ValueError(
            f"the ground state of {ion.name} with this charge transfer does not absorb: its 3d shell is full, and "
            "nothing mixes it with others; raise delta or the hopping"
        )
    found = [
        (energies - level, weights)
        for target, starts in wanted.items()
        for (energies, weights), (_, level) in zip(
            _spectra(after.hamiltonian(target, end), np.array([v for v, _ in starts]).T), starts, strict=True
        )
    ]
    return crystal_field.ordered_sticks(
        np.concatenate([energies for energies, _ in found]), np.concatenate([weights for _, weights in found])
    )


def _lowest(matrix: Any, reach: float) -> tuple[Float64Array, Float64Array]:
    """The levels of a block up to at least `reach` eV above its lowest, and their states."""
    from scipy.sparse.linalg import eigsh

    size, wanted = matrix.shape[0], _LOWEST
    first = np.random.default_rng(0).standard_normal(size)
    while size > max(_DENSE, 8 * wanted):
        levels, states = eigsh(matrix, k=wanted, which="SA", ncv=5 * wanted, tol=1e-9, v0=first)
        order = np.argsort(levels)
        top = levels[order[0]] + max(reach, 1e-6)
        if levels[order[-1]] >= top and _lowest_besides(matrix, states, 2 * reach + 1) > top:
            return levels[order], states[:, order]
        wanted *= 2
    levels, states = np.linalg.eigh(matrix.toarray())
    return levels, states


def _lowest_besides(matrix: Any, states: Float64Array, lift: float) -> float:
    """The lowest level once `states` are lifted out of the way: of equal levels, Lanczos may have seen only one."""
    from scipy.sparse.linalg import LinearOperator, eigsh

    def lifted(vector: Float64Array) -> Float64Array:
        result: Float64Array = matrix @ vector + lift * (states @ (states.T @ vector))
        return result

    rest = LinearOperator(matrix.shape, matvec=lifted, dtype=np.float64)
    first = np.random.default_rng(1).standard_normal(matrix.shape[0])
    return float(eigsh(rest, k=1, which="SA", tol=1e-6, v0=first, return_eigenvectors=False)[0])


def _spectra(matrix: Any, starts: Float64Array) -> Iterable[tuple[Float64Array, Float64Array]]:
    """For each column of `starts`, energies and weights of its spectrum under the Hamiltonian."""
    if matrix.shape[0] <= _DENSE:
        levels, states = np.linalg.eigh(matrix.toarray())
        return [(levels, weights) for weights in ((states.T @ starts) ** 2).T]
    return _lanczos(matrix, starts)


def _lanczos(matrix: Any, starts: Float64Array) -> list[tuple[Float64Array, Float64Array]]:
    """Independent Lanczos runs on all columns at once; Ritz values and weights of each."""
    from scipy.linalg import eigh_tridiagonal

    norms = np.linalg.norm(starts, axis=0)
    now, before = np.ascontiguousarray(starts / norms), np.zeros_like(starts)
    alphas, betas = [], []
    beta = np.zeros(starts.shape[1])
    for _ in range(min(_VECTORS, starts.shape[0])):
        ahead = matrix @ now - beta * before
        alpha = np.einsum("ij,ij->j", now, ahead)
        ahead -= alpha * now
        beta = np.linalg.norm(ahead, axis=0)
        alphas.append(alpha)
        betas.append(beta)
        if beta.max() < 1e-9:
            break
        before, now = now, ahead / np.maximum(beta, 1e-12)
    diagonal, beside = np.array(alphas), np.array(betas)[:-1]
    runs = []
    for column, norm in enumerate(norms):
        levels, states = eigh_tridiagonal(diagonal[:, column], beside[:, column])
        runs.append((levels, (states[0] * norm) ** 2))
    return runs
