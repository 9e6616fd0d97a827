"""Whether values along the energy show an absorption edge: its rise over the scatter."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]

SHOWS_AN_EDGE = 4.0
"""Rises above this many scatters are edges: the largest of pure noise and of smooth curves is about 2."""

_POINTS = 12
_PLACES = 120
_WIDTHS = (3.0, 30.0)
"""Narrowest and widest window on each side of an edge, in eV."""


def edge_contrast(energy: Values, values: Values) -> float:
    """Return how far the steepest rise stands out of the scatter; 0 with too few points to tell.

    At each place along the energy the mean of a window above it is compared with the mean of a window below it. The
    median of these differences is the slope of the background, their median deviation the scatter.

    Parameters
    ----------
    energy : array, shape (rows,)
        eV, in any order.
    values : array, shape (rows,)
        NaN is left out.

    Examples
    --------
    >>> energy = np.arange(7000.0, 7300.0)
    >>> edge_contrast(energy, np.arctan((energy - 7112) / 2)) > SHOWS_AN_EDGE
    True
    >>> edge_contrast(energy, 1 - 1e-3 * energy) > SHOWS_AN_EDGE
    False
    """
    return edge_contrasts(energy, [values])[0]


def edge_contrasts(energy: Values, signals: Sequence[Values]) -> list[float]:
    """Return the contrast of several signals on one energy axis, as `edge_contrast` does of one."""
    windows: dict[bytes, _Windows | None] = {}
    contrasts = []
    for values in signals:
        good = np.isfinite(values)
        key = good.tobytes()
        if key not in windows:
            windows[key] = _windows(energy, good)
        found = windows[key]
        contrasts.append(0.0 if found is None else _contrast(found, values))
    return contrasts


@dataclass(frozen=True)
class _Windows:
    """Places along the sorted energies, with the points of the windows below and above each."""

    order: NDArray[np.intp]
    width: float
    low: NDArray[np.intp]
    middle: NDArray[np.intp]
    high: NDArray[np.intp]
    distance: Values


def _windows(energy: Values, good: NDArray[np.bool_]) -> _Windows | None:
    """Lay windows over the points that have values; None if there are too few."""
    order = np.flatnonzero(good)
    if order.size < _POINTS:
        return None
    order = order[np.argsort(energy[order], kind="stable")]
    x = energy[order]
    width = float(np.clip((x[-1] - x[0]) / 20, *_WIDTHS))
    # Whole windows only: half a window at the ends would see another slope.
    places = np.linspace(x[0] + width, x[-1] - width, _PLACES)
    low, middle, high = (np.searchsorted(x, places + shift) for shift in (-width, 0.0, width))
    usable = (middle - low >= 2) & (high - middle >= 2)
    if usable.sum() < _POINTS:
        return None
    low, middle, high = low[usable], middle[usable], high[usable]
    sums = _sums(x)
    # Points are denser near the edge, so the means of windows lie at uneven distances.
    return _Windows(order, width, low, middle, high, _rise(sums, low, middle, high))


def _contrast(windows: _Windows, values: Values) -> float:
    y = values[windows.order]
    y = y / max(float(np.abs(y).max()), 1e-300)
    low, middle, high, distance = windows.low, windows.middle, windows.high, windows.distance
    rises = _rise(_sums(y), low, middle, high) * windows.width / distance
    slope = _median(rises)
    noise = 1.4826 * _median(np.abs(rises - slope))
    point_noise = 1.4826 * _median(np.abs(np.diff(y, 2))) / np.sqrt(6.0)
    error = point_noise * np.sqrt(1 / (high - middle) + 1 / (middle - low)) * windows.width / distance
    return float(((rises - slope) / (noise + error + 1e-9)).max())


def _sums(values: Values) -> Values:
    return np.concatenate(([0.0], np.cumsum(values - values[0])))


def _rise(sums: Values, low: NDArray[np.intp], middle: NDArray[np.intp], high: NDArray[np.intp]) -> Values:
    """Mean of the window above each place minus that of the window below."""
    return (sums[high] - sums[middle]) / (high - middle) - (sums[middle] - sums[low]) / (middle - low)


def _median(values: Values) -> float:
    """The median without the cost of `numpy.median`, which is most of the time for a hundred values."""
    ordered = np.sort(values)
    return float(ordered[(ordered.size - 1) // 2] + ordered[ordered.size // 2]) / 2
