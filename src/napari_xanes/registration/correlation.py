"""The shifts of a stack from correlations of its frames: what the methods "reference" and "pairwise" share."""

from __future__ import annotations

from dataclasses import replace
from typing import Protocol

import numpy as np
from scipy.sparse.csgraph import connected_components

from napari_xanes._typing import BoolArray, Float64Array
from napari_xanes.progress import Progress, part
from napari_xanes.registration.drift import between
from napari_xanes.registration.estimation import (
    MOST_AT_START,
    MOST_COEFFICIENTS,
    NOTHING,
    START_HIGHEST,
    Box,
    Estimate,
    Frames,
    whitened,
)
from napari_xanes.registration.fourier import HIGHEST, LOWEST, Band, Blurs, Coefficients, band_of, common_window
from napari_xanes.registration.hidden_drift import hidden_drift
from napari_xanes.registration.learning import pattern_of
from napari_xanes.registration.pairs import Pairs, compared
from napari_xanes.registration.repeating import period_of

_MOST_OF_PAIRS = 1_500_000_000
"""Most products of coefficients of all pairs together."""

_PASSES, _STEPS = 3, 8
_SETTLED, _SAME_PLACE = 1e-3, 0.05
"""Changes of the shifts, in pixels, after which they, and the place of the window, are right."""

_LEAST_WINDOW = 12
"""Pixels that all frames must have in common."""


class Placing(Protocol):
    """How a method places frames by their correlations."""

    def start(self, band: Band, data: Coefficients) -> tuple[Float64Array, BoolArray]:
        """Return the shifts (E, 2) of coefficients (E, K) to about a pixel, and which frames (E,) were found."""

    def rows(self, found: BoolArray) -> slice | list[int]:
        """Return which of the frames that were found the others are compared with."""

    def step(self, pairs: Pairs) -> tuple[Float64Array, Float64Array, BoolArray]:
        """Return by how much frames must move, the variance of that which each frame has alone, and which are held."""

    def between(self, variance: Float64Array) -> Float64Array:
        """Return the variances (E, E) of distances of all frames from those of pairs, infinite where these say none."""


def estimate(
    frames: Frames,
    count: int,
    shape: tuple[int, int],
    placing: Placing,
    *,
    box: Box | None = None,
    progress: Progress | None = None,
) -> Estimate:
    """Find the shifts of all frames from their correlations.

    Parameters
    ----------
    frames : callable
        Reads the frames anew each time.
    count : int
        Number of frames.
    shape : tuple of int
        Height and width of a frame.
    placing : Placing
        The method.
    box : tuple of int, optional
        Part of the image to look at.
    progress : callable, optional
        Called with the fraction done.

    Raises
    ------
    ValueError
        If fewer than two frames have something in common, or all of them less than 12 pixels.
    """
    band = band_of(shape, LOWEST, START_HIGHEST).thinned(MOST_AT_START)
    shifts, everything = np.zeros((count, 2)), np.ones(count, dtype=bool)
    data, _, _ = whitened(frames, band, shifts, everything, box, part(progress, 0.0, 0.3))
    shifts, found = placing.start(band, data)
    return refined(frames, shape, placing, shifts, found, box=box, progress=part(progress, 0.4, 1.0))


