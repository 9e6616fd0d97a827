"""What noise does not explain of the residuals of a reference fit: the misfit of the library."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from napari_xanes._typing import BoolArray, Float64Array
from napari_xanes.maps.fitting.linear_fit import LinearFit

_NOISE_SPREAD = 3.5
"""Two standard errors of a chi-square, times the root of the number of energies."""


def is_surely_above(beyond: Float64Array, noise: Float64Array, limit: Float64Array) -> BoolArray:
    """Return where a squared misfit is above a limit by more than two standard errors.

    Parameters
    ----------
    beyond : ndarray, shape (P,)
        Squared residuals less what noise alone explains, and two standard errors of that.
    noise : ndarray, shape (P,)
        Variance of the noise of one value, divided by their number where the squares are means and not sums.
    limit : ndarray, shape (P,)
        The largest squares.

    Notes
    -----
    Noise also changes squares by its product with the misfit, whose standard error is twice the root of the product of
    squared misfit and noise.
    """
    result: BoolArray = beyond - 4 * np.sqrt(np.maximum(beyond, 0) * noise) > limit
    return result


def misfit_beyond_noise(fit: LinearFit, height: NDArray[np.float32]) -> Float64Array:
    """Return the misfit of the library in each pixel, a root mean square as a share of a height, (P,).

    The noise of a pixel hides the misfit; all good pixels together show it, so theirs is the least.

    Parameters
    ----------
    fit : LinearFit
        The fit of all pixels.
    height : ndarray, shape (P,)
        Height of each pixel's spectrum.
    """
    with np.errstate(all="ignore"):
        squares = _Squares.of(fit, height)
        of_pixel = squares.beyond / height.astype(np.float64) ** 2
        result: Float64Array = np.sqrt(np.maximum(of_pixel, squares.of_all))
    return result


def is_poorly_fitted(fit: LinearFit, height: NDArray[np.float32], max_misfit: float) -> BoolArray:
    """Return which pixels, or all of them together, misfit by surely more than a share of their height, (P,)."""
    with np.errstate(all="ignore"):
        squares = _Squares.of(fit, height)
        limit = (max_misfit * height.astype(np.float64)) ** 2
        poor = is_surely_above(squares.beyond, squares.noise / fit.design.energy.size, limit)
    result: BoolArray = poor | (squares.of_all > max_misfit**2)
    return result


class _Squares(NamedTuple):
    """Mean squares of residuals: ``noise`` (P,), what is ``beyond`` it (P,), and the share of all pixels' height."""

    noise: Float64Array
    beyond: Float64Array
    of_all: float

    @classmethod
    def of(cls, fit: LinearFit, height: NDArray[np.float32]) -> _Squares:
        squares = fit.rms.astype(np.float64) ** 2
        noise = squares / fit.chi_square
        limit = 1 + _NOISE_SPREAD / np.sqrt(fit.design.energy.size)
        beyond = np.maximum(squares - limit * noise, 0)
        power = height.astype(np.float64) ** 2
        good = fit.good & np.isfinite(beyond / power)
        of_all = float(np.sum((squares - noise)[good])) / max(float(np.sum(power[good])), 1e-30)
        return cls(noise, beyond, max(of_all, 0.0))
