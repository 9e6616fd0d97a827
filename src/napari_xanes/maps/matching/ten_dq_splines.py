"""Cubic splines in 10Dq between the members of a track, as matrices that tracks with equal 10Dq share."""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import numpy as np

from napari_xanes._typing import Float32Array, Float64Array, IndexArray


class TenDqSplines(NamedTuple):
    """Interpolation from Q members of a track to a finer grid of F values of 10Dq.

    ``ten_dq`` (F,) is the finer grid in eV. The matrices (F, Q) ``values``, ``slopes`` and ``linear`` give the cubic
    spline, its derivative per eV and the linear interpolation. ``nearest_member`` (F,) is the member nearest to a grid
    point and ``nearest_point`` (Q,) the grid point nearest to a member.
    """

    ten_dq: Float64Array
    values: Float32Array
    slopes: Float32Array
    linear: Float64Array
    nearest_member: IndexArray
    nearest_point: IndexArray


@cache
def ten_dq_splines(member_ten_dq: tuple[float, ...], step: float) -> TenDqSplines:
    """Return the interpolation between members.

    Parameters
    ----------
    member_ten_dq : tuple of Q floats
        10Dq of the members in eV, increasing.
    step : float
        Largest step of the finer grid in eV.
    """
    from scipy.interpolate import CubicSpline

    knots = np.array(member_ten_dq)
    if knots.size == 1:
        unit, zero = np.ones((1, 1)), np.zeros(1, np.intp)
        return TenDqSplines(knots, unit.astype(np.float32), np.zeros((1, 1), np.float32), unit, zero, zero)
    least = float(np.diff(knots).min())
    points_per_step = max(1, int(np.ceil(least / step - 1e-6)))
    fine = np.linspace(knots[0], knots[-1], points_per_step * round((knots[-1] - knots[0]) / least) + 1)
    spline, distance = CubicSpline(knots, np.eye(knots.size)), np.abs(fine[:, None] - knots)
    linear = np.stack([np.interp(fine, knots, unit) for unit in np.eye(knots.size)], axis=1)
    values, slopes = spline(fine).astype(np.float32), spline(fine, 1).astype(np.float32)
    return TenDqSplines(fine, values, slopes, linear, distance.argmin(axis=1), distance.argmin(axis=0))


def interpolation_error(member_ten_dq: tuple[float, ...], spectra: Float64Array) -> Float64Array:
    """Estimate the error of 10Dq that comes from interpolating between members, in eV.

    Every second member is left out and interpolated from the others. The error of a cubic spline grows with the fourth
    power of the step, so the error with all members is a sixteenth of that. Where the ground state changes between two
    members the estimate is large, as it should be.

    Parameters
    ----------
    member_ten_dq : tuple of Q floats
        10Dq of the members in eV.
    spectra : ndarray, shape (T, Q, K)
        The members of T tracks with these 10Dq.

    Returns
    -------
    ndarray, shape (T, Q)
        0 for a track of one member.
    """
    if len(member_ten_dq) == 1:
        return np.zeros(spectra.shape[:2])
    widest = float(np.diff(member_ten_dq).max())
    if len(member_ten_dq) < 6:
        return np.full(spectra.shape[:2], widest / 4)
    error = np.zeros(spectra.shape[:2])
    for first in (0, 1):
        value_matrix, slope_matrix = _splines_through_every_second(member_ten_dq, first)
        interpolated, slope = (matrix @ spectra[:, first::2] for matrix in (value_matrix, slope_matrix))
        along_slope = np.abs(np.sum((interpolated - spectra[:, 1 - first :: 2]) * slope, axis=2))
        error[:, 1 - first :: 2] = along_slope / np.maximum(np.sum(slope**2, axis=2), 1e-30) / 16
    return np.minimum(error, widest / 2)


@cache
def _splines_through_every_second(member_ten_dq: tuple[float, ...], first: int) -> tuple[Float64Array, Float64Array]:
    """Splines through the members `first`, `first` + 2, ..., and their derivatives, at the members between."""
    from scipy.interpolate import CubicSpline

    spline = CubicSpline(member_ten_dq[first::2], np.eye(len(member_ten_dq[first::2])))
    between = member_ten_dq[1 - first :: 2]
    return spline(between), spline(between, 1)
