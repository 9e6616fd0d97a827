"""Frames that do not belong to the spectrum: a flat taken in a dip of the beam, a beam dump, a shutter that stuck."""

from __future__ import annotations

import numpy as np

from napari_xanes._typing import BoolArray, Float64Array
from napari_xanes.edge.ranges import HARD

_WIDEST = 3
"""Up to so many spoiled frames in a row are recognised."""

_LEVEL = 0.3
"""The frames around spoiled ones agree with each other to this share of the deviation; those around a peak do not."""

_NOISE = 10.0
"""A deviation is at least so many times the usual deviation of a frame from its neighbours."""

_SHARE, _WIDE_SHARE = 0.05, 0.3
"""A deviation of one frame, or of several in a row, is at least this share of the spectrum's whole height."""

_SPAN = 12.0
"""Fine structure above an edge bends less than `_SHARE` between neighbours that are no further apart, in eV."""


def spoiled_frames(energy: Float64Array, strong: Float64Array, weak: Float64Array | None, e0: float) -> BoolArray:
    """Find frames that deviate alone from level neighbours, and not as absorption does.

    A frame that the beam or its flat spoiled deviates in pixels without material, too. Where there are no such pixels,
    or they do not deviate, a deviation counts in three cases only: it lies far from the edge; it is negative and below
    the edge; or, in hard X-rays, it is larger than the edge.

    Parameters
    ----------
    energy : ndarray, shape (E,)
        Energies in eV.
    strong : ndarray, shape (E,)
        Mean spectrum of the pixels with the strongest edge.
    weak : ndarray, shape (E,), optional
        Mean spectrum of the pixels with the weakest, if their edge is less than a third of that.
    e0 : float
        Energy of the edge in eV.

    Returns
    -------
    ndarray of bool, shape (E,)

    Examples
    --------
    >>> axis = np.arange(8300.0, 8400.0, 2.0)
    >>> mu = 1.0 * (axis > 8343)
    >>> mu[5] = -1.2
    >>> axis[spoiled_frames(axis, mu, None, 8343.0)]
    array([8310.])
    """
    spoiled = np.zeros(energy.size, dtype=bool)
    if energy.size < 8:
        return spoiled
    height = float(np.subtract(*np.percentile(strong, (90, 10))))
    bends = (energy > e0) & (np.pad(energy[2:] - energy[:-2], 1, mode="edge") > _SPAN)
    for width in range(1, _WIDEST + 1):
        share = height * np.where(bends | (width > 1), _WIDE_SHARE, _SHARE)
        in_strong, alone = _lone_frames(energy, strong, width, share)
        for i in np.flatnonzero(alone):
            frames = slice(int(i), int(i) + width)
            spoiled[frames] |= _is_no_absorption(energy[frames], float(in_strong[i]), e0, height)
        if weak is not None:
            in_weak, alone = _lone_frames(energy, weak, width, share)
            for i in np.flatnonzero(alone & (np.abs(in_weak) > 0.5 * np.abs(in_strong))):
                spoiled[int(i) : int(i) + width] = True
    return spoiled if spoiled.sum() <= 0.2 * spoiled.size else np.zeros_like(spoiled)


def _lone_frames(
    energy: Float64Array, mu: Float64Array, width: int, share: Float64Array
) -> tuple[Float64Array, BoolArray]:
    """Return the deviations of `width` frames in a row, and where they are large and stand between level neighbours."""
    single = _deviations(energy, mu, 1)
    deviations = single if width == 1 else _deviations(energy, mu, width)
    usual = float(np.median(np.abs(single[2:-2])))
    large = np.abs(deviations) > np.maximum(_NOISE * usual, share)
    for i in np.flatnonzero(large):
        large[i] = _stands_on_a_level(mu, slice(int(i), int(i) + width), float(deviations[i]))
    return deviations, large


def _deviations(energy: Float64Array, mu: Float64Array, width: int) -> Float64Array:
    """Return, for each `width` frames in a row, the smallest distance from a line between their neighbours, signed.

    It is 0 where a frame has no neighbour; the first and last frame are compared with the level beside them.
    """
    n = energy.size
    left, right = np.arange(n - width - 1), np.arange(width + 1, n)
    slope = (mu[right] - mu[left]) / (energy[right] - energy[left])
    middle = left + 1 + np.arange(width)[:, None]
    distances = mu[middle] - mu[left] - slope * (energy[middle] - energy[left])
    one_sided = np.abs(np.sign(distances).sum(axis=0)) == width
    smallest = np.zeros(n)
    smallest[1 : n - width] = np.where(one_sided, np.sign(distances[0]) * np.abs(distances).min(axis=0), 0.0)
    if width == 1:
        smallest[0], smallest[-1] = mu[0] - np.median(mu[1:4]), mu[-1] - np.median(mu[-4:-1])
    return smallest


def _stands_on_a_level(mu: Float64Array, frames: slice, deviation: float) -> bool:
    """Return whether the two frames on either side agree with each other, so that this is no shoulder of a peak."""
    around = np.concatenate([mu[max(frames.start - 2, 0) : frames.start], mu[frames.stop : frames.stop + 2]])
    if frames.start == 0 or frames.stop == mu.size:
        around = mu[1:4] if frames.start == 0 else mu[-4:-1]
    return bool(np.ptp(around) < _LEVEL * abs(deviation))


def _is_no_absorption(energy: Float64Array, deviation: float, e0: float, height: float) -> bool:
    """Return whether fine structure can't be the reason, where no pixel without material tells."""
    hard = e0 > HARD
    low, high = (-25.0, 60.0) if hard else (-8.0, 40.0)
    away = energy[-1] < e0 + low or energy[0] > e0 + high
    return bool(away or (deviation < 0 and energy[-1] < e0) or (hard and abs(deviation) > max(height, 0.0)))
