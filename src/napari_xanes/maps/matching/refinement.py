"""From a node to the best 10Dq and shift nearby, and the average over tracks that fit about as well.

The best of the first looks is refined by Gauss-Newton steps on the compressed spectra. With a pixel's shift drawn from
a normal distribution of known width, what is minimized is ``|y - A m(10Dq, s)|² / noise² + s² / spread²``.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from napari_xanes._typing import Float32Array, Float64Array, IndexArray
from napari_xanes.maps.matching.search_grid import Nodes

_STEPS = 2


class Seen(NamedTuple):
    """Spectra as the library's patterns see them, (P, ...): what lies in them, (P, K), its square, what lies beside.

    ``noise`` is the variance of a point, from what is left beside background and patterns.
    """

    inside: Float32Array
    held: Float64Array
    left: Float64Array
    noise: Float64Array

    def looks(self) -> Float32Array:
        """Rows to score with a `Search`: with the weight of what a node costs beforehand."""
        weight = self.noise / (2 * np.sqrt(self.held + 1e-30))
        return np.concatenate([self.inside, weight[:, None]], axis=1, dtype=np.float32)

    def rows(self, rows: Any) -> Seen:
        """Some of the spectra."""
        return Seen(*(one[rows] for one in self))


class Refined(NamedTuple):
    """Where the fit of each pixel ended, all (P,)."""

    node: IndexArray
    ten_dq: Float64Array
    beyond: Float64Array
    shift: Float64Array
    squares: Float64Array
    ten_dq_variance: Float64Array
    shift_variance: Float64Array
    amplitude: Float64Array


def seen(nodes: Nodes, spectra: NDArray[np.float32]) -> Seen:
    """Spectra (E, P) without background in the patterns of a library; what they hold is overwritten."""
    spectra -= nodes.free @ (nodes.free.T @ spectra)
    inside = nodes.patterns.T @ spectra
    a = np.ascontiguousarray(inside.T)
    held = np.einsum("pk,pk->p", a, a).astype(np.float64)
    # What is left is summed as such: as a difference of squares single precision would lose it.
    spectra -= nodes.patterns @ inside
    left = np.einsum("ep,ep->p", spectra, spectra).astype(np.float64)
    freedom = max(len(spectra) - nodes.free.shape[1] - nodes.patterns.shape[1], 1)
    return Seen(a, held, left, (left + 1e-12 * held + 1e-30) / freedom)


def refined(nodes: Nodes, pixels: Seen, node: IndexArray) -> Refined:
    """Gauss-Newton steps from a node (P,) in 10Dq and shift; each goes to the next node and on from there."""
    a, left, noise, tracks = pixels.inside, pixels.left, pixels.noise, nodes.tracks
    track = nodes.track[node]
    n_shifts, n_fields = nodes.shifts.size, tracks.n_fields[track]
    first, step = tracks.first[track], tracks.step[track]
    unstep = 1 / np.where(step > 0, step, 1.0)
    middle = n_shifts // 2
    pitch = nodes.shifts[1] - nodes.shifts[0] if n_shifts > 1 else 1.0
    free_field, free_shift = n_fields > 1, n_shifts > 1
    for _ in range(_STEPS):
        local = node - tracks.start[track]
        field_at, shift_at = local // n_shifts, nodes.shifts[local % n_shifts]
        products = np.matmul(nodes.tangents[node], a[:, :, None])[:, :, 0].astype(np.float64)
        amplitude = np.maximum(products[:, 0], 1e-9 * np.sqrt(left) + 1e-30)
        qq, qs, ss = nodes.metric[node].T
        qq = np.where(free_field, qq + 1e-12, 1.0)
        prior = noise / (amplitude * nodes.spread) ** 2
        ss = ss + prior if free_shift else np.ones_like(prior)
        pull_q = np.where(free_field, products[:, 1] / amplitude, 0.0)
        pull_s = products[:, 2] / amplitude - prior * shift_at if free_shift else np.zeros_like(prior)
        qs = np.where(free_field, qs, 0.0) if free_shift else np.zeros_like(qs)
        determinant = np.maximum(qq * ss - qs * qs, 1e-12)
        move_q = np.clip((ss * pull_q - qs * pull_s) / determinant, -0.15, 0.15)
        move_s = np.clip((qq * pull_s - qs * pull_q) / determinant, -0.15, 0.15)
        ten_dq = first + field_at * step + move_q
        shift = shift_at + move_s
        last = node
        to_field = np.clip(np.rint((ten_dq - first) * unstep), 0, n_fields - 1).astype(np.intp)
        to_shift = np.clip(np.rint(shift / pitch) + middle, 0, n_shifts - 1).astype(np.intp)
        node = tracks.start[track] + to_field * n_shifts + to_shift
    share = nodes.share[last]
    moves = np.stack([np.ones_like(move_q), np.where(free_field, move_q, 0), move_s if free_shift else 0 * move_s])
    off = a - np.matmul((amplitude * moves).T[:, None, :].astype(np.float32), nodes.tangents[last])[:, 0]
    # Of the fit itself a part lies beside the patterns too, as large as that of the member.
    beside = np.maximum(left - amplitude**2 * (1 / share**2 - 1), 0.1 * left)
    squares = beside + np.einsum("pk,pk->p", off, off) + 1e-30
    limit = first + (n_fields - 1) * step
    inside = np.clip(ten_dq, first, limit)
    per_noise = 1 / amplitude**2
    return Refined(
        node=last,
        ten_dq=inside,
        beyond=np.where(free_field, np.abs(ten_dq - inside), 0.0),
        shift=np.clip(shift, nodes.shifts[0], nodes.shifts[-1]),
        squares=squares,
        ten_dq_variance=np.where(free_field, ss / determinant * per_noise, 0.0),
        shift_variance=qq / determinant * per_noise if free_shift else np.zeros_like(qq),
        amplitude=np.where(products[:, 0] > 0, amplitude / share, 0.0),
    )


def averaged(nodes: Nodes, first: Refined, others: list[tuple[IndexArray, Refined]], freedom: int) -> Refined:
    """The best of some fits on different tracks, with 10Dq averaged over them by how well each fits.

    A fit counts with its track's weight times exp(-chi-square / 2); the variance of 10Dq holds its spread among them.

    Parameters
    ----------
    nodes : Nodes
        The library.
    first : Refined
        A fit of each of P spectra.
    others : list of (ndarray of int, Refined)
        Which of the spectra have another fit, and that.
    freedom : int
        Degrees of freedom of a fit.
    """
    if not others:
        return first
    squares = first.squares.copy()
    for rows, fit in others:
        squares[rows] = np.minimum(squares[rows], fit.squares)
    variance = squares / freedom
    costs = [_cost(nodes, first, variance), *(_cost(nodes, fit, variance[rows]) for rows, fit in others)]
    kept: tuple[Any, ...] = tuple(values.copy() for values in first)
    least, best = costs[0].copy(), Refined(*kept)
    for cost, (rows, fit) in zip(costs[1:], others, strict=True):
        better = cost < least[rows]
        for values, new in zip(best, fit, strict=True):
            values[rows[better]] = new[better]
        least[rows] = np.minimum(least[rows], cost)
    # Moments about the best, by the weights of all.
    weight = np.exp((least - costs[0]) / 2)
    away = first.ten_dq - best.ten_dq
    total, mean, square = weight.copy(), weight * away, weight * (first.ten_dq_variance * variance + away**2)
    for cost, (rows, fit) in zip(costs[1:], others, strict=True):
        weight, away = np.exp((least[rows] - cost) / 2), fit.ten_dq - best.ten_dq[rows]
        total[rows] += weight
        mean[rows] += weight * away
        square[rows] += weight * (fit.ten_dq_variance * variance[rows] + away**2)
    mean /= total
    scattered = np.maximum(square / total - mean**2, 0) / variance
    return best._replace(ten_dq=best.ten_dq + mean, ten_dq_variance=scattered)


def _cost(nodes: Nodes, fit: Refined, variance: Float64Array) -> Float64Array:
    """Chi-square of a fit, with what its shift and its track cost."""
    weight = nodes.tracks.weight[nodes.track[fit.node]]
    result: Float64Array = fit.squares / variance + (fit.shift / nodes.spread) ** 2 - 2 * np.log(weight)
    return result
