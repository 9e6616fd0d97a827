"""Move images by fractions of a pixel: cubic splines, as one filter along each axis."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_xanes._typing import Float32Array, Float64Array, IndexArray
from napari_xanes.blocks import single_threaded_blas
from napari_xanes.registration.fourier import filled

_REACH = 8
"""Taps on each side; the spline's filter has fallen to 2e-5 there."""

_MISSING = 0.05
"""A pixel has no value if at least this share of what it is made from has none."""


def taps(fraction: float) -> Float64Array:
    """Return the weights of pixels -8 to 8 around a place between pixel 0 and 1, for a cubic spline.

    The spline goes through all values: its coefficients come from the recursive filter with the pole sqrt(3) - 2
    (Unser, IEEE Signal Processing Magazine 16 (1999) 22).

    Examples
    --------
    >>> taps(0.0)[7:10].round(6).tolist(), round(float(taps(0.3).sum()), 12)
    ([0.0, 1.0, 0.0], 1.0)
    """
    if fraction == 0:
        return np.asarray(np.eye(1, 2 * _REACH + 1, _REACH)[0])
    pole = np.sqrt(3.0) - 2
    places = np.arange(-_REACH, _REACH + 1)
    nodes = np.arange(-1, 3)
    distance = np.abs(fraction - nodes)
    spline = np.where(distance < 1, 2 / 3 - distance**2 + distance**3 / 2, np.clip(2 - distance, 0, 1) ** 3 / 6)
    # A coefficient is the sum of all pixels, each with a weight that falls by the pole from one to the next.
    prefilter = -6 * pole / (1 - pole**2) * pole ** np.abs(nodes[:, None] - places)
    weights = spline @ prefilter
    result: Float64Array = weights / weights.sum()
    return result


def noise_gain(shift: Float64Array) -> float:
    """Return the variance of white noise of unit variance after a move by `shift`, averaged over the image."""
    return float(np.prod([(taps(float(s - np.floor(s))) ** 2).sum() for s in shift]))


def moved_back(images: NDArray[Any], shift: Float64Array) -> Float32Array:
    """Return images whose content lies `shift` from the common grid, on this grid.

    Parameters
    ----------
    images : ndarray, shape (..., Y, X)
        One frame, or slices that move together.
    shift : ndarray, shape (2,)
        (dy, dx) in pixels.

    Returns
    -------
    ndarray, float32
        NaN where the frame does not reach, and around values that are missing; never wrapped.
    """
    out = np.empty(images.shape, np.float32)
    if images.ndim > 2:
        for i, image in enumerate(images):
            out[i] = moved_back(image, shift)
        return out
    known, missing = filled(images), ~np.isfinite(images)
    with single_threaded_blas():
        moved = _along(_along(known, shift[0], 0), shift[1], 1)
    if missing.any():
        share = _linear(_linear(missing.astype(np.float32), shift[0], 0), shift[1], 1)
        moved[share > _MISSING] = np.nan
    for axis in (0, 1):
        place = np.arange(images.shape[axis]) + shift[axis]
        outside = (place < -1e-9) | (place > images.shape[axis] - 1 + 1e-9)
        moved[(outside, slice(None)) if axis == 0 else (slice(None), outside)] = np.nan
    return moved


_BLOCK = 64
"""Rows or columns that are filtered by one matrix product: so few that most of the matrix is no zero."""


def _along(image: Float32Array, shift: float, axis: int) -> Float32Array:
    """Return an image moved along an axis; beyond its ends it is mirrored."""
    whole = int(np.floor(shift))
    weights, length = taps(shift - whole), image.shape[axis]
    # Each row holds the weights around one place.
    matrix = np.zeros((_BLOCK, _BLOCK + 2 * _REACH), np.float32)
    for i, row in enumerate(matrix):
        row[i : i + weights.size] = weights
    result = np.empty_like(image)
    for start in range(0, length, _BLOCK):
        stop = min(start + _BLOCK, length)
        first, last = start + whole - _REACH, stop + whole + _REACH
        places: slice | IndexArray = slice(first, last)
        if first < 0 or last > length:
            places = _mirrored(np.arange(first, last), length)
        some = matrix[: stop - start, : last - first]
        if axis == 0:
            np.matmul(some, image[places], out=result[start:stop])
        else:
            np.matmul(image[:, places], some.T, out=result[:, start:stop])
    return result


def _linear(image: Float32Array, shift: float, axis: int) -> Float32Array:
    """Return an image moved along an axis by linear interpolation."""
    whole = int(np.floor(shift))
    fraction = np.float32(shift - whole)
    places = np.arange(image.shape[axis]) + whole
    near, far = (np.take(image, _mirrored(places + i, image.shape[axis]), axis=axis) for i in (0, 1))
    result: Float32Array = (1 - fraction) * near + fraction * far
    return result


def _mirrored(places: IndexArray, length: int) -> IndexArray:
    """Return positions inside 0 to length - 1, mirrored at the first and the last pixel."""
    if length == 1:
        return np.zeros_like(places)
    period = 2 * (length - 1)
    inside = np.abs(places) % period
    return np.asarray(np.minimum(inside, period - inside))
