"""Curves of the Spectra dock, and the text that describes a pixel. No Qt."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from napari.layers import Layer

from napari_xanes.gui.pixels.spectra import Values

QUANTITY_LABELS = {
    "counts": "counts",
    "transmission": "transmission",
    "optical_depth": "optical depth (OD)",
    "fluorescence": "fluorescence (a.u.)",
    "normalized": "normalized absorption",
}
"""Axis label of each quantity."""


ABSORPTION = ("optical_depth", "fluorescence", "normalized")
"""Quantities that rise at an edge, as references do."""


@dataclass(frozen=True, eq=False)
class Curve:
    """A spectrum as the plot and the exports show it.

    Parameters
    ----------
    name : str
        Name for legends and columns.
    energy, values : array, shape (E,)
        Photon energies in eV and what is shown at them.
    kind : str
        ``cursor``, ``region``, ``pin``, ``reference`` or ``fit``.
    colour : str
        As ``#rrggbb``; empty for the theme's own.
    spread : array, shape (E,), optional
        Standard deviation between the pixels of a region.
    """

    name: str
    energy: Values
    values: Values
    kind: str
    colour: str = ""
    spread: Values | None = None


def scale_onto(energy: Values, mu: Values, target_energy: Values, target: Values) -> Values | None:
    """A reference, scaled and shifted so that it lies over a measured spectrum (least squares).

    None if they share fewer than three energies. A reference that would have to be turned upside down is made flat,
    since it looks like nothing in the measured spectrum.
    """
    interpolated = np.interp(target_energy, energy, mu, np.nan, np.nan)
    common = np.isfinite(interpolated) & np.isfinite(target)
    if common.sum() < 3:
        return None
    x, y = interpolated[common], target[common]
    variance = x.var()
    slope = max(((x - x.mean()) * (y - y.mean())).mean() / variance, 0.0) if variance > 0 else 0.0
    return slope * (mu - x.mean()) + y.mean()


def readout(layer: Layer, index: tuple[int, ...], energy: float, value: float) -> str:
    """The line under the plot: where the cursor is, and what is there."""
    xanes = layer.metadata["xanes"]
    axes = ("z", "y", "x")[-len(index) :]
    size = xanes.get("pixel_size_um")
    places = [i * s for i, s in zip(index, size, strict=True)] if size else list(index)
    where = " ".join(f"{axis} {place:.4g}" for axis, place in reversed(list(zip(axes, places, strict=True))))
    return f"{where} {'µm' if size else 'px'} · {energy:.1f} eV · {with_unit(value, xanes)}"


def place(layer: Any, index: tuple[int, ...]) -> str:
    """Where a pixel is, in pixels and, if their size is known, in µm."""
    in_pixels = ", ".join(str(i) for i in reversed(index))
    size = layer.metadata["xanes"].get("pixel_size_um")
    if not size:
        return f"({in_pixels}) px"
    lengths = ", ".join(f"{i * s:.4g}" for i, s in reversed(list(zip(index, size, strict=True))))
    return f"({in_pixels}) px · ({lengths}) µm"


def with_unit(value: float, xanes: Any) -> str:
    """A value with the quantity's unit, as people say it."""
    large = 1e4 <= abs(value) < 1e9  # would be 2.298e+04
    number = "no value" if not np.isfinite(value) else f"{value:.0f}" if large else f"{value:.4g}"
    quantity = xanes["quantity"]
    if quantity == "optical_depth":
        return f"OD {number}"
    if quantity == "counts":
        return f"{number} counts"
    return f"{quantity.replace('_', ' ')} {number}"
