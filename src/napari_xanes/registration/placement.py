"""Positions of many images from those of pairs, by least squares against pairs that are wrong."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from napari_xanes._typing import BoolArray, Float64Array, IndexArray

_LIMIT = 3.0
"""A pair is wrong if it is so many pixels, and so many times its error, away from where the others put it."""

_LEAST_SIGMA = 0.01
"""Error, in pixels, below which images that scans distort never agree."""

_WEAK = 1e3
"""Error of a position in pixels that only ties what nothing else ties."""


class Placement(NamedTuple):
    """Positions (N, 2) in pixels relative to the first image, their errors, pairs that agree, images that pairs tie."""

    position: Float64Array
    sigma: Float64Array
    agrees: BoolArray
    tied: BoolArray


def placed(
    count: int,
    pairs: IndexArray,
    offset: Float64Array,
    sigma: Float64Array,
    score: Float64Array,
    start: Float64Array | None = None,
) -> Placement:
    """Return the positions of images that agree best with the offsets of pairs.

    Parameters
    ----------
    count : int
        Number of images.
    pairs : ndarray of int, shape (P, 2)
        Numbers i, j of the images of each pair.
    offset, sigma : ndarray, shape (P, 2)
        Position of image j minus that of image i, (y, x) in pixels, and its standard error.
    score : ndarray, shape (P,)
        How sure a pair is: the surest pairs tie the images first.
    start : ndarray, shape (N, 2), optional
        Where the images lie by stage or grid; these places serve images that no pair ties.

    Returns
    -------
    Placement
        A pair that contradicts surer ones is left out.
    """
    agrees = np.ones(len(pairs), dtype=bool)
    sigma = np.hypot(sigma, _LEAST_SIGMA)
    guess = _by_surest(count, pairs, offset, score, start)
    # From a tree of the surest pairs, those that close a loop wrongly are seen.
    missed = (
        np.abs(guess[pairs[:, 1]] - guess[pairs[:, 0]] - offset).max(axis=1, initial=0) if len(pairs) else np.zeros(0)
    )
    agrees &= missed < np.maximum(_LIMIT, 6 * sigma.max(axis=1, initial=0)) + 0.5 * _LIMIT
    for _ in range(len(pairs) + 1):
        position, spread = _solved(count, pairs[agrees], offset[agrees], sigma[agrees], guess)
        left = np.abs(position[pairs[:, 1]] - position[pairs[:, 0]] - offset)
        wrong = agrees & (left > np.maximum(_LIMIT, 6 * sigma)).any(axis=1)
        if not wrong.any():
            break
        agrees[np.argmax(np.where(wrong, left.max(axis=1), 0))] = False
    tied = _component(count, pairs[agrees])
    excess = _excess(left[agrees] / sigma[agrees], count, int(agrees.sum()), tied)
    return Placement(position - position[0], np.where(tied[:, None], spread * excess, np.nan), agrees, tied)


def _by_surest(
    count: int, pairs: IndexArray, offset: Float64Array, score: Float64Array, start: Float64Array | None
) -> Float64Array:
    """Return positions along a tree of the surest pairs; parts that no pair ties keep their start."""
    position = np.zeros((count, 2)) if start is None else start.astype(np.float64)
    group = np.arange(count)
    for p in np.argsort(-score, kind="stable"):
        i, j = pairs[p]
        if group[i] == group[j]:
            continue
        move = position[i] + offset[p] - position[j]
        # The part with the first image, or the larger one, stays.
        stays = group[i] == group[0] or (
            group[j] != group[0] and (group == group[i]).sum() >= (group == group[j]).sum()
        )
        moving = group == (group[j] if stays else group[i])
        position[moving] += move if stays else -move
        group[moving] = group[i] if stays else group[j]
    return position


def _solved(
    count: int, pairs: IndexArray, offset: Float64Array, sigma: Float64Array, guess: Float64Array
) -> tuple[Float64Array, Float64Array]:
    """Return the least-squares positions and their errors relative to the first image."""
    position, spread = np.zeros((count, 2)), np.zeros((count, 2))
    for axis in (0, 1):
        # What no pair ties stays where it is.
        normal = np.eye(count) / _WEAK**2
        normal[0, 0] += 1e12
        right = guess[:, axis] / _WEAK**2
        right[0] += 1e12 * guess[0, axis]
        for (i, j), step, error in zip(pairs, offset[:, axis], sigma[:, axis], strict=True):
            weight = 1 / error**2
            normal[[i, j], [i, j]] += weight
            normal[[i, j], [j, i]] -= weight
            right[j] += weight * step
            right[i] -= weight * step
        position[:, axis] = np.linalg.solve(normal, right)
        spread[:, axis] = np.sqrt(np.diag(np.linalg.inv(normal)))
    spread[0] = 0
    return position, spread


def _component(count: int, pairs: IndexArray) -> BoolArray:
    """Return which images the pairs tie to the first."""
    tied = np.zeros(count, dtype=bool)
    tied[0] = True
    for _ in range(count):
        either = tied[pairs]
        tied[pairs[either.any(axis=1)]] = True
    return tied


def _excess(left: Float64Array, count: int, n_pairs: int, tied: BoolArray) -> float:
    """Return by how much the pairs disagree beyond their errors, at least 1."""
    freedom = n_pairs - (int(tied.sum()) - 1)
    return max(1.0, float(np.sqrt((left**2).sum() / 2 / freedom))) if freedom > 0 else 1.0
