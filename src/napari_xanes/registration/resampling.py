"""Move images by fractions of a pixel: cubic splines, as one filter along each axis."""

from __future__ import annotations

from functools import cache, lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_xanes._typing import Float32Array, Float64Array, IndexArray
from napari_xanes.blocks import single_threaded_blas
from napari_xanes.registration.fourier import filled
from napari_xanes.registration.stretched_rows import stretched_rows_back

_REACH = 8
"""Taps on each side; the spline's filter has fallen to 2e-5 there."""

_FILLED_FROM = 8
"""How far from a missing value the values lie that replace it (`filled`)."""

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


def noise_gain(
    shift: Float64Array,
    matrix: Float64Array | None = None,
    center: Float64Array | None = None,
    shape: tuple[int, ...] = (1, 1),
) -> float:
    """Return the variance of white noise of unit variance after `moved_back`, averaged over the image."""
    if matrix is None or (matrix == np.eye(2)).all():
        return float(np.prod([(taps(float(s - np.floor(s))) ** 2).sum() for s in shift]))
    rows, columns = (np.linspace(0, n - 1, min(n, 101)) for n in shape)
    places = _places(np.stack(np.meshgrid(rows, columns, indexing="ij"), axis=-1), shift, matrix, center)
    return float(np.prod(_gain_between(places - np.floor(places)), axis=-1).mean())


def _gain_between(fractions: Float64Array) -> Float64Array:
    """Return the variance of white noise of unit variance between two pixels."""
    return np.asarray(np.interp(fractions, *_gains()))


@cache
def _gains() -> tuple[Float64Array, Float64Array]:
    """Return fractions of a pixel, and the variance of white noise of unit variance there."""
    fractions = np.linspace(0, 1, 129)
    return fractions, np.array([(taps(fraction % 1) ** 2).sum() for fraction in fractions])


def _places(grid: Float64Array, shift: Float64Array, matrix: Float64Array, center: Float64Array | None) -> Float64Array:
    """Return where points (..., 2) of the common grid lie in a frame."""
    center = np.zeros(2) if center is None else center
    return np.asarray(center + shift + (grid - center) @ matrix.T)


def moved_back(
    images: NDArray[Any],
    shift: Float64Array,
    matrix: Float64Array | None = None,
    center: Float64Array | None = None,
) -> Float32Array:
    """Return images whose content lies `shift` from the common grid, on this grid.

    Parameters
    ----------
    images : ndarray, shape (..., Y, X)
        One frame, or slices that move together.
    shift : ndarray, shape (2,), (Z, 2) or (3,)
        (dy, dx) in pixels, the same for all slices or one pair each; of a volume also (dz, dy, dx).
    matrix : ndarray, shape (2, 2), optional
        What the content is stretched by, with axes (y, x).
    center : ndarray, shape (2,)
        Pixel (y, x) that the matrix leaves in place; by default the centre of the image.

    Returns
    -------
    ndarray, float32
        NaN where the frame does not reach, and around values that are missing; never wrapped. One interpolation with
        cubic splines.
    """
    shift = np.asarray(shift, dtype=np.float64)
    if images.ndim > 2 and shift.shape != (3,):
        each = np.broadcast_to(shift, (len(images), 2))
        return np.stack([moved_back(image, by, matrix, center) for image, by in zip(images, each, strict=True)])
    if images.ndim == 2 and (matrix is None or (matrix == np.eye(2)).all()):
        return rows_moved_back(images, shift, slice(0, len(images)), len(images))
    if matrix is not None and not (matrix == np.eye(2)).all():
        center = (np.array(images.shape) - 1) / 2 if center is None else center
        return stretched_rows_back(images, shift, matrix, center, slice(0, len(images)), len(images))
    known, missing = filled(images), ~np.isfinite(images)
    moved = known
    with single_threaded_blas():
        for axis, by in enumerate(shift):
            moved = _along_any(moved, by, axis)
    if missing.any():
        share = missing.astype(np.float32)
        for axis, by in enumerate(shift):
            share = _linear(share, by, axis)
        moved[share > _MISSING] = np.nan
    for axis, by in enumerate(shift):
        place = np.arange(images.shape[axis]) + by
        np.moveaxis(moved, axis, 0)[_outside(place, images.shape[axis])] = np.nan
    return moved


def rows_needed(shift: Float64Array, rows: slice, height: int) -> slice:
    """Return the rows of an image of a height, from which `rows_moved_back` makes some rows."""
    whole = int(np.floor(shift[0]))
    used = _mirrored(np.arange(rows.start + whole - _REACH, rows.stop + whole + _REACH + 1), height)
    return slice(max(0, int(used.min()) - _FILLED_FROM), min(height, int(used.max()) + 1 + _FILLED_FROM))


