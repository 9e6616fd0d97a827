"""The energy of an absorption edge, and the ranges before and after it."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from napari_xanes._typing import Float64Array
from napari_xanes.spectrum import checked_energy

Range = tuple[float, float]

_HARD = 2000.0
"""Above this energy, in eV, edges are steps with a white line on top; below, they are lines over a small step."""


def tabulated_e0(element: str | None, edge: str | None = None) -> float | None:
    """Return the tabulated energy of an edge in eV, None where it is not known.

    Parameters
    ----------
    element : str
        Symbol, such as ``"Ni"``.
    edge : str, optional
        ``"K"`` (default), ``"L3"`` ...

    Examples
    --------
    >>> tabulated_e0("Ni")
    8333.0
    """
    import xraydb

    try:
        return float(xraydb.xray_edge(element, edge or "K").energy)
    except (ValueError, AttributeError, KeyError, TypeError):
        return None


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


def find_e0(energy: ArrayLike, mu: ArrayLike, *, near: float | None = None) -> float:
    """Find the energy of the steepest rise, which beamlines call E0.

    Against noise, the slope is smoothed over about 1 eV at a K edge and 0.3 eV at soft X-rays. Above 2 keV, a rise that
    mostly falls back within 25 eV (a pre-edge peak) is ignored if another rise stays and is at least a fifth as steep.
    Below 2 keV it is not ignored, because L edges are such peaks. A parabola through the three-point slopes around the
    steepest rise refines the position.

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
    step = width / 6
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
    candidates = inside
    if axis[0] > _HARD:
        is_slope_maximum = inside & (slope >= np.roll(slope, 1)) & (slope >= np.roll(slope, -1))
        reach = int(25 / step)
        baseline = minimum_filter1d(level, reach, origin=(reach - 1) // 2)
        plateau = minimum_filter1d(level, reach, origin=-(reach // 2))
        is_step = (
            is_slope_maximum & (slope > 0.2 * slope[inside].max()) & (plateau - baseline >= 0.6 * (level - baseline))
        )
        candidates = is_step if is_step.any() else inside
    coarse = float(grid[candidates][slope[candidates].argmax()])
    return _refined(axis, values, coarse, 1.5 * width)


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


def default_ranges(energy: ArrayLike, e0: float) -> tuple[Range, Range]:
    """Choose the ranges of the pre-edge and post-edge lines, in eV relative to E0, by the energy axis.

    Parameters
    ----------
    energy : array_like, shape (E,)
        Photon energies in eV, strictly increasing.
    e0 : float
        Energy of the edge in eV.

    Returns
    -------
    pre, post : tuple of float
        At most from 150 to 15 eV below E0, and from 30 to 200 eV above; closer to E0 where the axis is shorter, as at L
        edges. Each range has at least three points where the axis has them, else two.

    Raises
    ------
    ValueError
        If E0 lies outside the axis, or fewer than two points lie on one side of it.

    Examples
    --------
    >>> default_ranges(np.arange(8280.0, 8455.0, 5.0), 8343.0)
    ((-63.0, -15.0), (30.0, 107.0))
    """
    axis = checked_energy(energy, what="default_ranges")
    if not axis[0] < e0 < axis[-1]:
        raise ValueError(
            f"E0 = {e0:g} eV lies outside the energies {axis[0]:g} to {axis[-1]:g} eV; give e0 in this range, in eV"
        )
    below, above = axis[axis < e0] - e0, axis[axis > e0] - e0
    for points, side, name in ((below, "below", "pre"), (above, "above", "post")):
        if points.size < 2:
            raise ValueError(
                f"{points.size} of the energies {axis[0]:g} to {axis[-1]:g} eV lie {side} E0 = {e0:g} eV, but "
                f"the {name}-edge line needs at least 2: measure more points there, or give another e0"
            )
    pre = (max(float(below[0]), -150.0), -min(15.0, -0.35 * float(below[0])))
    post = (min(30.0, 0.65 * float(above[-1])), min(float(above[-1]), 200.0))
    if np.sum((below >= pre[0]) & (below <= pre[1])) < 3:
        pre = (float(below[0]), float(below[min(2, below.size - 2)]) if below.size > 2 else float(below[-1]))
    if np.sum((above >= post[0]) & (above <= post[1])) < 3:
        post = (float(above[-min(3, max(2, above.size - 1))]), float(above[-1]))
    return pre, post
