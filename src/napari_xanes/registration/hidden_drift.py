"""A drift that a pattern of the detector hides: stronger than the sample, it holds all frames where they are.

Held frames show small shifts with small errors, as frames do that truly stand still. What tells them apart is the
likelihood of the stack: with a pattern that is kept apart and a drift that is free, it is much higher if the sample
moves behind the pattern, and lower if it does not, because spectra and shifts that explain nothing cost likelihood.
"""

from __future__ import annotations

import numpy as np

from napari_xanes._typing import BoolArray, Float64Array
from napari_xanes.registration.drift import Drift
from napari_xanes.registration.fourier import Band, Coefficients
from napari_xanes.registration.joint import Fit, fit
from napari_xanes.registration.learning import both_models, likelihood_at
from napari_xanes.registration.likelihood import Moved, Projection, log_likelihood

_SMALL = 1.0
"""Root mean square of shifts, in pixels, up to which they may be those of frames that are held."""

_NOISE_ONLY = 1.5
"""What the usual frame may leave, over its noise."""

_FARTHER = 1.6
"""Errors by which a drift must differ from the shifts, in the median: shifts that are only less exact are no others
(by simulation: 1.7 and more behind a pattern, 1.4 and less without)."""

_MOST_COEFFICIENTS = 2000
_FIRST_STEP, _LEAST_STEP = 0.3, 0.05
"""Pixels from frame to frame: a drift that is free at first finds its way out of the pattern."""

_LARGER = 3.0
"""Factor on shifts that may be held, for a start nearer to the true ones."""

_ROUNDS, _STEPS = 2, 25
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
    noise, shifts, sigma = noise[found], shifts[found], sigma[found]
    if len(shifts) < _LEAST_FRAMES or residual > _NOISE_ONLY or np.sqrt((shifts**2).mean()) > _SMALL:
        return 0.0
    thin = band.thinned(_MOST_COEFFICIENTS)
    some = data[:, :: -(-band.row.size // _MOST_COEFFICIENTS)][found]
    as_found = share * likelihood_at(thin, some, noise, shifts)
    # Shifts that are held are a share of the true ones.
    for start in (0 * shifts, _LARGER * shifts):
        free = _free(thin, some, noise, share, start)
        if free is None:
            return 0.0
        best, likelihood = free
        errors = np.diag(best.covariance).reshape(2, -1).T + np.mean(sigma**2, axis=0)
        away = best.shifts - shifts
        away -= away.mean(axis=0)
        if likelihood > as_found and np.median(away**2 / errors) > _FARTHER**2 * _MEDIAN:
            return float(np.sqrt((best.shifts**2).mean()))
    return 0.0


def _free(
    band: Band, data: Coefficients, noise: Float64Array, share: float, shifts: Float64Array
) -> tuple[Fit, float] | None:
    """Return the fit of a drift behind a pattern, from a start, and its likelihood; None if there is no pattern."""
    drift = Drift(np.arange(float(len(data))), np.full(2, _FIRST_STEP**2), least=_LEAST_STEP)
    for _ in range(_ROUNDS):
        moved = Moved.by(band, data, shifts)
        model, _ = both_models(moved, noise)[0]
        if not model.pattern_power.any():
            return None
        result = fit(band, data, shifts, model, drift, share, steps=_STEPS, moved=moved)
        shifts = result.shifts
    seen = Projection.of(Moved.by(band, data, shifts), result.model.spectra, result.model.pattern)
    return result, share * log_likelihood(band, seen, result.model)
