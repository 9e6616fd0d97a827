"""Simulated measurements of a Ni K edge."""

from __future__ import annotations

import numpy as np

from napari_xanes import Spectrum
from napari_xanes.theory import Library

ENERGY = np.concatenate([np.arange(8308, 8330, 4.0), np.arange(8330, 8370, 1.0), np.arange(8370, 8400, 4.0)])
SHIFT, WIDTH = 1.3, 2.0
NIO, LNO, NI4 = 0, 2, 5


def measured(library: Library, row: int, name: str | None = None, valence: float | None = None) -> Spectrum:
    """Return a member as measured at a beamline: shifted, broadened, scaled by the thickness, with a background."""
    axis = np.arange(8302, 8402, 0.5)
    mu = 1.7 * library.at(axis, broadening=WIDTH, shift=SHIFT, rows=[row])[0] + 0.4 - 0.002 * (axis - 8350)
    return Spectrum(library.species[row] if name is None else name, axis, mu, valence)
