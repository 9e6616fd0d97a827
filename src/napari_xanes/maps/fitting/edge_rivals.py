"""Maxima elsewhere that noise may have kept below the highest one."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_xanes._typing import Float32Array, Float64Array, IndexArray
from napari_xanes.maps.fitting.edge_errors import at

_FAR = 3.5
"""Rows that lie further below the maximum, in standard errors of the difference, are no rivals."""

_CLOSE = 4.0
"""Rivals within this many times the reach of the maximum widen its error; those beyond make it doubtful."""


class Rivals:
    """Finds rows elsewhere that may be higher in truth than the highest one.

    A row d below the highest one is the higher one in truth with the probability of a normal variable above d, in
    standard errors of the difference. Rows that are near each other count as one.

    Parameters
    ----------
    axis : ndarray, shape (N,)
        Energy of each row in eV, increasing.
    own : ndarray, shape (N,)
        Variance of each row for points of variance 1.
    alone : ndarray, shape (N,)
        Share of a row in its neighbourhood.
    reach : ndarray, shape (N,)
        Distance in eV up to which rows belong to the maximum.
    """

    def __init__(self, axis: Float64Array, own: Float64Array, alone: Float64Array, reach: Float64Array) -> None:
        self._axis, self._own, self._alone, self._reach = axis, own, alone, reach
        # The rows that belong to a maximum are a range, so whether one does is a comparison of small integers.
        belongs = np.abs(axis[:, None] - axis) <= reach[:, None]
        first = belongs.argmax(axis=1)
        kind = np.uint8 if axis.size < 256 else np.uint32
        self._first, self._width = first.astype(kind), (belongs.sum(axis=1) - 1).astype(kind)
        self._number: NDArray[Any] = np.arange(axis.size, dtype=kind)[:, None]

    def of(self, rows: Float32Array, top: IndexArray, noise: Float64Array) -> tuple[Float64Array, Float64Array]:
        """Return how much the rivals of a maximum add to the variance of its position, and how likely they are.

        Parameters
        ----------
        rows : ndarray, shape (N, P)
            Values or slopes.
        top : ndarray, shape (P,)
            The highest row.
        noise : ndarray, shape (P,)
            Standard error of a point of the spectrum.

        Returns
        -------
        variance, probability : ndarray, shape (P,)
            Variance in eV squared that close rivals add, and the probability that a rival beyond is the maximum.
        """
        n_pixels, own = top.size, self._own.take(top)
        highest, axis, near = at(rows, top), self._axis.take(top), self._reach.take(top)
        least = highest - (_FAR * np.sqrt(self._own.max() + own) * noise).astype(np.float32)
        # Before the first row of a maximum, differences of unsigned integers wrap around to large ones.
        high = self._number - self._first.take(top) > self._width.take(top)
        high &= rows > least
        # Few rows are as high as this, so only these are looked at.
        place, starts = np.flatnonzero(high), np.arange(len(rows) + 1) * n_pixels
        count = np.diff(np.searchsorted(place, starts))
        pixel = place - np.repeat(starts[:-1], count)
        sigma = np.sqrt(np.repeat(self._own, count) + own.take(pixel)) * noise.take(pixel)
        below = (highest.take(pixel) - rows.ravel().take(place).astype(np.float64)) / sigma
        odds = odds_of(below) * np.repeat(self._alone, count)
        distance = np.abs(np.repeat(self._axis, count) - axis.take(pixel))
        close = distance <= _CLOSE * near.take(pixel)
        beyond, within = np.bincount(pixel + n_pixels * close, odds, 2 * n_pixels).reshape(2, -1)
        distance *= close
        variance, total = np.bincount(pixel, odds * distance**2, n_pixels), 1 + within + beyond
        return variance / total, beyond / total


def odds_of(below: Float64Array) -> Float64Array:
    """Return the odds that a row is really the higher one, although it lies `below` another, in standard errors."""
    from scipy.special import ndtr

    higher = ndtr(-below)
    result: Float64Array = higher / (1 - higher)
    return result
