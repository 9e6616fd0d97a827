"""Cubic splines in 10Dq as matrices: the same for all tracks with the same 10Dq."""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import numpy as np

from napari_xanes._typing import Float32Array, Float64Array, IndexArray


class Splines(NamedTuple):
    """From the members of a track at Q 10Dq to finer 10Dq ``fine`` (F,), all in eV.

    ``values``, ``slopes`` and ``straight`` (F, Q) draw cubic splines, their slopes, and lines between members;
    ``near`` (F,) is the nearest member, ``at_member`` (Q,) the nearest of the finer 10Dq.
    """

    fine: Float64Array
    values: Float32Array
    slopes: Float32Array
    straight: Float64Array
    near: IndexArray
    at_member: IndexArray


@cache
def splines_of(at: tuple[float, ...], step: float) -> Splines:
    """Splines through 10Dq that increase, at steps of at most `step` in eV."""
    from scipy.interpolate import CubicSpline

    fields = np.array(at)
    if fields.size == 1:
        one, only = np.ones((1, 1)), np.zeros(1, np.intp)
        return Splines(fields, one.astype(np.float32), np.zeros((1, 1), np.float32), one, only, only)
    least = float(np.diff(fields).min())
    per = max(1, int(np.ceil(least / step - 1e-6)))
    fine = np.linspace(fields[0], fields[-1], per * round((fields[-1] - fields[0]) / least) + 1)
    curve, away = CubicSpline(fields, np.eye(fields.size)), np.abs(fine[:, None] - fields)
    straight = np.stack([np.interp(fine, fields, unit) for unit in np.eye(fields.size)], axis=1)
    values, slopes = curve(fine).astype(np.float32), curve(fine, 1).astype(np.float32)
    return Splines(fine, values, slopes, straight, away.argmin(axis=1), away.argmin(axis=0))


def between_members(at: tuple[float, ...], spectra: Float64Array) -> Float64Array:
    """By how much 10Dq may be wrong because spectra are drawn between members, in eV.

    Every second member is left out and drawn from the others; the error of a cubic spline goes with the fourth power of
    the step, so a sixteenth of what is found remains. That holds across a change of the ground state too: it is large.

    Parameters
    ----------
    at : tuple of Q floats
        10Dq of the members in eV.
    spectra : ndarray, shape (T, Q, K)
        The members of tracks with these 10Dq.

    Returns
    -------
    ndarray, shape (T, Q)
        0 for a track of one member.
    """
    if len(at) == 1:
        return np.zeros(spectra.shape[:2])
    widest = float(np.diff(at).max())
    if len(at) < 6:
        return np.full(spectra.shape[:2], widest / 4)
    wrong = np.zeros(spectra.shape[:2])
    for first in (0, 1):
        drawn, slope = (matrix @ spectra[:, first::2] for matrix in _from_others(at, first))
        off = np.abs(np.sum((drawn - spectra[:, 1 - first :: 2]) * slope, axis=2))
        wrong[:, 1 - first :: 2] = off / np.maximum(np.sum(slope**2, axis=2), 1e-30) / 16
    return np.minimum(wrong, widest / 2)


@cache
def _from_others(at: tuple[float, ...], first: int) -> tuple[Float64Array, Float64Array]:
    """Splines through every second member, and their slopes, at the members between."""
    from scipy.interpolate import CubicSpline

    curve = CubicSpline(at[first::2], np.eye(len(at[first::2])))
    return curve(at[1 - first :: 2]), curve(at[1 - first :: 2], 1)
