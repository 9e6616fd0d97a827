"""Correlations of many pairs of frames, combined by robust least squares: no common image is needed."""

from __future__ import annotations

import numpy as np
from scipy.sparse.csgraph import breadth_first_order, minimum_spanning_tree, shortest_path

from napari_xanes._typing import BoolArray, Float64Array
from napari_xanes.registration.correlation import largest_group
from napari_xanes.registration.fourier import Band, Coefficients
from napari_xanes.registration.pairs import Pairs
from napari_xanes.registration.reference import telling
from napari_xanes.registration.search import FOUND, Search
from napari_xanes.registration.start import MOST

_ALL = 12
"""Frames of which all pairs are searched; of more, each with those 1, 2, 4, ... frames later, and with the best one."""

_AGREE = 1.5
"""Pixels by which searched pairs may contradict the others."""

_WIDTH, _DISCARDED = 3.0, 6.0
"""Pairs that are off by more than this, in standard errors, count less; by more than that, not at all."""

_LEAST_ALONE = 0.02
"""Share of a variance that a pair has alone at least: contradictions beyond that come from elsewhere."""

_ROUNDS = 10


class Pairwise:
    """A `Placing` by all pairs of frames that show the same."""

    def start(self, band: Band, data: Coefficients) -> tuple[Float64Array, BoolArray]:
        """Return where frames lie by the best chain of pairs, and which of them are linked."""
        count = len(data)
        search = Search(band, data, MOST * min(band.shape))
        filled = np.asarray((np.abs(data) > 0).any(axis=1))
        distance, cost = np.zeros((count, count, 2)), np.zeros((count, count))
        for i, j in _searched(count, int(telling(band, data).argmax())):
            if not (filled[i] and filled[j]):
                continue
            shift, score = search.between(i, j)
            if score > FOUND:
                distance[i, j], distance[j, i] = shift, -shift
                cost[i, j] = cost[j, i] = 1 / score
        cost = _consistent(distance, cost)
        return _along_chains(distance, cost), largest_group(cost > 0)

    def rows(self, found: BoolArray) -> slice:
        """Return all frames."""
        return slice(None)

    def step(self, pairs: Pairs) -> tuple[Float64Array, Float64Array, BoolArray]:
        """Place frames by least squares."""
        return solved(pairs)

    def between(self, variance: Float64Array) -> Float64Array:
        """Return variances of distances; frames that have nothing in common are linked by those between.

        Along a chain, errors add up rather than their squares: what changes steadily moves all links alike.
        """
        links = np.where(np.isfinite(variance), np.sqrt(np.maximum(variance, 1e-12)), 0.0)
        result: Float64Array = shortest_path(links, directed=False) ** 2
        return np.where(np.isfinite(result), result, result[np.isfinite(result)].max())


def _searched(count: int, best: int) -> list[tuple[int, int]]:
    """Return the pairs of frames to search."""
    if count <= _ALL:
        return [(i, j) for i in range(count) for j in range(i + 1, count)]
    lags = 2 ** np.arange(int(np.log2(count - 1)) + 1)
    pairs = {(i, i + int(lag)) for lag in lags for i in range(count - lag)}
    pairs |= {(min(i, best), max(i, best)) for i in range(count) if i != best}
    return sorted(pairs)


def _consistent(distance: Float64Array, cost: Float64Array) -> Float64Array:
    """Return the costs (E, E) of the pairs without those that contradict the chains of the best ones."""
    places = _along_chains(distance, cost)
    off = np.abs(distance - (places[None] - places[:, None])).max(axis=-1)
    # A wrong pair may be in a chain: a frame whose pairs mostly contradict it is left to the others.
    agree = (off < _AGREE) & (cost > 0)
    return np.where(agree, cost, 0.0)


def _along_chains(distance: Float64Array, cost: Float64Array) -> Float64Array:
    """Return the places (E, 2) of frames along the best chains of pairs, relative to the first frame of each group."""
    tree = minimum_spanning_tree(cost)
    tree = tree + tree.T
    places, done = np.zeros((len(cost), 2)), np.zeros(len(cost), dtype=bool)
    for i in range(len(cost)):
        if done[i]:
            continue
        order, before = breadth_first_order(tree, i, directed=False)
        for j in order[1:]:
            places[j] = places[before[j]] + distance[before[j], j]
        done[order] = True
    return places


def solved(pairs: Pairs) -> tuple[Float64Array, Float64Array, BoolArray]:
    """Place frames by robust weighted least squares of all pairs.

    Returns
    -------
    step : ndarray, shape (E, 2)
        By how much the frames must move.
    variance : ndarray, shape (E, 2)
        What the least squares leave of the variances that each pair has alone, at the size of their residuals.
    held : ndarray of bool, shape (E,)
        Frames that are linked by pairs that agree.
    """
    count = len(pairs.valid)
    step, variance = np.zeros((count, 2)), np.zeros((count, 2))
    agree = pairs.valid & ~np.eye(count, dtype=bool)
    for axis in (0, 1):
        step[:, axis], variance[:, axis], kept = _least_squares(
            pairs.offset[..., axis], pairs.variance[..., axis], pairs.apart, agree
        )
        agree = agree & kept
    return step, variance, largest_group(agree)


def _least_squares(
    offset: Float64Array, variance: Float64Array, apart: Float64Array, valid: BoolArray
) -> tuple[Float64Array, Float64Array, BoolArray]:
    """Return steps (E,), their variances (E,), and the pairs (E, E) that agree, along one axis."""
    base = np.where(valid, 1 / np.where(valid, variance, 1.0), 0.0)
    alone = np.where(valid, np.maximum(apart, _LEAST_ALONE) * np.where(valid, variance, 1.0), 1.0)
    weight, scale = base, 1.0
    for _ in range(_ROUNDS):
        inverse = np.linalg.pinv(_laplacian(weight), hermitian=True)
        step = inverse @ (weight * offset).sum(axis=0)
        residual = offset - (step[None] - step[:, None])
        # The median tells the usual size, whatever single pairs do.
        scale = max(1.0, float(np.median((residual**2 / alone)[valid])) / 0.4549) if valid.any() else 1.0
        ratio = np.abs(residual) / np.sqrt(scale * alone)
        weight = np.where(ratio < _DISCARDED, base / (1 + (ratio / _WIDTH) ** 2), 0.0)
    spread = inverse @ _laplacian(weight**2 * scale * alone) @ inverse
    return step, np.diag(spread), valid & (weight > 0)


def _laplacian(weight: Float64Array) -> Float64Array:
    """Return the normal matrix (E, E) of differences with symmetric weights (E, E)."""
    weight = 0.5 * (weight + weight.T)
    result: Float64Array = np.diag(weight.sum(axis=1)) - weight
    return result
