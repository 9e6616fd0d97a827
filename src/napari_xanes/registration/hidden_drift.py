"""A drift that a pattern of the detector hides: stronger than the sample, it holds all frames where they are.

Held frames show small shifts with small errors, as frames do that truly stand still. What tells them apart is the
likelihood of the stack: with a pattern that is kept apart and a drift that is free, it is much higher if the sample
moves behind the pattern, and lower if it does not, because spectra and shifts that explain nothing cost likelihood.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from napari_xanes._typing import BoolArray, Float64Array, IndexArray
from napari_xanes.registration.drift import Drift
from napari_xanes.registration.fourier import Band, Coefficients
from napari_xanes.registration.joint import Fit, fit
from napari_xanes.registration.learning import both_models, likelihood_at
from napari_xanes.registration.likelihood import Moved, Projection, log_likelihood
from napari_xanes.spreading import spread

_SMALL = 1.0
"""Root mean square of shifts, in pixels, up to which they may be those of frames that are held."""

_NOISE_ONLY = 1.5
"""What the usual frame may leave, over its noise."""

_FARTHER = 1.6
"""Errors by which a drift must differ from the shifts, in the median: shifts that are only less exact are no others
(by simulation: 1.7 and more behind a pattern, 1.4 and less without)."""

_MOST_FRAMES, _MOST_COEFFICIENTS, _RINGS = 16, 3000, 8
"""What is looked at: the question is a yes or no, with a rough size."""

_FIRST_STEP, _LEAST_STEP = 0.3, 0.05
"""Pixels from frame to frame: a drift that is free at first finds its way out of the pattern."""

_LARGER = 3.0
"""Factor on shifts that may be held, for a start nearer to the true ones, of which they are a share."""

_GAIN = 10.0
"""Log-likelihood that a drift must gain (by simulation: 50 and more behind most patterns, up to 10 without)."""

_ROUNDS, _STEPS, _TOLERANCE = 2, 10, 0.02
_LEAST_FRAMES = 4
_MEDIAN = 0.4549
"""Median of the square of a Gaussian number of unit variance."""


def hidden_drift(
    band: Band,
    data: Coefficients,
    noise: Float64Array,
    shifts: Float64Array,
    sigma: Float64Array,
    share: float,
    found: BoolArray,
    residual: float,
) -> float:
    """Return the root mean square in pixels of a drift that a pattern of the detector hides; 0 if there is none.

    Parameters
    ----------
    band : Band
        Frequencies of the coefficients.
    data : ndarray, complex64, shape (E, K)
        Coefficients in units of their noise.
    noise : ndarray, shape (E,)
        This noise.
    shifts, sigma : ndarray, shape (E, 2)
        What was found, with errors, in pixels.
    share : float
        Share of the coefficients that are independent; see `Window.share`.
    found : ndarray of bool, shape (E,)
        Frames that were found; the others are passed over.
    residual : float
        What the usual frame leaves, over its noise. Where it is more than noise, no drift is looked for: blur and
        jitter let a model of noise find one.
    """
    if found.sum() < _LEAST_FRAMES or residual > _NOISE_ONLY or np.sqrt((shifts[found] ** 2).mean()) > _SMALL:
        return 0.0
    some = _spread(found)
    shifts = shifts[some] - shifts[some].mean(axis=0)
    noise, data = noise[some], data[some, :: -(-band.row.size // _MOST_COEFFICIENTS)]
    band = _thinned(band)
    as_found = share * likelihood_at(band, data, noise, shifts)
    free = _free(band, data, noise, share, _LARGER * shifts, some, as_found)
    if free is None:
        return 0.0
    errors = np.diag(free.covariance).reshape(2, -1).T + np.mean(sigma[some] ** 2, axis=0)
    away = free.shifts - shifts
    seen = np.median(away**2 / errors) > _FARTHER**2 * _MEDIAN
    return float(np.sqrt((free.shifts**2).mean())) if seen else 0.0


def _spread(found: BoolArray) -> IndexArray:
    """Return the numbers of a few found frames, spread over the scan."""
    numbers = np.flatnonzero(found)
    return np.asarray(numbers[spread(numbers.size, _MOST_FRAMES)], dtype=np.intp)


def _thinned(band: Band) -> Band:
    """Return fewer coefficients in fewer rings: sums over rings take as long as there are rings."""
    thin = band.thinned(_MOST_COEFFICIENTS)
    return replace(thin, ring=thin.ring * min(_RINGS, thin.n_rings) // thin.n_rings)


def _free(
    band: Band,
    data: Coefficients,
    noise: Float64Array,
    share: float,
    shifts: Float64Array,
    frames: IndexArray,
    as_found: float,
) -> Fit | None:
    """Return the fit of a drift behind a pattern, from a start; None if there is no pattern, or it gains nothing."""
    drift = Drift(frames.astype(np.float64), np.full(2, _FIRST_STEP**2), least=_LEAST_STEP)
    for _ in range(_ROUNDS):
        moved = Moved.by(band, data, shifts)
        model, _ = both_models(moved, noise)[0]
        if not model.pattern_power.any():
            return None
        result = fit(band, data, shifts, model, drift, share, steps=_STEPS, tolerance=_TOLERANCE, moved=moved)
        shifts = result.shifts
        seen = Projection.of(Moved.by(band, data, shifts), result.model.spectra, result.model.pattern)
        if share * log_likelihood(band, seen, result.model) < as_found + _GAIN:
            return None
    return result