def refined(
    frames: Frames,
    shape: tuple[int, int],
    placing: Placing,
    shifts: Float64Array,
    found: BoolArray,
    *,
    box: Box | None = None,
    progress: Progress | None = None,
) -> Estimate:
    """Improve shifts that are right to about a pixel, and find their errors.

    The parameters are those of `estimate`, and the shifts (E, 2) and the frames (E,) that were found.

    Raises
    ------
    ValueError
        If fewer than two frames have something in common, or all of them less than 12 pixels.
    """
    most = min(MOST_COEFFICIENTS, _MOST_OF_PAIRS // len(shifts) ** 2)
    band = band_of(shape, LOWEST, HIGHEST).thinned(max(most, 500))
    blurs: Blurs = {}
    for i in range(_PASSES):
        if found.sum() < 2:
            raise ValueError(NOTHING)
        # The window moves with the sample; with better shifts, it is in a better place.
        before = shifts
        _require_overlap(shape, shifts[found], box)
        now = part(progress, i / _PASSES, (i + 1) / _PASSES)
        data, noise, share = whitened(frames, band, shifts, found, box, now, blurs)
        shifts, found, own = _placed(band, data, shifts, found, share, placing)
        if found.sum() >= 2 and np.abs(shifts - before)[found].max() < _SAME_PLACE:
            break
    if found.sum() < 2:
        raise ValueError(NOTHING)
    pairs = compared(band, data[found], shifts[found], share)
    estimate = _estimated(shifts, found, _shared(pairs, placing) + own[found], pairs)
    period = period_of(band, data[found], common_window(shape, before[found], box))
    pattern = pattern_of(band, data[found], noise[found], shifts[found])
    usual = float(np.median(estimate.residual[found]))
    hidden = hidden_drift(band, data, noise, shifts, estimate.sigma, share, found, usual)
    return replace(estimate, period=period, pattern=pattern, hidden=hidden, apart=False)


def _require_overlap(shape: tuple[int, int], shifts: Float64Array, box: Box | None) -> None:
    y0, y1, x0, x1 = box or (0, shape[0], 0, shape[1])
    low, high = shifts.min(axis=0), shifts.max(axis=0)
    common = [
        min(end, length - 1 - above) - max(start, -below)
        for start, end, length, below, above in (
            (y0, y1, shape[0], low[0], high[0]),
            (x0, x1, shape[1], low[1], high[1]),
        )
    ]
    if min(common) < _LEAST_WINDOW:
        raise ValueError(
            f"the frames lie up to {(high - low).max():.0f} pixels apart, so that all of them have less than "
            f"{_LEAST_WINDOW} pixels in common: align parts of the stack, or images that hold more"
        )


def _placed(
    band: Band, data: Coefficients, shifts: Float64Array, found: BoolArray, share: float, placing: Placing
) -> tuple[Float64Array, BoolArray, Float64Array]:
    """Return shifts (E, 2), frames that were found (E,), and the variance (E, 2) of each frame alone."""
    shifts, own = shifts.copy(), np.zeros_like(shifts)
    for _ in range(_STEPS):
        numbers = np.flatnonzero(found)
        pairs = compared(band, data[found], shifts[found], share, placing.rows(found))
        step, own[found], held = placing.step(pairs)
        step[~held] = 0
        shifts[found] += np.clip(step, -0.5, 0.5)
        shifts[found] -= shifts[found].mean(axis=0)
        found = np.isin(np.arange(len(found)), numbers[held])
        if found.sum() < 2 or (held.all() and np.abs(step).max() < _SETTLED):
            break
    return shifts, found, own


def _estimated(shifts: Float64Array, found: BoolArray, variance: Float64Array, pairs: Pairs) -> Estimate:
    """Return the estimate, in which frames that were not found have the place of their neighbours."""
    good = np.flatnonzero(found)
    placed = between(shifts[good], good, len(shifts))
    sigma, residual = np.full_like(shifts, np.nan), np.full(len(shifts), np.nan)
    sigma[found] = np.sqrt(variance)
    weight = 1 / pairs.variance.sum(axis=-1)
    np.fill_diagonal(weight, 0)
    residual[found] = np.sqrt((weight * pairs.left).sum(axis=0) / np.maximum(weight.sum(axis=0), 1e-30))
    return Estimate(placed - placed[good].mean(axis=0), sigma, residual, found, 0.0)


def _shared(pairs: Pairs, placing: Placing) -> Float64Array:
    """Return the variance (E, 2), relative to the mean of all shifts, of what pairs of the same frames share.

    Noise of a frame, and what only one of two frames shows, moves it against all others alike, so that no average over
    pairs helps. The variances of differences are a variogram, and that gives the covariance (Gower, Biometrika 53
    (1966) 325).
    """
    result = np.empty((len(pairs.valid), 2))
    for axis in (0, 1):
        variance = pairs.variance[..., axis] * (1 - pairs.apart)
        variance = np.minimum(variance, variance.T)
        np.fill_diagonal(variance, 0)
        mean = placing.between(variance).mean(axis=1)
        result[:, axis] = np.maximum(mean - 0.5 * mean.mean(), 0.5 * mean.min())
    return result


def largest_group(linked: BoolArray) -> BoolArray:
    """Return which frames (E,) belong to the largest group of those that are linked (E, E)."""
    _, group = connected_components(linked, directed=False)
    result: BoolArray = group == np.bincount(group).argmax()
    return result
