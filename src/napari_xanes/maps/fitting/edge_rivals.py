"""Maxima elsewhere that noise may have kept below the highest one."""

from __future__ import annotations

import numpy as np

from napari_xanes._typing import Float32Array, Float64Array, IndexArray
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
    n_pixels = top.size
    highest = at(rows, top)
    least = highest - (_FAR * np.sqrt(own.max() + own[top]) * noise).astype(np.float32)
    # Few rows are as high as this, so only these are looked at.
    row, pixel = np.divmod(np.flatnonzero(rows > least), n_pixels)
    distance, near = np.abs(axis[row] - axis[top[pixel]]), reach[top[pixel]]
    away = distance > near
    row, pixel, distance, near = row[away], pixel[away], distance[away], near[away]
    variance = (own[row] + own[top[pixel]]) * noise[pixel] ** 2
    below = (highest[pixel] - rows[row, pixel].astype(np.float64)) / np.sqrt(variance)
    odds = odds_of(below) * alone[row]
    close = distance <= _CLOSE * near

    def summed(values: Float64Array) -> Float64Array:
        return np.bincount(pixel, values, minlength=n_pixels).astype(np.float64, copy=False)

    total = 1 + summed(odds)
    return summed(odds * distance**2 * close) / total, summed(odds * ~close) / total


def odds_of(below: Float64Array) -> Float64Array:
    """Return the odds that a row is really the higher one, although it lies `below` another, in standard errors."""
    from scipy.special import ndtr

    higher = ndtr(-below)
    result: Float64Array = higher / (1 - higher)
    return result
