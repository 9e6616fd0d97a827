"""Where fits of peaks begin: the best fit of a mean spectrum from many starts."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from napari_xanes._typing import Float64Array
from napari_xanes.maps.fitting.asked_peaks import inside
from napari_xanes.maps.fitting.peak_model import PeakModel
from napari_xanes.maps.fitting.peaks import fit_peaks_to

_TRIED, _FITTED = 400, 16
"""So many starts beside the one that is asked for are tried with their best amounts, and so many of them fitted."""

_WIDER, _AWAY = 1.0, 1.0
"""Standard deviation of the logarithm of their widths, and of their centres in eV or widths, whichever is more."""

_REACH = 3.0
"""A peak lies within so many of these of where it is asked for."""

_BETTER = 0.99
"""Another minimum has at most this share of the squares."""


def best_start(model: PeakModel, mean: Float64Array, centers: Sequence[float], width: float) -> Float64Array:
    """Return the parameters (N,) of the best fit of a mean spectrum, for fits of pixels to begin with.

    Fits of overlapping peaks have many minima. Those count that converge, with the peaks in order, near to where they
    are asked for. If none does, the start that is asked for is returned.

    Parameters
    ----------
    model : PeakModel
        What is fitted.
    mean : ndarray, shape (E,)
        Mean spectrum at the energies of the model.
    centers : sequence of float
        Where peaks are asked for, in eV, rising.
    width : float
        Sigma of the peaks that is asked for, in eV.
    """
    rng, peaks = np.random.default_rng(0), np.array(model.peaks)
    starts = np.zeros((1 + _TRIED, model.n_parameters))
    away = _AWAY * max(1.0, width)
    starts[:, peaks], starts[:, peaks + 1] = centers, np.log(width)
    starts[1:, peaks] += away * rng.standard_normal((_TRIED, peaks.size))
    starts[1:, peaks] = np.sort(np.clip(starts[1:, peaks], model.energy[0], model.energy[-1]), axis=1)
    starts[1:, peaks + 1] += _WIDER * rng.standard_normal((_TRIED, peaks.size))
    if model.step_at is not None:
        # White lines rise more steeply than the step behind them.
        rise = model.energy[int(np.argmax(np.gradient(mean, model.energy)))]
        starts[:, model.step_at] = rise
        starts[1:, model.step_at] += 2 * away * rng.standard_normal(_TRIED)
        starts[1:, model.step_at + 1] = _WIDER * rng.standard_normal(_TRIED)
    with np.errstate(all="ignore"):
        tried = mean - model.values(model.with_best_amounts(starts, np.tile(mean, (len(starts), 1))))
        starts = starts[np.append(0, 1 + np.argsort(np.sum(tried[1:] ** 2, axis=1), kind="stable")[:_FITTED])]
        fits = fit_peaks_to(model, np.tile(mean, (len(starts), 1)), starts)
        found = fits.parameters[:, peaks]
        good = fits.converged & inside(model, fits.parameters) & (np.abs(found - centers) < _REACH * away).all(axis=1)
        good &= (np.diff(found, axis=1) > 0).all(axis=1) & (fits.parameters[:, peaks + 2] > 0).all(axis=1)
    if not good.any():
        good[0] = fits.converged[0] and inside(model, fits.parameters)[0]
        return np.asarray(fits.parameters[0] if good[0] else starts[0], dtype=np.float64)
    squares = np.where(good, fits.squares, np.inf)
    return np.asarray(fits.parameters[int(np.argmax(squares <= squares.min() / _BETTER))], dtype=np.float64)
