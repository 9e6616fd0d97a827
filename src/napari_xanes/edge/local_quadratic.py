"""Values and slopes of a spectrum from parabolas through the points around each energy, as products with matrices."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from napari_xanes._typing import Float64Array, IndexArray

_MIN_ENERGIES = 5


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
    number = np.arange(searched.start, searched.stop)
    lowest, highest = (0, axis.size) if half_width else (searched.start, searched.stop)
    first = np.searchsorted(axis, axis[number] - half_width - 1e-6)
    last = np.searchsorted(axis, axis[number] + half_width + 1e-6)
    first = np.minimum(np.maximum(np.minimum(first, number - 1), lowest), highest - 3)
    last = np.maximum(np.minimum(np.maximum(last, number + 2), highest), lowest + 3)
    frames = slice(int(first.min()), int(last.max()))
    column = np.arange(frames.start, frames.stop)
    inside = (column >= first[:, None]) & (column < last[:, None])
    offset = np.where(inside, axis[frames] - axis[number][:, None], 0.0)
    width = np.abs(offset).max(axis=1, keepdims=True)
    powers = np.stack([inside.astype(np.float64), offset / width, (offset / width) ** 2], axis=2)
    weights = np.linalg.inv(powers.transpose(0, 2, 1) @ powers)[:, :2] @ powers.transpose(0, 2, 1)
    return LocalQuadratic(frames, weights[:, 0], weights[:, 1] / width)


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


def search_frames(axis: Float64Array, energy: tuple[float, float]) -> slice:
    """Return the frames in a search range (eV).

    Raises
    ------
    ValueError
        If fewer than five energies lie in it.
    """
    first, last = np.searchsorted(axis, (energy[0] - 1e-6, energy[1] + 1e-6))
    if last - first < _MIN_ENERGIES:
        raise ValueError(
            f"{last - first} energies lie in the search range {energy[0]:g} to {energy[1]:g} eV, but at least "
            f"{_MIN_ENERGIES} are needed; the stack covers {axis[0]:g} to {axis[-1]:g} eV: widen energy"
        )
    return slice(int(first), int(last))
