"""Lowest states and absorption lines of a sparse Hamiltonian, the same to rounding on every processor.

Small matrices are diagonalized. For large ones the Lanczos method (Haydock, Heine & Kelly, J. Phys. C 8, 2591, 1975)
gives energies and weights whose moments are exact. Its vectors lose their orthogonality to rounding errors, and what
follows depends on the processor. So the loss is estimated at each step by the recurrence of Simon (Math. Comp. 42, 115,
1984), and vectors are made orthogonal again before the loss reaches the square root of the machine precision: then the
tridiagonal matrix is right to the machine precision.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from napari_xanes._typing import Float64Array

Lines = tuple[Float64Array, Float64Array]
"""Energies in eV and intensities, each of shape (N,)."""

DENSE_SIZE = 400
"""Matrices up to this size are diagonalized; the Lanczos method is not faster there."""

N_VECTORS = 300
"""Lanczos vectors per starting state: right to 1e-6 of a spectrum's maximum with a Lorentzian of 0.2 and a Gaussian of
0.25 eV, to 2e-3 with a Lorentzian of 0.3 eV alone, in the largest blocks (Mn3+, Mn4+)."""

N_LOWEST = 8
"""Number of lowest states that are computed first in a large block: enough at room temperature."""

_TOLERANCE = 1e-12
"""Relative error of the lowest levels. It is small because errors mix states whose levels are nearly equal; with 0 the
search does not always end."""

_PRECISION = float(np.finfo(np.float64).eps)

_EXHAUSTED = 1e-8
"""A coupling to the next Lanczos vector below this, in eV, ends the run: it moves a line by less than 1e-15 eV."""


def lowest_states(matrix: Any, reach: float) -> tuple[Float64Array, Float64Array]:
    """Compute the lowest levels of a Hamiltonian and their states.

    Parameters
    ----------
    matrix : scipy.sparse.csr_matrix, shape (N, N)
        Symmetric Hamiltonian in eV.
    reach : float
        All levels up to this many eV above the lowest one are returned, equal ones each.

    Returns
    -------
    levels : ndarray, shape (K,)
        eV, increasing.
    states : ndarray, shape (N, K)
        Orthonormal columns.
    """
    from scipy.sparse.linalg import eigsh

    size, count = matrix.shape[0], N_LOWEST
    start = np.random.default_rng(0).standard_normal(size)
    while size > max(DENSE_SIZE, 8 * count):
        levels, states = eigsh(matrix, k=count, which="SA", ncv=5 * count, tol=_TOLERANCE, v0=start)
        order = np.argsort(levels)
        levels, states = levels[order], states[:, order]
        limit = levels[0] + max(reach, 1e-6)
        if levels[-1] >= limit and _lowest_other_level(matrix, states, 2 * reach + 1) > limit:
            return levels, states
        count *= 2
    levels, states = np.linalg.eigh(matrix.toarray())
    return levels, states


def _lowest_other_level(matrix: Any, states: Float64Array, lift: float) -> float:
    """Return the lowest level after `states` were lifted by `lift` eV: of equal levels `eigsh` may miss some."""
    from scipy.sparse.linalg import LinearOperator, eigsh

    def lifted(vector: Float64Array) -> Float64Array:
        result: Float64Array = matrix @ vector + lift * (states @ (states.T @ vector))
        return result

    operator = LinearOperator(matrix.shape, matvec=lifted, dtype=np.float64)
    start = np.random.default_rng(1).standard_normal(matrix.shape[0])
    return float(eigsh(operator, k=1, which="SA", tol=1e-6, v0=start, return_eigenvectors=False)[0])


def absorption_lines(matrix: Any, starts: Float64Array) -> list[Lines]:
    """Compute the spectrum of each starting state under a Hamiltonian.

    Parameters
    ----------
    matrix : scipy.sparse.csr_matrix, shape (N, N)
        Symmetric Hamiltonian of the final states in eV.
    starts : ndarray, shape (N, K)
        Initial states after the dipole operator acted on them, one per column, none of them zero.

    Returns
    -------
    list of (energy, intensity), length K
        Final energies in eV, and intensities that add up to the squared norm of the starting state.
    """
    if matrix.shape[0] <= DENSE_SIZE:
        levels, states = np.linalg.eigh(matrix.toarray())
        return [(levels, intensity) for intensity in ((states.T @ starts) ** 2).T]
    return [_lanczos_lines(matrix, start) for start in np.ascontiguousarray(starts.T)]


def _lanczos_lines(matrix: Any, start: Float64Array) -> Lines:
    from scipy.linalg import eigh_tridiagonal

    norm = np.linalg.norm(start)
    levels, states = eigh_tridiagonal(*_tridiagonal(matrix, start / norm))
    return levels, (states[0] * norm) ** 2


def _tridiagonal(matrix: Any, start: Float64Array) -> tuple[Float64Array, Float64Array]:
    """Return the diagonal (K,) and the off-diagonal (K - 1,) of a Hamiltonian in the Lanczos basis of a unit vector."""
    n_steps = min(N_VECTORS, start.size)
    basis = np.zeros((n_steps, start.size))
    basis[0] = start
    diagonal, coupling = np.zeros(n_steps), np.zeros(n_steps)
    overlaps, overlaps_before = np.ones(1), np.ones(0)
    orthogonalize_next = False
    for j in range(n_steps):
        residual = matrix @ basis[j] - coupling[j - 1] * basis[j - 1]  # at j = 0 the last coupling is still 0
        diagonal[j] = basis[j] @ residual
        residual -= diagonal[j] * basis[j]
        coupling[j] = np.linalg.norm(residual)
        if coupling[j] < _EXHAUSTED or j == n_steps - 1:
            break
        overlaps_next = _next_overlaps(diagonal, coupling, overlaps, overlaps_before, np.sqrt(start.size))
        if orthogonalize_next or np.abs(overlaps_next[:-1]).max() > np.sqrt(_PRECISION):
            # Two vectors in a row are made orthogonal to all others, because each step looks back at two.
            residual -= basis[: j + 1].T @ (basis[: j + 1] @ residual)
            coupling[j] = np.linalg.norm(residual)
            overlaps_next[:-1] = _PRECISION
            orthogonalize_next = not orthogonalize_next
            if coupling[j] < _EXHAUSTED:
                break
        basis[j + 1] = residual / coupling[j]
        overlaps, overlaps_before = overlaps_next, overlaps
    return diagonal[: j + 1], coupling[:j]


def _next_overlaps(
    diagonal: Float64Array,
    coupling: Float64Array,
    overlaps: Float64Array,
    overlaps_before: Float64Array,
    rounding: float,
) -> Float64Array:
    """Estimate the overlaps of Lanczos vector j + 1 with vectors 0 to j + 1 from those of vectors j and j - 1.

    `overlaps` has shape (j + 1,), its last element is 1; `overlaps_before` is one shorter. `rounding` is the error of
    a product with the Hamiltonian, in units of the machine precision and of the largest energy.
    """
    j = overlaps.size - 1
    scale = np.abs(diagonal[: j + 1]).max() + coupling[: j + 1].max()
    noise = _PRECISION * rounding * scale / coupling[j]
    result = np.full(j + 2, noise)
    result[-1] = 1.0
    if j:
        terms = coupling[:j] * overlaps[1:] + (diagonal[:j] - diagonal[j]) * overlaps[:-1]
        terms -= coupling[j - 1] * overlaps_before
        terms[1:] += coupling[: j - 1] * overlaps[: j - 1]
        result[:j] = terms / coupling[j] + np.copysign(noise, terms)
    return result
