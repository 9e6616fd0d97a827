"""Values and slopes of a spectrum from parabolas through the points around each energy, as products with matrices."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from napari_xanes._typing import Float64Array, IndexArray


class LocalQuadratic(NamedTuple):
    """Matrices (N, M) that turn the M values in `frames` into values and slopes (per eV) at N energies."""

    frames: slice
    value: Float64Array
    slope: Float64Array


def local_quadratic(axis: Float64Array, searched: slice, half_width: float) -> LocalQuadratic:
    """Return the least-squares parabola around each energy (Savitzky & Golay, Anal. Chem. 36, 1627, 1964).

    Parameters
    ----------
    axis : ndarray, shape (E,)
        All energies in eV, evenly spaced or not.
    searched : slice
        Frames at whose energies value and slope are wanted.
    half_width : float
        Points within this distance in eV take part, and the next point on each side. If 0, values stay as
        they are, slopes are those of the parabola through three points, and no other frames are used.

    Examples
    --------
    >>> matrices = local_quadratic(np.arange(9.0), slice(3, 6), 2.0)
    >>> matrices.frames, (matrices.slope[0] * 10).round(6).tolist()
    (slice(1, 8, None), [-2.0, -1.0, 0.0, 1.0, 2.0, 0.0, 0.0])
    """
    windows = []
    lowest, highest = (0, axis.size) if half_width else (searched.start, searched.stop)
    for i in range(searched.start, searched.stop):
        first, last = np.searchsorted(axis, (axis[i] - half_width - 1e-6, axis[i] + half_width + 1e-6))
        first, last = max(min(first, i - 1), lowest), min(max(last, i + 2), highest)
        first, last = min(first, highest - 3), max(last, lowest + 3)
        windows.append((int(first), int(last)))
    frames = slice(min(a for a, _ in windows), max(b for _, b in windows))
    value, slope = (np.zeros((len(windows), frames.stop - frames.start)) for _ in range(2))
    for row, (first, last) in enumerate(windows):
        offset = axis[first:last] - axis[searched.start + row]
        weights = np.linalg.pinv(np.stack([np.ones_like(offset), offset, offset**2], axis=1))
        columns = slice(first - frames.start, last - frames.start)
        value[row, columns], slope[row, columns] = weights[0], weights[1]
    return LocalQuadratic(frames, value, slope)


def rows_beside(axis: Float64Array, distance: float) -> tuple[IndexArray, IndexArray]:
    """Return the farthest row on each side of each row that is at most a distance away, at least the next, (N,) each.

    Parameters
    ----------
    axis : ndarray, shape (N,)
        Energy of each row in eV.
    distance : float
        Distance in eV.

    Examples
    --------
    >>> [side.tolist() for side in rows_beside(np.arange(5.0), 2.0)]
    [[0, 0, 0, 1, 2], [2, 3, 4, 4, 4]]
    """
    number = np.arange(axis.size)
    left = np.searchsorted(axis, axis - distance - 1e-6)
    right = np.searchsorted(axis, axis + distance + 1e-6) - 1
    return np.maximum(np.minimum(left, number - 1), 0), np.minimum(np.maximum(right, number + 1), axis.size - 1)
