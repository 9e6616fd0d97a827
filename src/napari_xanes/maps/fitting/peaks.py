"""Least squares of peaks for many spectra at once (Levenberg-Marquardt)."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from napari_xanes._typing import BoolArray, Float64Array, IndexArray
from napari_xanes.maps.fitting.peak_model import PeakModel

_STEPS = 200
_PRECISION = 1e-9
"""Relative change of the sum of squares at which a fit ends."""

_FURTHEST = 3.0
"""Largest change of a centre, in units of its width, in one step."""

_TOLD_APART = 1e-12
"""Smallest eigenvalue of the normal equations of parameters that data tell apart."""

_MOST_ODDS = 8.0
"""Logarithm of the largest odds of a pseudo-Voigt profile: beyond, it is Lorentzian, or Gaussian, within 1e-3."""


class PeakFits(NamedTuple):
    """Fits of P spectra.

    Parameters
    ----------
    parameters : ndarray, shape (P, N)
        See `PeakModel`.
    response : ndarray, shape (P, N, E)
        How each parameter follows a change of the spectrum.
    unit_covariance : ndarray, shape (P, N, N)
        Of the parameters, for a spectrum of unit variance, or of the variance that the weights tell.
    squares : ndarray, shape (P,)
        Weighted sums of squared residuals.
    residual : ndarray, shape (P, E)
        Not weighted.
    converged : ndarray of bool, shape (P,)
        Which fits ended at parameters that can be told apart.
    """

    parameters: Float64Array
    response: Float64Array
    unit_covariance: Float64Array
    squares: Float64Array
    residual: Float64Array
    converged: BoolArray

    def reduced_squares(self) -> Float64Array:
        """Return the sums of squares over the degrees of freedom, (P,)."""
        freedom = max(1, self.residual.shape[1] - self.parameters.shape[1])
        return np.asarray(self.squares / freedom)


def fit_peaks_to(
    model: PeakModel, spectra: Float64Array, start: Float64Array, weights: Float64Array | None = None
) -> PeakFits:
    """Fit spectra by least squares (Marquardt, J. Soc. Ind. Appl. Math. 11, 431, 1963).

    Parameters
    ----------
    model : PeakModel
        What is fitted.
    spectra : ndarray, shape (P, E)
        Finite.
    start : ndarray, shape (N,) or (P, N)
        Parameters to begin with; those that the model is linear in are found first, for each spectrum.
    weights : ndarray, shape (P, E), optional
        One over the standard deviation of each value; by default all count the same.
    """
    begin = np.broadcast_to(start, (len(spectra), model.n_parameters)).copy()
    parameters = model.with_best_amounts(begin, spectra, weights)
    weight = np.ones((len(spectra), 1)) if weights is None else weights

    def squares_of(rows: IndexArray, now: Float64Array) -> Float64Array:
        return np.asarray(np.sum((weight[rows] * (spectra[rows] - model.values(now))) ** 2, axis=1))

    damping, open_ones = np.full(len(spectra), 1e-3), np.arange(len(spectra))
    squares = squares_of(open_ones, parameters)
    floor = 1e-20 * np.sum((weight * spectra) ** 2, axis=1) + np.finfo(float).tiny
    converged = np.zeros(len(spectra), dtype=bool)
    for _ in range(_STEPS):
        if not open_ones.size:
            break
        now, own = parameters[open_ones], weight[open_ones]
        slopes = own[:, :, None] * model.slopes(now)
        residual = own * (spectra[open_ones] - model.values(now))
        normal = slopes.swapaxes(1, 2) @ slopes
        pull = slopes.swapaxes(1, 2) @ residual[:, :, None]
        scale = np.einsum("pnn->pn", normal)
        lifted = normal + (damping[open_ones, None] * scale + 1e-300)[:, :, None] * np.eye(model.n_parameters)
        move = np.linalg.solve(lifted + 1e-14 * scale.max(axis=1)[:, None, None] * np.eye(len(lifted[0])), pull)
        tried = _bounded(model, now + _limited(model, now, move[..., 0]))
        reached, before = squares_of(open_ones, tried), squares[open_ones]
        better = reached <= before
        done = better & (before - reached <= _PRECISION * before + floor[open_ones])
        parameters[open_ones] = np.where(better[:, None], tried, now)
        squares[open_ones] = np.where(better, reached, before)
        damping[open_ones] *= np.where(better, 0.2, 5.0)
        stuck = damping[open_ones] > 1e8
        converged[open_ones[done]] = True
        open_ones = open_ones[~(done | stuck)]
    slopes = weight[:, :, None] * model.slopes(parameters)
    # Parameters differ in size, so their slopes are scaled before what the data can't tell is left out.
    size = np.linalg.norm(slopes, axis=1)
    size = np.where(size > 0, size, 1.0)
    scaled = slopes / size[:, None]
    normal = scaled.swapaxes(1, 2) @ scaled
    with np.errstate(over="ignore"):  # infinite errors are masked
        inverse = np.linalg.pinv(normal, hermitian=True) / size[:, :, None] / size[:, None]
    # Where parameters have the same effect, or none, the inverse leaves out what isn't known of them.
    converged &= np.linalg.eigvalsh(normal)[:, 0] > _TOLD_APART
    response = inverse @ (slopes * weight[:, :, None]).swapaxes(1, 2)
    return PeakFits(parameters, response, inverse, squares, spectra - model.values(parameters), converged)


def _limited(model: PeakModel, parameters: Float64Array, move: Float64Array) -> Float64Array:
    """Return a step with bounded changes of centres and widths: far from the data, slopes tell nothing."""
    move = move.copy()
    for i in model.widths:
        width = np.exp(parameters[:, i + 1])
        move[:, i] = np.clip(move[:, i], -_FURTHEST * width, _FURTHEST * width)
        move[:, i + 1] = np.clip(move[:, i + 1], -1.0, 1.0)
    return move


def _bounded(model: PeakModel, parameters: Float64Array) -> Float64Array:
    """Return parameters whose odds lie within what can be told apart."""
    if model.per_peak == 4:
        odds = [i + 3 for i in model.peaks]
        parameters[:, odds] = np.clip(parameters[:, odds], -_MOST_ODDS, _MOST_ODDS)
    return parameters
