"""Other edges that a spectrum shows: steep rises that last, away from its own edge.

The limits are measured: in 27 spectra with one K edge, no rise of fine structure that lasts is as high.
"""

from __future__ import annotations

import numpy as np

from napari_xanes._typing import Float64Array

_REACH, _NEAR = 45.0, 6.0
"""Levels before and after a rise are means from 6 to 45 eV away from it."""

_STEEP = 4.0
"""A rise is measured from so far below to so far above, in eV, or one step of the axis if that is wider."""

_CLEAR = (-25.0, 35.0)
"""Around E0, in eV, a rise is part of the edge."""

_FAR = 65.0
"""Up to this distance above E0, in eV, fine structure is strong."""

_BEFORE, _NEAR_EDGE, _FURTHER = 0.07, 0.25, 0.085
"""How high another edge must rise below E0, near above it, and further above it, as a share of the jump."""


def other_edges(energy: Float64Array, mu: Float64Array, e0: float, own: tuple[float, ...] = ()) -> list[float]:
    """Find other edges within 200 eV below and 400 eV above E0.

    Parameters
    ----------
    energy, mu : ndarray, shape (E,)
        Energies in eV, and absorption of little noise.
    e0 : float
        Energy of the edge in eV.
    own : tuple of float
        Distances of the element's later edges above E0, in eV: rises there are not reported.

    Returns
    -------
    list of float
        Distances from E0 in eV, in rising order.

    Examples
    --------
    >>> axis = np.arange(7050.0, 7340.0, 2.0)
    >>> other_edges(axis, 0.5 * (axis > 7120) + 0.5 * (axis > 7243), 7120.0)
    [123.0]
    """
    from scipy.ndimage import gaussian_filter1d

    finite = np.isfinite(mu)
    offset, level = energy[finite] - e0, mu[finite]
    jump = _level(offset, level, 15, 60) - _level(offset, level, -60, -10)
    grid = np.arange(max(offset[0], -200.0), min(offset[-1], 400.0), 1.0)
    if not jump > 0 or grid.size < 3:
        return []
    level = level / jump
    half = max(_STEEP, float(np.median(np.diff(offset))))
    smooth = gaussian_filter1d(np.interp(grid, offset, level), 1.5, mode="nearest")
    rise = np.interp(grid + half, grid, smooth) - np.interp(grid - half, grid, smooth)
    needed = np.select([grid < 0, grid < _FAR], [_BEFORE, _NEAR_EDGE], _FURTHER)
    possible = rise / np.maximum(needed, 6 * _noise(level))
    possible[(grid > _CLEAR[0]) & (grid < _CLEAR[1])] = 0.0
    for distance in own:
        possible[np.abs(grid - distance) < 20] = 0.0
    found = []
    while possible.max() > 1:
        at = float(grid[possible.argmax()])
        lasts = _lasting_rise(offset, level, at) > needed[possible.argmax()]
        if lasts:
            found.append(at)
        possible[np.abs(grid - at) < (_REACH if lasts else _REACH / 2)] = 0.0
    return sorted(found)


def _lasting_rise(offset: Float64Array, mu: Float64Array, at: float) -> float:
    """Return how much higher the spectrum is after an energy than before it, without its slope below the edge."""
    start = max(at - _REACH, 15.0) if at > 0 else at - _REACH
    before, after = (offset > start) & (offset < at - _NEAR), (offset > at + _NEAR) & (offset < at + _REACH)
    if at < 0:
        after &= offset < -10
    if before.sum() < 3 or after.sum() < 3:
        return np.nan
    step = float(np.mean(mu[after]) - np.mean(mu[before]))
    if at > 0:
        return step
    slopes = [np.polyfit(offset[side], mu[side], 1)[0] for side in (before, after)]
    return float(step - min(slopes, key=abs) * (offset[after].mean() - offset[before].mean()))


def _level(offset: Float64Array, mu: Float64Array, low: float, high: float) -> float:
    """Return the median between two energies, NaN where fewer than three points lie there."""
    inside = (offset > low) & (offset < high)
    return float(np.median(mu[inside])) if inside.sum() >= 3 else np.nan


def _noise(level: Float64Array) -> float:
    """Return the noise of the values, from their second differences."""
    bend = level[:-2] - 2 * level[1:-1] + level[2:]
    return float(1.48 * np.median(np.abs(bend)) / np.sqrt(6)) if bend.size else 0.0
