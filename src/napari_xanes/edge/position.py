"""The energy of an absorption edge."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from napari_xanes._typing import BoolArray, Float64Array, IndexArray
from napari_xanes.edge.ranges import HARD
from napari_xanes.spectrum import check_grid, checked_energy

_CLOSE = 0.2
"""Energies nearer to each other than this share of the local step were meant to be one, as where two scans join."""

_STEEP = 0.2
"""An edge is at least so steep as this share of the steepest rise."""


def three_point_slope(energy: Float64Array) -> tuple[Float64Array, Float64Array, Float64Array]:
    """Return the weights of three neighbouring points in the slope of the parabola through them.

    Parameters
    ----------
    energy : ndarray, shape (E,)
        Energies, evenly spaced or not.

    Returns
    -------
    tuple of ndarray, shape (E - 2,)
        ``left * y[:-2] + middle * y[1:-1] + right * y[2:]`` is the slope at ``energy[1:-1]``.
    """
    before, after = np.diff(energy)[:-1], np.diff(energy)[1:]
    left = -after / (before * (before + after))
    right = before / (after * (before + after))
    return left, -(left + right), right


def close_groups(energy: Float64Array, floor: float = 0.0) -> IndexArray:
    """Return the number of the group that each energy belongs to; a slope needs one point of each group.

    Parameters
    ----------
    energy : ndarray, shape (E,)
        Energies in eV, strictly increasing.
    floor : float
        Energies within so many eV are one group in any case.

    Returns
    -------
    ndarray of int, shape (E,)
        0 for the first group. A group reaches less than a fifth of the local step, or than `floor`.

    Examples
    --------
    >>> close_groups(np.array([8340.0, 8341, 8342, 8342.0002, 8343])).tolist()
    [0, 1, 2, 2, 3]
    """
    from scipy.ndimage import median_filter

    if energy.size < 2:
        return np.zeros(energy.size, dtype=np.intp)
    gaps = np.diff(energy)
    limits = np.maximum(_CLOSE * median_filter(gaps, size=min(9, gaps.size), mode="nearest"), floor)
    limit_of = np.append(limits, limits[-1])
    groups, first = np.zeros(energy.size, dtype=np.intp), 0
    for i in range(1, energy.size):
        joins = energy[i] - energy[first] < limit_of[first] - 1e-9
        first = first if joins else i
        groups[i] = groups[i - 1] + (not joins)
    return groups


def averaged(values: Float64Array, groups: IndexArray) -> Float64Array:
    """Return the mean of each group of `close_groups`."""
    mean: Float64Array = np.bincount(groups, values) / np.bincount(groups)
    return mean


def find_e0(energy: ArrayLike, mu: ArrayLike, *, near: float | None = None) -> float:
    """Find the energy of the steepest rise, which beamlines call E0.

    Against noise, the slope is smoothed over about 1 eV at a K edge and 0.3 eV at soft X-rays. Above 2 keV, a rise that
    mostly falls back within 25 eV (a pre-edge peak) is ignored if another rise stays and is at least a fifth as steep.
    Below 2 keV it is not ignored, because L edges are such peaks. A parabola through the three-point slopes around the
    steepest rise refines the position. Energies that are nearer to each other than a quarter of that width, or than a
    fifth of the local step, are averaged before. A rise that only undoes a dip, as after a spoiled frame, or that has a
    single point before or behind it, is ignored too if there is another.

    Parameters
    ----------
    energy : array_like, shape (E,)
        Photon energies in eV, strictly increasing.
    mu : array_like, shape (E,)
        Absorption in any unit; values that are not finite are ignored.
    near : float, optional
        Tabulated energy: search only within 30 eV of it, if there are data.

    Returns
    -------
    float
        E0 in eV.

    Raises
    ------
    ValueError
        If fewer than five values are finite, or the absorption does not rise.

    Examples
    --------
    >>> energy = np.arange(8300.0, 8400.0)
    >>> round(find_e0(energy, np.arctan((energy - 8343.4) / 2)), 1)
    8343.4
    """
    from scipy.ndimage import gaussian_filter1d, minimum_filter1d

    axis, values = checked_energy(energy, what="find_e0"), np.asarray(mu, dtype=np.float64)
    finite = np.isfinite(values)
    axis, values = axis[finite], values[finite]
    if axis.size < 5:
        raise ValueError(f"E0 can't be found from {axis.size} finite values; at least 5 are needed: give e0 in eV")
    width = float(np.clip(1.2e-4 * axis.mean(), 0.3, 1.2))
    groups = close_groups(axis, width / 4)
    axis, values = averaged(axis, groups), averaged(values, groups)
    step = width / 6
    check_grid(axis[0], axis[-1], step, what="the search for E0")
    grid = np.arange(axis[0], axis[-1] + step, step)
    fine = np.interp(grid, axis, values)
    level, slope = (gaussian_filter1d(fine, width / step, order=order, mode="nearest") for order in (0, 1))
    inside = (grid > axis[0] + width) & (grid < axis[-1] - width)
    if near is not None and (inside & (np.abs(grid - near) < 30)).any():
        inside &= np.abs(grid - near) < 30
    if not inside.any() or not slope[inside].max() > 0:
        raise ValueError(
            f"the absorption does not rise between {axis[0]:g} and {axis[-1]:g} eV, so no edge can be found: "
            "give e0 in eV"
        )
    inside = _narrowed(inside, _rises_above_what_was_before(axis, values, grid, level, slope, inside))
    candidates = inside
    if axis[0] > HARD:
        is_slope_maximum = inside & (slope >= np.roll(slope, 1)) & (slope >= np.roll(slope, -1))
        reach = int(25 / step)
        baseline = minimum_filter1d(level, reach, origin=(reach - 1) // 2)
        plateau = minimum_filter1d(level, reach, origin=-(reach // 2))
        is_step = (
            is_slope_maximum & (slope > _STEEP * slope[inside].max()) & (plateau - baseline >= 0.6 * (level - baseline))
        )
        candidates = is_step if is_step.any() else inside
    coarse = float(grid[candidates][slope[candidates].argmax()])
    return _refined(axis, values, coarse, 1.5 * width)


def _narrowed(inside: BoolArray, condition: BoolArray) -> BoolArray:
    """Return where both hold, or the first alone if they never do."""
    both = inside & condition
    return both if both.any() else inside


def _rises_above_what_was_before(
    axis: Float64Array,
    values: Float64Array,
    grid: Float64Array,
    level: Float64Array,
    slope: Float64Array,
    inside: BoolArray,
) -> BoolArray:
    """Return which parts of a grid rise to more than the spectrum had before, with two points on either side.

    A rise lies between two minima of the slope. At least half of it must lie above what was there before: the end of a
    dip of the beam only comes back to that. Rises too flat to be an edge beside the steepest of these are left out.
    """
    minima = np.flatnonzero((slope[1:-1] < slope[:-2]) & (slope[1:-1] <= slope[2:])) + 1
    starts, ends = np.concatenate([[0], minima]), np.concatenate([minima, [grid.size]])
    rising = inside & (slope > 0) & (grid > axis[1]) & (grid < axis[-2])
    steepest = np.maximum.reduceat(np.where(rising, slope, 0.0), starts)
    good, least = np.zeros(grid.size, dtype=bool), 0.0
    for i in np.argsort(-steepest, kind="stable"):
        if steepest[i] <= least:
            break
        rise = slice(starts[i], ends[i])
        top, bottom = float(level[rise].max()), float(level[starts[i]])
        n_before = int(np.searchsorted(axis, grid[starts[i]] + 1e-9))
        if top - _level_before(axis[:n_before], values[:n_before], bottom) >= 0.5 * (top - bottom):
            good[rise] = rising[rise]
            least = max(least, _STEEP * float(steepest[i]))
    return good


def _level_before(axis: Float64Array, values: Float64Array, bottom: float) -> float:
    """Return the usual level before a rise: the median of all points, followed down where they fall, or of the last."""
    if axis.size < 6:
        return float(np.median(values)) if axis.size else bottom
    half = axis.size // 2
    fall = min(0.0, float(np.median((values[half:] - values[:-half]) / (axis[half:] - axis[:-half]))))
    of_all = float(np.median(values) + fall * (axis[-1] - np.median(axis)))
    last = axis > axis[-1] - (40.0 if axis[-1] > HARD else 10.0)
    return max(of_all, float(np.median(values[last]))) if last.sum() >= 5 else of_all


def _refined(axis: Float64Array, values: Float64Array, coarse: float, reach: float) -> float:
    """Return the energy of the largest three-point slope within `reach` of `coarse`, refined by a parabola."""
    left, middle, right = three_point_slope(axis)
    slope, middles = left * values[:-2] + middle * values[1:-1] + right * values[2:], axis[1:-1]
    slope = np.convolve(np.pad(slope, 1, mode="edge"), (0.25, 0.5, 0.25), mode="valid")
    close = np.flatnonzero(np.abs(middles - coarse) <= reach)
    if close.size == 0:
        return coarse
    i = int(close[slope[close].argmax()])
    if not 0 < i < middles.size - 1:
        return float(middles[i])
    a, b, _ = np.polyfit(middles[i - 1 : i + 2] - middles[i], slope[i - 1 : i + 2], 2)
    shift = -b / (2 * a) if a < 0 else 0.0
    return float(np.clip(middles[i] + shift, middles[i - 1], middles[i + 1]))
