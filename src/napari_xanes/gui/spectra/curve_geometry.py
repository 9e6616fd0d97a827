"""Where curves lie in a plot. No Qt."""

from __future__ import annotations

import numpy as np

from napari_xanes.gui.curve import Curve
from napari_xanes.gui.pixels.spectra import Values


def span(curve: Curve) -> tuple[float, float] | None:
    """Return the lowest and highest finite value of a curve and its band; None without any."""
    spread = 0.0 if curve.spread is None else np.nan_to_num(curve.spread)
    low, high = curve.values - spread, curve.values + spread
    good = np.isfinite(low) & np.isfinite(high)
    return (float(low[good].min()), float(high[good].max())) if good.any() else None


def outline(curve: Curve) -> tuple[Values, Values]:
    """Return the outline of the band of a curve, with NaN between its parts where values are missing.

    Examples
    --------
    >>> x, y = outline(Curve("a", np.arange(3.0), np.array([1.0, np.nan, 2.0]), "region", spread=np.full(3, 0.5)))
    >>> y.tolist()
    [1.5, 0.5, nan, 2.5, 1.5, nan]
    """
    spread = np.zeros_like(curve.values) if curve.spread is None else curve.spread
    good = np.isfinite(curve.values) & np.isfinite(spread)
    ends = np.flatnonzero(np.diff(np.r_[0, good, 0]))
    x, y = [np.empty(0)], [np.empty(0)]
    for part in (slice(*pair) for pair in ends.reshape(-1, 2)):
        energy, values, width = curve.energy[part], curve.values[part], spread[part]
        x += [energy, energy[::-1], np.full(1, np.nan)]
        y += [values + width, (values - width)[::-1], np.full(1, np.nan)]
    return np.concatenate(x), np.concatenate(y)


def distance(curve: Curve, point: tuple[float, float], pixel: tuple[float, float], near: int) -> float:
    """Return the distance of a point from a curve in pixels; infinite if it is much farther than `near`.

    Parameters
    ----------
    curve : Curve
        The curve.
    point : tuple of float
        Energy in eV, and value.
    pixel : tuple of float
        Width and height of a pixel, in eV and in the unit of the values.
    near : int
        How far the curve is looked at to both sides, in pixels.

    Examples
    --------
    >>> line = Curve("a", np.array([0.0, 10.0]), np.array([0.0, 10.0]), "pin")
    >>> round(distance(line, (5.0, 6.0), (1.0, 1.0), 8), 2)
    0.71
    """
    x, y = (curve.energy - point[0]) / pixel[0], (curve.values - point[1]) / pixel[1]
    good = np.flatnonzero(np.isfinite(y))
    if good.size == 0:
        return float("inf")
    steps = np.linspace(-near, near, 4 * near + 1)
    return float(np.hypot(steps, np.interp(steps, x[good], y[good], np.inf, np.inf)).min())
