"""Whether values along the energy show an absorption edge: its rise over the scatter."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

SHOWS_AN_EDGE = 4.0
"""Rises above this many scatters are edges: the largest of pure noise and of smooth curves is about 2."""

_POINTS = 12
_PLACES = 120
_WIDTHS = (3.0, 30.0)
"""Narrowest and widest window on each side of an edge, in eV."""


def edge_contrast(energy: NDArray[np.float64], values: NDArray[np.float64]) -> float:
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
    good = np.isfinite(values)
    if good.sum() < _POINTS:
        return 0.0
    order = np.argsort(energy[good], kind="stable")
    x, y = energy[good][order], values[good][order]
    y = y / max(float(np.abs(y).max()), 1e-300)
    width = float(np.clip((x[-1] - x[0]) / 20, *_WIDTHS))
    # Whole windows only: half a window at the ends would see another slope.
    places = np.linspace(x[0] + width, x[-1] - width, _PLACES)
    low, middle, high = (np.searchsorted(x, places + shift) for shift in (-width, 0.0, width))
    usable = (middle - low >= 2) & (high - middle >= 2)
    if usable.sum() < _POINTS:
        return 0.0
    low, middle, high = low[usable], middle[usable], high[usable]
    # Rise per distance: points are denser near the edge, so the means of windows lie at uneven distances.
    sums = np.zeros((2, x.size + 1))
    np.cumsum([x - x[0], y - y[0]], axis=1, out=sums[:, 1:])
    above = (sums[:, high] - sums[:, middle]) / (high - middle)
    below = (sums[:, middle] - sums[:, low]) / (middle - low)
    distance = above[0] - below[0]
    rises = (above[1] - below[1]) * width / distance
    slope = float(np.median(rises))
    noise = 1.4826 * float(np.median(np.abs(rises - slope)))
    point_noise = 1.4826 * float(np.median(np.abs(np.diff(y, 2)))) / np.sqrt(6.0)
    error = point_noise * np.sqrt(1 / (high - middle) + 1 / (middle - low)) * width / distance
    return float(((rises - slope) / (noise + error + 1e-9)).max())
