"""How much less certain pixels at edges of the sample are if the frames are not aligned.

A frame that lies off by a little changes a pixel by the gradient of the absorption times the shift. So residuals that
grow with the squared gradient tell the shifts' size, and how much of the variance comes from them.
"""

from __future__ import annotations

import numpy as np

from napari_xanes._typing import Float32Array

BLUR = 0.7  # pixels; the noise of the absorption must not count as gradient

_MOST = 0.999
"""Share of the pixels below the limit of gradients and residuals: a few bad pixels must not decide."""

_LEAST_SHIFT = 0.15
"""Shifts in pixels, root mean square, below which frames count as aligned: other errors of the model leave as much."""

_SHARED = 4.0
"""Factor on the variance from shifts: pixels along an edge have the same error, so their mean has it too."""


def mean_square_shift(precision: Float32Array, chi_square: Float32Array, absorption: Float32Array) -> float:
    """Return the mean squared shift of the frames along one axis in pixels.

    Parameters
    ----------
    precision : ndarray, shape (Y, X)
        One over the variance of the noise at an average energy, 0 where a pixel can't be used.
    chi_square : ndarray, shape (Y, X)
        Mean squared residual of each pixel over its noise; 1 on average where nothing but noise is left.
    absorption : ndarray, shape (Y, X)
        Mean optical depth.
    """
    used = precision > 0
    if min(precision.shape) < 2 or not used.any():
        return 0.0
    gradient = _squared_gradient(absorption) * precision
    strong, excess = (np.minimum(x, np.quantile(x, _MOST)) for x in (gradient[used], chi_square[used] - 1))
    return max(float(strong @ excess) / max(float(strong @ strong), 1e-30), 0.0)


def precision_at_moving_edges(precision: Float32Array, absorption: Float32Array, square_shift: float) -> Float32Array:
    """Return a precision (Y, X) that is smaller at edges of the sample, as far as frames move against each other.

    Parameters
    ----------
    precision, absorption : ndarray, shape (Y, X)
        As for `mean_square_shift`.
    square_shift : float
        Its result.

    Examples
    --------
    >>> step = np.repeat(np.float32([[0, 0, 0, 1, 1, 1]]), 6, axis=0)
    >>> precision = np.full((6, 6), 100, np.float32)
    >>> residual = 1 + 3 * (np.abs(np.gradient(step, axis=1)) > 0)
    >>> square_shift = mean_square_shift(precision, residual, step)
    >>> precision_at_moving_edges(precision, step, square_shift)[0].round()
    array([99., 52.,  8.,  8., 52., 99.], dtype=float32)
    """
    if square_shift < _LEAST_SHIFT**2:
        return precision
    return np.asarray(precision / (1 + _SHARED * square_shift * precision * _squared_gradient(absorption)), np.float32)


def _squared_gradient(absorption: Float32Array) -> Float32Array:
    from scipy.ndimage import gaussian_filter

    down, across = np.gradient(gaussian_filter(np.asarray(absorption, np.float32), BLUR))
    return np.asarray(down**2 + across**2, np.float32)
