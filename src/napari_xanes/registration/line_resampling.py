"""Move single scan lines of images along themselves."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_xanes._typing import Float32Array, Float64Array
from napari_xanes.registration.fourier import filled
from napari_xanes.registration.resampling import moved_back, noise_gain

_MARGIN = 8
"""Pixels by which lines are continued at their ends: the spline's filter has fallen to 2e-5 there."""

_MISSING = 0.05
"""A pixel has no value if at least this share of what it is made from has none."""

_STEPS = 32
"""Fractions of a pixel for which the noise of a moved line is computed."""


def straightened(image: NDArray[Any], lines: Float64Array) -> Float32Array:
    """Return an image (Y, X) whose rows are moved back by `lines` (Y,) in pixels, by cubic splines.

    Examples
    --------
    >>> straightened(np.tile(np.arange(4.0), (2, 1)), np.array([0.0, 1.0])).round(4).tolist()
    [[0.0, 1.0, 2.0, 3.0], [1.0, 2.0, 3.0, nan]]
    """
    known, missing = filled(image), ~np.isfinite(image)
    width = image.shape[1]
    coefficients = ndimage.spline_filter1d(known, order=3, axis=1, output=np.float32, mode="mirror")
    reach = int(np.ceil(np.abs(lines).max(initial=0))) + _MARGIN
    coefficients = np.pad(coefficients, ((0, 0), (reach, reach)), mode="reflect")
    whole = np.floor(lines).astype(np.intp)
    fraction = (lines - whole)[:, None]
    places = np.arange(width)[None] + whole[:, None]
    out = np.zeros(image.shape, np.float32)
    for node in (-1, 0, 1, 2):
        distance = np.abs(fraction - node)
        inner = 2 / 3 - distance**2 + distance**3 / 2
        weight = np.where(distance < 1, inner, np.clip(2 - distance, 0, 1) ** 3 / 6)
        out += weight.astype(np.float32) * np.take_along_axis(coefficients, places + (reach + node), axis=1)
    exact = places + fraction
    if missing.any():
        near, far = (np.take_along_axis(missing, np.clip(places + i, 0, width - 1), axis=1) for i in (0, 1))
        out[(1 - fraction) * near + fraction * far > _MISSING] = np.nan
    out[(exact < -1e-9) | (exact > width - 1 + 1e-9)] = np.nan
    return out


def lines_moved_back(images: NDArray[Any], shift: Float64Array, lines: Float64Array, *, columns: bool) -> Float32Array:
    """Return images whose lines lie elsewhere each, on the common grid; each axis is interpolated once.

    Parameters
    ----------
    images : ndarray, shape (..., Y, X)
        One frame, or slices that move together.
    shift : ndarray, shape (2,)
        Shift of the frame, (dy, dx) in pixels.
    lines : ndarray, shape (Y,) or (X,)
        Shift of each line along itself, on top of that of the frame, in pixels.
    columns : bool
        Whether lines are columns.

    Returns
    -------
    ndarray, float32
        NaN where a line does not reach.
    """
    if images.ndim > 2:
        return np.stack([lines_moved_back(image, shift, lines, columns=columns) for image in images])
    if columns:
        return lines_moved_back(images.T, shift[::-1], lines, columns=False).T
    return moved_back(straightened(images, lines + shift[1]), np.array([shift[0], 0.0]))


def noise_gain_of_lines(shift: Float64Array, lines: Float64Array, *, columns: bool) -> float:
    """Return the variance of white noise of unit variance after such a move, averaged over the image."""
    across, along = shift[::-1] if columns else shift
    by_fraction = [noise_gain(np.array([across, i / _STEPS])) for i in range(_STEPS)]
    return float(np.mean(np.array(by_fraction)[np.round((lines + along) * _STEPS).astype(np.intp) % _STEPS]))
