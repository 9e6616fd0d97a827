"""What noise does not explain of the residuals of a reference fit: the misfit of the library."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from napari_xanes._typing import Float64Array
from napari_xanes.maps.fitting.linear_fit import LinearFit

_NOISE_SPREAD = 3.5
"""Two standard errors of a chi-square, times the root of the number of energies."""


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
        squares = fit.rms.astype(np.float64) ** 2
        noise = squares / fit.chi_square
        limit = 1 + _NOISE_SPREAD / np.sqrt(fit.design.energy.size)
        of_pixel = np.maximum(squares - limit * noise, 0) / height.astype(np.float64) ** 2
        good = fit.good & np.isfinite(of_pixel)
        of_all = np.sum((squares - noise)[good]) / max(float(np.sum(height[good].astype(np.float64) ** 2)), 1e-30)
        result: Float64Array = np.sqrt(np.maximum(of_pixel, max(of_all, 0.0)))
    return result
