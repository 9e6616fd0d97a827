"""Where curves lie in a plot. No Qt."""

from __future__ import annotations

import numpy as np

from napari_xanes.gui.curve import Curve


def span(curve: Curve) -> tuple[float, float] | None:
    """Return the lowest and highest finite value of a curve and its band; None without any."""
    spread = 0.0 if curve.spread is None else np.nan_to_num(curve.spread)
    low, high = curve.values - spread, curve.values + spread
    good = np.isfinite(low) & np.isfinite(high)
    return (float(low[good].min()), float(high[good].max())) if good.any() else None


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
