"""Where scan lines lie by the likelihood of all places and a prior of random jitter, whose size is learned."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from napari_xanes._typing import BoolArray, Float32Array, Float64Array

FARTHEST, _STEP = 3.0, 0.05
"""Largest shift of a line, and the distance of those that are tried, in pixels."""

PLACES = np.linspace(-FARTHEST, FARTHEST, round(2 * FARTHEST / _STEP) + 1)
"""Shifts that are tried, in pixels."""

_SIZES = np.array([0.0, 0.02, 0.03, 0.05, 0.07, 0.1, 0.14, 0.2, 0.28, 0.4, 0.55, 0.75, 1.0, 1.4])
"""Sizes of the jitter that are tried, in pixels."""

_OFF = 0.5
"""Most pixels by which the lines of a frame are off together."""

_CERTAIN = 6.0
"""Gain of the log-likelihood beyond which there is a jitter."""

_ALLOWED = 2.0
"""Loss of the log-likelihood that a jitter is allowed: two standard deviations."""


@dataclass(frozen=True)
class Lines:
    """Shifts of the lines of each frame along themselves.

    Parameters
    ----------
    shifts : ndarray, shape (E, L)
        In pixels, on top of those of the frames.
    sigma : ndarray, shape (E, L)
        Standard errors; NaN for lines that the frames do not have in common, and frames that were not found.
    jitter : float
        Root mean square of the jitter that was learned, in pixels; 0 if none is seen.
    most : float
        Largest jitter that the frames allow.
    """

    shifts: Float64Array
    sigma: Float64Array
    jitter: float
    most: float


def weighed(logs: Float32Array, reached: BoolArray, own: Float64Array) -> Lines:
    """Return the mean and the standard error of each line, for the size of the jitter that all lines suggest.

    Parameters
    ----------
    logs : ndarray, shape (E, L, P)
        Logarithm of the likelihood of each line at each of `PLACES`.
    reached : ndarray of bool, shape (E, L)
        Lines that were compared.
    own : ndarray, shape (E,)
        Share of each frame in the model that its lines were compared with.
    """
    places = PLACES
    some = logs[reached].astype(np.float64)
    some -= some.max(axis=1, keepdims=True)
    frame = np.nonzero(reached)[0]
    first = np.flatnonzero(np.diff(frame, prepend=-1))
    likelihood = np.exp(some)
    evidence, centres = np.empty(_SIZES.size), np.empty((_SIZES.size, first.size), dtype=np.intp)
    near = np.flatnonzero(np.abs(places) <= _OFF)
    for i, size in enumerate(_SIZES):
        # A frame may be off as a whole.
        of_lines = np.log(likelihood @ _priors(places, size)[:, near] + 1e-300)
        of_frames = np.add.reduceat(of_lines, first, axis=0)
        evidence[i], centres[i] = of_frames.max(axis=1).sum(), near[of_frames.argmax(axis=1)]
    best = int(evidence.argmax())
    shifts, sigma = np.zeros(reached.shape), np.full(reached.shape, np.nan)
    most = float(_SIZES[np.flatnonzero(evidence > evidence[best] - _ALLOWED)[-1]])
    if evidence[best] - evidence[0] < _CERTAIN:
        sigma[reached] = most
        return Lines(shifts, sigma, 0.0, most)
    size = _size(evidence, best)
    centre = places[np.repeat(centres[best], np.diff(first, append=frame.size))][:, None]
    weight = likelihood * np.exp(-0.5 * ((places - centre) / size) ** 2)
    weight /= weight.sum(axis=1, keepdims=True)
    mean = weight @ places
    variance = np.maximum(weight @ places**2 - mean**2, 0)
    peak, curvature = _parabola(some - 0.5 * ((places - centre) / size) ** 2, places)
    sharp = variance < (1.2 * _STEP) ** 2
    mean, variance = np.where(sharp, peak, mean), np.where(sharp, 1 / curvature, variance)
    # All lines of the others at this place are off, too; their mean remains in the model.
    common = np.broadcast_to(own[:, None], reached.shape)[reached]
    shifts[reached], sigma[reached] = np.round(mean, 6), np.sqrt(variance + size**2 * common)
    return Lines(shifts, np.round(sigma, 6), size, most)


def _priors(places: Float64Array, size: float) -> Float64Array:
    """Return the probabilities (P, P) of places for a jitter around each place; without one, of this place only."""
    weight = np.exp(-0.5 * ((places[:, None] - places) / max(size, 1e-3)) ** 2)
    return np.asarray(weight / weight.sum(axis=0))


def _size(evidence: Float64Array, best: int) -> float:
    """Return the size of the jitter between those that were tried."""
    if not 1 < best < len(_SIZES) - 1:
        return float(_SIZES[max(best, 1)])
    curve = np.polyfit(np.log(_SIZES[best - 1 : best + 2]), evidence[best - 1 : best + 2], 2)
    return float(np.exp(np.clip(-curve[1] / (2 * curve[0]), *np.log(_SIZES[[best - 1, best + 1]]))))


def _parabola(logs: Float64Array, places: Float64Array) -> tuple[Float64Array, Float64Array]:
    """Return where curves (N, P) have their maximum, between the places that were tried, and their curvature there."""
    best = np.clip(logs.argmax(axis=1), 1, places.size - 2)
    rows = np.arange(len(logs))
    left, middle, right = (logs[rows, best + i] for i in (-1, 0, 1))
    curvature = np.maximum(2 * middle - left - right, 1e-9)
    return places[best] + _STEP * np.clip(0.5 * (right - left) / curvature, -1, 1), curvature / _STEP**2
