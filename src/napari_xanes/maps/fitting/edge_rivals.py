"""Maxima elsewhere that noise may have kept below the highest one."""

from __future__ import annotations

import numpy as np

from napari_xanes._typing import BoolArray, Float32Array, Float64Array, IndexArray
from napari_xanes.maps.fitting.edge_noise import at

_FAR = 3.5
"""Rows that lie further below the maximum, in standard errors of the difference, are no rivals."""

_CLOSE = 4.0
"""Rivals within this many times the reach of the maximum widen its error; those beyond make it doubtful."""


def rivals(
    rows: Float32Array,
    top: IndexArray,
    axis: Float64Array,
    noise: Float64Array,
    own: Float64Array,
    alone: Float64Array,
    reach: Float64Array,
) -> tuple[Float64Array, Float64Array]:
    """Return how much the rivals of a maximum add to the variance of its position, and how likely they are.

    A row d below the highest one is the higher one in truth with the probability of a normal variable above d, in
    standard errors of the difference. Rows that are near each other count as one.

    Parameters
    ----------
    rows : ndarray, shape (N, P)
        Values or slopes.
    top : ndarray, shape (P,)
        The highest row.
    axis : ndarray, shape (N,)
        Energy of each row in eV.
    noise : ndarray, shape (P,)
        Standard error of a point of the spectrum.
    own : ndarray, shape (N,)
        Variance of each row for points of variance 1.
    alone : ndarray, shape (N,)
        Share of a row in its neighbourhood.
    reach : ndarray, shape (N,)
        Distance in eV up to which rows belong to the maximum.

    Returns
    -------
    variance, probability : ndarray, shape (P,)
        Variance in eV squared that close rivals add, and the probability that a rival beyond is the maximum.
    """
    spread, doubt = np.zeros(top.size), np.zeros(top.size)
    highest = at(rows, top)
    least = highest - (_FAR * np.sqrt(own.max() + own[top]) * noise).astype(np.float32)
    first, last = _ends(rows > least)
    near = reach[top]
    some = np.flatnonzero((axis[last] - axis[top] > near) | (axis[top] - axis[first] > near))
    if some.size == 0:
        return spread, doubt
    distance = axis[:, None] - axis[top[some]]
    variance = (own[:, None] + own[top[some]]) * noise[some] ** 2
    below = (highest[some] - rows[:, some].astype(np.float64)) / np.sqrt(variance)
    odds = odds_of(below) * alone[:, None]
    distance = np.abs(distance)
    odds[distance <= near[some]] = 0
    total = odds.sum(axis=0)
    close = distance <= _CLOSE * near[some]
    spread[some] = (odds * distance**2 * close).sum(axis=0) / (1 + total)
    doubt[some] = (odds * ~close).sum(axis=0) / (1 + total)
    return spread, doubt


def _ends(flags: BoolArray) -> tuple[IndexArray, IndexArray]:
    """The first and the last True row of each column, by passes along rows, which are faster than argmax."""
    n = len(flags)
    number = np.arange(n, dtype=np.uint8 if n < 256 else np.uint32)[:, None]
    last = (flags * number).max(axis=0).astype(np.intp)
    return n - 1 - (flags * number[::-1]).max(axis=0).astype(np.intp), last


def odds_of(below: Float64Array) -> Float64Array:
    """Return the odds that a row is really the higher one, although it lies `below` another, in standard errors."""
    from scipy.special import ndtr

    higher = ndtr(-below)
    result: Float64Array = higher / (1 - higher)
    return result
