"""Refinement from a node of the search grid to the best 10Dq and shift, and the average over similar tracks.

The best node of the coarse search is refined by Gauss-Newton steps on the compressed spectra. The shift of a pixel has
a normal prior of known spread, so ``|y - A m(10Dq, s)|² / noise² + s² / spread²`` is minimized, with the amplitude A,
the library spectrum m and the shift s.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from napari_xanes._typing import Float64Array, IndexArray
from napari_xanes.maps.matching.projection import Projection
from napari_xanes.maps.matching.search_grid import SearchGrid

_STEPS = 2
_LARGEST_MOVE = 0.15
"""Largest change of 10Dq and of shift in a step, in eV."""


class RefinedFit(NamedTuple):
    """The fit of each pixel, all arrays (P,).

    Parameters
    ----------
    node : ndarray of int
        The nearest node of the library.
    ten_dq, shift : ndarray
        In eV.
    ten_dq_excess : ndarray
        How far 10Dq lies beyond the library, in eV.
    squares : ndarray
        Squared residuals.
    ten_dq_variance, shift_variance : ndarray
        For a noise variance of 1.
    amplitude : ndarray
        Norm of the fitted spectrum.
    """

    node: IndexArray
    ten_dq: Float64Array
    ten_dq_excess: Float64Array
    shift: Float64Array
    squares: Float64Array
    ten_dq_variance: Float64Array
    shift_variance: Float64Array
    amplitude: Float64Array


class _Step(NamedTuple):
    """A Gauss-Newton step (P,): amplitude, moves and new values in eV, and the inverse of the normal matrix."""

    spectrum_product: Float64Array
    amplitude: Float64Array
    ten_dq_move: Float64Array
    shift_move: Float64Array
    ten_dq: Float64Array
    shift: Float64Array
    ten_dq_inverse: Float64Array
    shift_inverse: Float64Array


def refine(grid: SearchGrid, projection: Projection, node: IndexArray) -> RefinedFit:
    """Refine 10Dq and shift from a node of each pixel.

    Parameters
    ----------
    grid : SearchGrid
        The library on the stack's energies.
    projection : Projection
        The projected spectra of P pixels.
    node : ndarray of int, shape (P,)
        Where to start. Each step begins at the node that is nearest to the end of the last one, in the same track.
    """
    nearest = node
    for _ in range(_STEPS):
        node = nearest
        step = _gauss_newton_step(grid, projection, node)
        nearest = _nearest_node(grid, grid.track[node], step)
    return _fit_at(grid, projection, node, step)


def _gauss_newton_step(grid: SearchGrid, projection: Projection, node: IndexArray) -> _Step:
    """Solve the linearized fit around a node."""
    tracks, track, n_shifts = grid.tracks, grid.track[node], grid.shifts.size
    free_ten_dq, free_shift = tracks.n_ten_dq[track] > 1, n_shifts > 1
    within_track = node - tracks.start[track]
    node_shift = grid.shifts[within_track % n_shifts]
    products = np.matmul(grid.nodes.tangents[node], projection.scores[:, :, None])[:, :, 0].astype(np.float64)
    amplitude = np.maximum(products[:, 0], 1e-9 * np.sqrt(projection.residual_squares) + 1e-30)
    # The normal matrix [[qq, qs], [qs, ss]] and the gradient, of 10Dq (q) and shift (s).
    qq, qs, ss = grid.nodes.gram[node].T
    qq = np.where(free_ten_dq, qq + 1e-12, 1.0)
    prior = projection.noise_variance / (amplitude * grid.spread) ** 2
    ss = ss + prior if free_shift else np.ones_like(prior)
    gradient_q = np.where(free_ten_dq, products[:, 1] / amplitude, 0.0)
    gradient_s = products[:, 2] / amplitude - prior * node_shift if free_shift else np.zeros_like(prior)
    qs = np.where(free_ten_dq, qs, 0.0) if free_shift else np.zeros_like(qs)
    determinant = np.maximum(qq * ss - qs * qs, 1e-12)
    move_q = np.clip((ss * gradient_q - qs * gradient_s) / determinant, -_LARGEST_MOVE, _LARGEST_MOVE)
    move_s = np.clip((qq * gradient_s - qs * gradient_q) / determinant, -_LARGEST_MOVE, _LARGEST_MOVE)
    return _Step(
        spectrum_product=products[:, 0],
        amplitude=amplitude,
        ten_dq_move=move_q,
        shift_move=move_s,
        ten_dq=tracks.first_ten_dq[track] + within_track // n_shifts * tracks.ten_dq_step[track] + move_q,
        shift=node_shift + move_s,
        ten_dq_inverse=ss / determinant,
        shift_inverse=qq / determinant,
    )


def _nearest_node(grid: SearchGrid, track: IndexArray, step: _Step) -> IndexArray:
    """The node of a track that is nearest to the 10Dq and shift of a step."""
    tracks, n_shifts = grid.tracks, grid.shifts.size
    spacing = tracks.ten_dq_step[track]
    per_ten_dq = 1 / np.where(spacing > 0, spacing, 1.0)
    shift_spacing = grid.shifts[1] - grid.shifts[0] if n_shifts > 1 else 1.0
    ten_dq_index = np.rint((step.ten_dq - tracks.first_ten_dq[track]) * per_ten_dq)
    ten_dq_index = np.clip(ten_dq_index, 0, tracks.n_ten_dq[track] - 1).astype(np.intp)
    shift_index = np.clip(np.rint(step.shift / shift_spacing) + n_shifts // 2, 0, n_shifts - 1).astype(np.intp)
    result: IndexArray = tracks.start[track] + ten_dq_index * n_shifts + shift_index
    return result


def _fit_at(grid: SearchGrid, projection: Projection, node: IndexArray, step: _Step) -> RefinedFit:
    """The fit after a step from a node: residual, and 10Dq and shift within the library."""
    tracks, track, free_shift = grid.tracks, grid.track[node], grid.shifts.size > 1
    free_ten_dq, amplitude = tracks.n_ten_dq[track] > 1, step.amplitude
    norm_fraction, residual = grid.nodes.norm_fraction[node], projection.residual_squares
    ten_dq_move = np.where(free_ten_dq, step.ten_dq_move, 0)
    moves = np.stack([np.ones_like(amplitude), ten_dq_move, step.shift_move if free_shift else 0 * step.shift_move])
    fitted = np.matmul((amplitude * moves).T[:, None, :].astype(np.float32), grid.nodes.tangents[node])[:, 0]
    difference = projection.scores - fitted
    # The fitted spectrum too has a part outside the components, as large as that of the library spectrum.
    outside = np.maximum(residual - amplitude**2 * (1 / norm_fraction**2 - 1), 0.1 * residual)
    first = tracks.first_ten_dq[track]
    ten_dq = np.clip(step.ten_dq, first, first + (tracks.n_ten_dq[track] - 1) * tracks.ten_dq_step[track])
    per_variance = 1 / amplitude**2
    return RefinedFit(
        node=node,
        ten_dq=ten_dq,
        ten_dq_excess=np.where(free_ten_dq, np.abs(step.ten_dq - ten_dq), 0.0),
        shift=np.clip(step.shift, grid.shifts[0], grid.shifts[-1]),
        squares=outside + np.einsum("pk,pk->p", difference, difference) + 1e-30,
        ten_dq_variance=np.where(free_ten_dq, step.ten_dq_inverse * per_variance, 0.0),
        shift_variance=step.shift_inverse * per_variance if free_shift else np.zeros_like(amplitude),
        amplitude=np.where(step.spectrum_product > 0, amplitude / norm_fraction, 0.0),
    )


def average_over_tracks(
    grid: SearchGrid, first: RefinedFit, alternatives: list[tuple[IndexArray, RefinedFit]], freedom: int
) -> RefinedFit:
    """Return the best fit of each spectrum, with 10Dq averaged over its fits on different tracks.

    A fit has the weight of its track times exp(-chi-square / 2). The variance of 10Dq includes the scatter of 10Dq
    among the fits.

    Parameters
    ----------
    grid : SearchGrid
        The library on the stack's energies.
    first : RefinedFit
        A fit of each of P spectra.
    alternatives : list of (ndarray of int, RefinedFit)
        Fits on other tracks, each with the positions of its spectra among the P.
    freedom : int
        Degrees of freedom of a fit.
    """
    if not alternatives:
        return first
    squares = first.squares.copy()
    for rows, fit in alternatives:
        squares[rows] = np.minimum(squares[rows], fit.squares)
    variance = squares / freedom
    costs = [_cost(grid, fit, variance[rows]) for rows, fit in alternatives]
    first_cost = _cost(grid, first, variance)
    best, least = _cheapest(first, first_cost, alternatives, costs)
    # Moments of 10Dq about the best fit, weighted by the likelihood of each fit.
    weight, distance = np.exp((least - first_cost) / 2), first.ten_dq - best.ten_dq
    total, mean = weight.copy(), weight * distance
    second_moment = weight * (first.ten_dq_variance * variance + distance**2)
    for cost, (rows, fit) in zip(costs, alternatives, strict=True):
        weight, distance = np.exp((least[rows] - cost) / 2), fit.ten_dq - best.ten_dq[rows]
        total[rows] += weight
        mean[rows] += weight * distance
        second_moment[rows] += weight * (fit.ten_dq_variance * variance[rows] + distance**2)
    mean /= total
    ten_dq_variance = np.maximum(second_moment / total - mean**2, 0) / variance
    return best._replace(ten_dq=best.ten_dq + mean, ten_dq_variance=ten_dq_variance)


def _cheapest(
    first: RefinedFit,
    first_cost: Float64Array,
    alternatives: list[tuple[IndexArray, RefinedFit]],
    costs: list[Float64Array],
) -> tuple[RefinedFit, Float64Array]:
    """The fit of least cost of each spectrum, and that cost."""
    copies: tuple[Any, ...] = tuple(values.copy() for values in first)
    best, least = RefinedFit(*copies), first_cost.copy()
    for cost, (rows, fit) in zip(costs, alternatives, strict=True):
        better = cost < least[rows]
        for values, alternative in zip(best, fit, strict=True):
            values[rows[better]] = alternative[better]
        least[rows] = np.minimum(least[rows], cost)
    return best, least


def _cost(grid: SearchGrid, fit: RefinedFit, variance: Float64Array) -> Float64Array:
    """Chi-square of a fit, plus the penalties of its shift and of its track."""
    weight = grid.tracks.weight[grid.track[fit.node]]
    result: Float64Array = fit.squares / variance + (fit.shift / grid.spread) ** 2 - 2 * np.log(weight)
    return result
