"""Rows of images that are magnified, turned or sheared, on the common grid, from no more rows than they need."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_xanes._typing import Float32Array, Float64Array
from napari_xanes.registration.fourier import filled

_MARGIN = 24
"""Rows around those that are interpolated: the spline's filter has fallen to 2e-7 after 12, and what replaces missing
values (`filled`) reaches 8 further."""

_MISSING = 0.05
"""A pixel has no value if at least this share of what it is made from has none."""


def stretched_rows_needed(
    shift: Float64Array, matrix: Float64Array, center: Float64Array, rows: slice, shape: tuple[int, int]
) -> slice:
    """Return the rows of an image of a shape, from which `stretched_rows_back` makes some rows."""
    height, width = shape
    corners = np.array([[(y, x) for x in (0, width - 1)] for y in (rows.start, rows.stop - 1)], dtype=np.float64)
    places = (center + shift + (corners - center) @ matrix.T)[..., 0]
    first, last = int(np.floor(places.min())) - _MARGIN, int(np.ceil(places.max())) + _MARGIN
    return slice(min(max(0, first), height - 1), max(min(height, last + 1), 1))


def stretched_rows_back(
    part: NDArray[np.generic],
    shift: Float64Array,
    matrix: Float64Array,
    center: Float64Array,
    rows: slice,
    height: int,
    first: int = 0,
) -> Float32Array:
    """Return some rows of an image whose content is stretched and shifted, on the common grid.

    Parameters
    ----------
    part : ndarray, shape (R, X)
        The rows from `first` on: at least those that are needed (`stretched_rows_needed`).
    shift, matrix, center : ndarray, shapes (2,), (2, 2) and (2,)
        The content of the pixel x of the grid lies at ``center + shift + matrix @ (x - center)``, in pixels (y, x) of
        the whole image.
    rows : slice
        Rows that are asked for.
    height : int
        Height of the whole image.
    first : int
        Number of the first row of the part.

    Returns
    -------
    ndarray, shape (rows, X), float32
        NaN where the image does not reach, and around values that are missing.
    """
    width = part.shape[1]
    known, missing = filled(part), ~np.isfinite(part)
    start = np.array([rows.start, 0.0])
    offset = center + shift + matrix @ (start - center)

    def interpolated(values: NDArray[np.generic], order: int) -> Float32Array:
        upright = matrix[0, 1] == 0 == matrix[1, 0]
        result: Float32Array = ndimage.affine_transform(
            values,
            np.diag(matrix) if upright else matrix,
            offset - np.array([first, 0.0]),
            (rows.stop - rows.start, width),
            np.float32,
            order,
            mode="mirror",
        )
        return result

    made = interpolated(known, 3)
    if missing.any():
        made[interpolated(missing.astype(np.float32), 1) > _MISSING] = np.nan
    down, along = np.arange(len(made))[:, None], np.arange(width)[None]
    for axis, length in enumerate((height, width)):
        place = offset[axis] + matrix[axis, 0] * down + matrix[axis, 1] * along
        made[(place < -1e-9) | (place > length - 1 + 1e-9)] = np.nan
    return made
