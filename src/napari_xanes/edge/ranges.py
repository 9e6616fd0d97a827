"""The ranges of the lines before and after an edge, and other edges that they must not hold."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from napari_xanes._typing import BoolArray, Float64Array
from napari_xanes.spectrum import checked_energy

Range = tuple[float, float]

HARD = 2000.0
"""Above this energy, in eV, edges are steps with a white line on top; below, they are lines over a small step."""

_PASSED = 6.0
"""An edge that follows closely (L2 after L3) has passed this far behind it, in eV."""

_CLOSE = 60.0
"""An element's next edge within this distance, in eV, belongs to the same step; the line must lie behind it."""

_BEFORE, _BEHIND = 10.0, 30.0
"""A range ends so far before another edge, and begins so far behind it, in eV."""


def default_ranges(
    energy: ArrayLike, e0: float, own: Sequence[float] = (), others: Sequence[float] = (), *, whole: bool = False
) -> tuple[Range, Range]:
    """Choose the ranges of the pre-edge and post-edge lines, in eV relative to E0.

    Parameters
    ----------
    energy : array_like, shape (E,)
        Photon energies in eV, strictly increasing.
    e0 : float
        Energy of the edge in eV.
    own : sequence of float
        Distances of the element's later edges above E0, in eV. The post-edge range begins behind those that are close,
        as L2 is to L3, and ends before those that are not.
    others : sequence of float
        Distances of other edges from E0, in eV, negative below it. No range reaches over them.
    whole : bool
        Use all energies outside of the edge, not 150 eV below it and 200 eV above it at most.

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
    >>> default_ranges(np.arange(7050.0, 7350.0, 5.0), 7120.0, others=[123.0])[1]
    (30.0, 110.0)
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
    start = _start_of_pre(below, others)
    below = below[below >= start]
    passed, end = _limits_of_post(above, own, others)
    above = above[above <= end]
    longest = (np.inf, np.inf) if whole else (150.0, 200.0)
    return _pre_range(below, longest[0]), _post_range(above, passed, longest[1], soft=e0 < HARD)


def start_behind(own: Sequence[float]) -> float:
    """Return where an element's edges have passed that follow closely, in eV above E0; 0 if there are none."""
    return max((edge + _PASSED for edge in own if edge < _CLOSE), default=0.0)


def _start_of_pre(below: Float64Array, others: Sequence[float]) -> float:
    """Return where the pre-edge may start, behind the last edge before E0 if two points remain."""
    nearest = max((edge for edge in others if edge < 0), default=-np.inf)
    for behind in (_BEHIND, _BEHIND / 2):
        if np.sum(below >= nearest + behind) >= 2:
            return nearest + behind
    return float(below[0])


def _limits_of_post(above: Float64Array, own: Sequence[float], others: Sequence[float]) -> tuple[float, float]:
    """Return where the last close edge of the element has passed (0 without one), and where the next edge begins."""
    passed = start_behind(own)
    ends = [edge - _BEFORE for edge in (*own, *others) if edge >= _CLOSE or (edge > 0 and edge in others)]
    ends = [end for end in ends if np.sum(above <= end) >= 2 and end > passed]
    return passed, min(ends, default=float(above[-1]))


def _pre_range(below: Float64Array, longest: float) -> Range:
    low, high = max(float(below[0]), -longest), -min(15.0, -0.35 * float(below[0]))
    if np.sum((below >= low) & (below <= high)) < 3:
        return float(below[0]), float(below[min(2, below.size - 2)]) if below.size > 2 else float(below[-1])
    return low, high


def _post_range(above: Float64Array, passed: float, longest: float, *, soft: bool) -> Range:
    """Return the post-edge range; on a short axis it begins nearer to E0, so that it holds more of an oscillation."""
    last = float(above[-1])
    start = min(30.0, 0.65 * last) if soft else min(float(np.clip(last - 50, 15, 30)), 0.5 * last)
    low, high = max(start, passed), min(last, longest)
    if np.sum((above >= low) & (above <= high)) < 3:
        return float(above[-min(3, max(2, above.size - 1))]), last
    return low, high


def is_left_out(energy: Float64Array, left_out: Sequence[float]) -> BoolArray:
    """Return which energies (E,) are among those that are left out, to 1e-6 eV."""
    distances = np.abs(np.subtract.outer(energy, np.asarray(left_out, dtype=np.float64)))
    result: BoolArray = np.any(distances <= 1e-6, axis=1)
    return result
