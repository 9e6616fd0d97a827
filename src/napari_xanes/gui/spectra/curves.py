"""Curves of the Spectra dock, and the text that describes a pixel. No Qt."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from napari.layers import Layer

from napari_xanes.gui.pixels.spectra import Values
from napari_xanes.gui.wording import with_error

QUANTITY_LABELS = {
    "counts": "counts",
    "transmission": "transmission",
    "optical_depth": "optical depth (OD)",
    "fluorescence": "fluorescence (a.u.)",
    "normalized": "normalized absorption",
    "scaled": "scaled absorption",
    "derivative": "slope (1/eV)",
    "reference": "absorption (a.u.)",
}
"""Axis label of each quantity."""


ABSORPTION = ("optical_depth", "fluorescence", "normalized", "scaled")
"""Quantities that increase at an edge and can be compared with references."""


def scale_onto(energy: Values, mu: Values, target_energy: Values, target: Values) -> Values | None:
    """Scale and shift a reference onto a measured spectrum (least squares).

    Return None if the spectra share fewer than three energies. The factor is never negative: a reference that does not
    resemble the measured spectrum becomes flat.
    """
    interpolated = np.interp(target_energy, energy, mu, np.nan, np.nan)
    common = np.isfinite(interpolated) & np.isfinite(target)
    if common.sum() < 3:
        return None
    x, y = interpolated[common], target[common]
    variance = x.var()
    slope = max(((x - x.mean()) * (y - y.mean())).mean() / variance, 0.0) if variance > 0 else 0.0
    scaled: Values = slope * (mu - x.mean()) + y.mean()
    return scaled


def asking(*, stack: bool, flat: bool) -> str:
    """Return what to do to see a spectrum: whether there is a stack, and whether the view is flat."""
    if not stack:
        return "References only: drop a stack here to compare it with them"
    return "Move the cursor over the image to see spectra" if flat else "The 3D view shows no spectra: switch to 2D"


def readout(layer: Layer, index: tuple[int, ...], energy: float, value: float, sigma: float, quantity: str) -> str:
    """Return the text under the plot: position of the cursor, photon energy, and value ± sigma of a quantity."""
    return f"{_position(layer, index, 4)} · {energy:.1f} eV · {with_unit(value, quantity, sigma)}"


def place_in_words(layer: Layer, index: tuple[int, ...], box: int) -> str:
    """Return where a box around a pixel is, so that its pixel can be told also in a large image."""
    mean = f", mean of {box} x {box} px" if box > 1 else ""
    return f"{_position(layer, index, 7)}{mean}"


def _position(layer: Layer, index: tuple[int, ...], digits: int) -> str:
    """Return the place of a pixel in µm, or in pixels where their size is not known."""
    axes = ("z", "y", "x")[-len(index) :]
    size = layer.metadata["xanes"].get("pixel_size_um")
    places = [i * s for i, s in zip(index, size, strict=True)] if size else list(index)
    position = " ".join(f"{axis} {place:.{digits}g}" for axis, place in reversed(list(zip(axes, places, strict=True))))
    return f"{position} {'µm' if size else 'px'}"


def with_unit(value: float, quantity: str, sigma: float = np.nan) -> str:
    """Return a value with the unit of its quantity, and with its standard error where that is known.

    Examples
    --------
    >>> with_unit(0.002413, "optical_depth"), with_unit(0.002413, "optical_depth", 0.0371)
    ('OD 0.002413', 'OD 0.002 ± 0.037')
    """
    large = 1e4 <= abs(value) < 1e9  # would be 2.298e+04
    if not np.isfinite(value):
        number = "no value"
    else:
        number = f"{value:.0f}" if large and not sigma > 0 else with_error(value, sigma, "1")
    if quantity == "optical_depth":
        return f"OD {number}"
    if quantity == "counts":
        return f"{number} counts"
    return f"{quantity.replace('_', ' ')} {number}"