def rows_moved_back(
    part: NDArray[Any],
    shift: Float64Array,
    rows: slice,
    height: int,
    first: int = 0,
    out: Float32Array | None = None,
) -> Float32Array:
    """Return some rows of an image moved as by `moved_back`, from a part of its rows.

    Parameters
    ----------
    part : ndarray, shape (R, X)
        The rows from `first` on: at least those that are needed (`rows_needed`).
    shift : ndarray, shape (2,)
        (dy, dx) in pixels.
    rows : slice
        Rows that are asked for.
    height : int
        Height of the whole image.
    first : int
        Number of the first row of the part.
    out : ndarray, shape (rows, X), float32, optional
        Where to write.
    """
    known = filled(part)
    span = _Span(rows, height, first)
    with single_threaded_blas():
        moved = _along(_along(known, shift[0], 0, span), shift[1], 1, out=out)
    if known is not part:
        missing = ~np.isfinite(part)
        share = _linear(_linear(missing.astype(np.float32), shift[0], 0, span), shift[1], 1)
        moved[share > _MISSING] = np.nan
    moved[_outside(np.arange(rows.start, rows.stop) + shift[0], height)] = np.nan
    moved[:, _outside(np.arange(part.shape[1]) + shift[1], part.shape[1])] = np.nan
    return moved


class _Span(NamedTuple):
    """Which places along an axis are made, the length of the whole axis, and where the part of it begins."""

    made: slice
    length: int
    first: int = 0


def _outside(places: Float64Array, length: int) -> NDArray[np.bool_]:
    """Return which places lie outside of an image."""
    return np.asarray((places < -1e-9) | (places > length - 1 + 1e-9))


def transformed_back(
    image: NDArray[Any], shift: Float64Array, matrix: Float64Array, center: Float64Array, order: int = 3
) -> Float32Array:
    """Return an image without missing values on the common grid, by one interpolation, with cubic splines by default.

    The content of the pixel x of the grid is taken from ``center + shift + matrix @ (x - center)``. Beyond its ends the
    image is mirrored.

    Parameters
    ----------
    image : ndarray, shape (Y, X)
        One frame.
    shift, matrix, center : ndarray, shapes (2,), (2, 2) and (2,)
        In pixels, (y, x).
    order : int
        Order of the splines.
    """
    if (matrix == np.eye(2)).all():
        return _along(_along(np.asarray(image, np.float32), shift[0], 0), shift[1], 1)
    offset = center + shift - matrix @ center
    upright = matrix[0, 1] == 0 == matrix[1, 0]
    result: Float32Array = ndimage.affine_transform(
        image, np.diag(matrix) if upright else matrix, offset, output=np.float32, order=order, mode="mirror"
    )
    return result


_BLOCK = 32
"""Rows or columns that are filtered by one matrix product: so few that most of the matrix is no zero."""


def _along_any(images: Float32Array, shift: float, axis: int) -> Float32Array:
    """Return an image, or a volume, moved along an axis."""
    if images.ndim == 2:
        return _along(images, shift, axis)
    if axis == 0:
        return _along(images.reshape(len(images), -1), shift, 0).reshape(images.shape)
    return np.stack([_along(image, shift, axis - 1) for image in images])


def _along(
    image: Float32Array, shift: float, axis: int, span: _Span | None = None, out: Float32Array | None = None
) -> Float32Array:
    """Return an image moved along an axis; beyond its ends it is mirrored."""
    made, length, offset = span or _Span(slice(0, image.shape[axis]), image.shape[axis])
    whole = int(np.floor(shift))
    matrix, begin, end = _filter(float(shift - whole)), offset, offset + image.shape[axis]
    n_made = made.stop - made.start
    shape = (n_made, image.shape[1]) if axis == 0 else (image.shape[0], n_made)
    result = np.empty(shape, np.float32) if out is None else out
    for start in range(0, n_made, _BLOCK):
        stop = min(start + _BLOCK, n_made)
        first, last = made.start + start + whole - _REACH, made.start + stop + whole + _REACH
        places: slice | IndexArray = slice(first - begin, last - begin)
        if first < begin or last > end:
            places = _mirrored(np.arange(first, last), length) - begin
        some = matrix[: stop - start, : last - first]
        if axis == 0:
            np.matmul(some, image[places], out=result[start:stop])
        else:
            np.matmul(image[:, places], some.T, out=result[:, start:stop])
    return result


@lru_cache(maxsize=512)
def _filter(fraction: float) -> Float32Array:
    """Return a matrix of which each row holds the weights around one place."""
    weights = taps(fraction)
    matrix = np.zeros((_BLOCK, _BLOCK + 2 * _REACH), np.float32)
    for i, row in enumerate(matrix):
        row[i : i + weights.size] = weights
    matrix.flags.writeable = False
    return matrix


def _linear(image: Float32Array, shift: float, axis: int, span: _Span | None = None) -> Float32Array:
    """Return an image moved along an axis by linear interpolation."""
    made, length, offset = span or _Span(slice(0, image.shape[axis]), image.shape[axis])
    whole = int(np.floor(shift))
    fraction = np.float32(shift - whole)
    places = np.arange(made.start, made.stop) + whole
    near, far = (np.take(image, _mirrored(places + i, length) - offset, axis=axis) for i in (0, 1))
    result: Float32Array = (1 - fraction) * near + fraction * far
    return result


def _mirrored(places: IndexArray, length: int) -> IndexArray:
    """Return positions inside 0 to length - 1, mirrored at the first and the last pixel."""
    if length == 1:
        return np.zeros_like(places)
    period = 2 * (length - 1)
    inside = np.abs(places) % period
    return np.asarray(np.minimum(inside, period - inside))
