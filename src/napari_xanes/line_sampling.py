"""Which pixels a line through an image takes its values from, and with which weights."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_xanes._typing import Float64Array
from napari_xanes.parameter_map import checked_pixel_size


class LineSamples(NamedTuple):
    """Where a line is sampled: distances (N,), places (N, 2), flat indices of M pixels, and weights (N, M).

    The weights of a sample add up to 1; those of pixels off the image are left out.
    """

    distance: Float64Array
    places: Float64Array
    pixels: NDArray[np.int64]
    weights: Any


def sample_line(
    line: ArrayLike, shape: tuple[int, int], width: int = 1, pixel_size: float | tuple[float, ...] | None = None
) -> LineSamples:
    """Return which pixels an evenly sampled line takes its values from, and their weights.

    Parameters
    ----------
    line : array_like, shape (P, 2)
        The corners of the line, (y, x) in pixels; whole numbers are the middles of pixels.
    shape : (int, int)
        Shape of the image.
    width : int
        Width of the line in pixels. The samples across it, one pixel apart, are averaged.
    pixel_size : float or (float, float), optional
        Length of a pixel along y and x in µm.

    Returns
    -------
    LineSamples
        Samples from the first to the last corner, at most one pixel (its shorter side) apart. Each is interpolated
        bilinearly.

    Raises
    ------
    ValueError
        If the line has no length, or the width is less than one pixel.

    Examples
    --------
    >>> samples = sample_line([(0, 0), (0, 3)], (2, 4), pixel_size=0.5)
    >>> samples.distance.tolist(), samples.pixels.tolist(), samples.weights.toarray().tolist()[1]
    ([0.0, 0.5, 1.0, 1.5], [0, 1, 2, 3], [0.0, 1.0, 0.0, 0.0])
    """
    from scipy.sparse import csr_array

    if width < 1 or int(width) != width:
        raise ValueError(f"the line is {width} pixels wide; give a whole number from 1")
    sides = np.array(checked_pixel_size(pixel_size, 2) or (1.0, 1.0))
    distance, places, normals = _along(np.asarray(line, dtype=np.float64), sides)
    across = (np.arange(width) - (width - 1) / 2) * sides.min()
    points = places[:, np.newaxis] + across[:, np.newaxis] * normals[:, np.newaxis] / sides
    corner = np.floor(points)
    rest = points - corner
    rows, columns, weights = [], [], []
    sample = np.broadcast_to(np.arange(distance.size)[:, np.newaxis], points.shape[:2])
    for below in np.ndindex(2, 2):
        pixel = corner + below
        weight = np.where(below, rest, 1 - rest).prod(axis=-1) / width
        inside = ((pixel >= 0) & (pixel < shape)).all(axis=-1) & (weight > 0)
        rows.append(sample[inside])
        columns.append(np.ravel_multi_index(tuple(pixel[inside].astype(np.int64).T), shape))
        weights.append(weight[inside])
    pixels, column = np.unique(np.concatenate(columns), return_inverse=True)
    # Two points of a sample may share a pixel: its weights are added up, so that its noise counts once.
    matrix = csr_array((np.concatenate(weights), (np.concatenate(rows), column)), shape=(distance.size, pixels.size))
    return LineSamples(distance, places, pixels, matrix)


def _along(line: Float64Array, sides: Float64Array) -> tuple[Float64Array, Float64Array, Float64Array]:
    """Return distances (N,), places (N, 2) in pixels, and normals (N, 2) of the evenly sampled line."""
    if line.ndim != 2 or line.shape[1] != 2 or not np.isfinite(line).all():
        raise ValueError(f"a line is a list of points (y, x) in pixels, not values of shape {line.shape}")
    corners = line * sides
    steps = np.hypot(*np.diff(corners, axis=0).T)
    corners, steps = corners[np.r_[True, steps > 0]], steps[steps > 0]
    if not steps.size:
        raise ValueError("the line has no length: it needs two points that lie apart")
    ends = np.r_[0.0, np.cumsum(steps)]
    # Rounding must not add a sample to a line of three pixels.
    distance = np.linspace(0.0, ends[-1], int(np.ceil(ends[-1] / sides.min() - 1e-9)) + 1)
    part = np.minimum(np.searchsorted(ends, distance, side="right") - 1, steps.size - 1)
    along = np.diff(corners, axis=0) / steps[:, np.newaxis]
    places = (corners[part] + (distance - ends[part])[:, np.newaxis] * along[part]) / sides
    normals = np.stack([-along[part, 1], along[part, 0]], axis=1)
    return distance, places, normals
