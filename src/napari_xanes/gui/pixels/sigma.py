"""The errors of the spectrum of a pixel that come from noise. No Qt."""

from __future__ import annotations

import numpy as np

from napari_xanes.gui.pixels.spectra import Values, in_memory
from napari_xanes.noise import AmountNoise, Noise


def sigma_of_pixel(noise: Noise, spectrum: Values, index: tuple[int, ...]) -> Values | None:
    """Return the standard errors of a pixel's values, each for itself, with the noise of flats that energies share.

    Parameters
    ----------
    noise : Noise
        Error model of the stack.
    spectrum : ndarray, shape (E,)
        The values of the pixel.
    index : tuple of int
        The pixel, (y, x) or (z, y, x).

    Returns
    -------
    ndarray, shape (E,), or None
        None if the noise is not in memory: reading it would stop the cursor.
    """
    if not in_memory(noise.factors if isinstance(noise, AmountNoise) else noise.i0):
        return None
    own, pixel = noise.isel(box=tuple(slice(i, i + 1) for i in index)), slice(0, 1)
    if isinstance(own, AmountNoise):
        return np.asarray(own.sigma(pixel)[:, 0], dtype=np.float64)
    with np.errstate(all="ignore"):
        variance = own.variance(spectrum[:, np.newaxis], pixel)[:, 0]
        if own.flats is not None and np.shape(own.flats)[1] == 1:
            # The variance leaves out what moves a whole spectrum; a single value has this error, too.
            variance = variance + own.sources(np.eye(spectrum.size), pixel)[:, 0, 0] ** 2
        return np.sqrt(variance, dtype=np.float64)
