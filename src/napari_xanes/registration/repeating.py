"""Whether a sample repeats itself, as gratings and lattices do: then places a period away fit as well."""

from __future__ import annotations

import numpy as np
from scipy import fft, ndimage

from napari_xanes._typing import Float64Array
from napari_xanes.registration.fourier import Band, Coefficients, Window

_ALIKE = 0.8
"""Correlation of the sample with itself, moved, from which noise and a change of contrast may choose the wrong place
(found by simulation: textures, spots and grains stay below .6)."""

_LEAST_COMMON = 0.25
"""Share of the window's energy that both places must have in common."""

_CERTAIN = 5.0
"""Standard deviations of noise that the likeness must exceed."""

_REACH = 1 / 3
"""Share of the image within which frames are searched."""


def period_of(band: Band, data: Coefficients, window: Window) -> tuple[float, float] | None:
    """Return the shortest move (dy, dx) in pixels after which the sample looks like itself again, or its negative.

    Parameters
    ----------
    band : Band
        Frequencies of the coefficients.
    data : ndarray, complex64, shape (E, K)
        Coefficients of frames in units of their noise.
    window : Window
        What was looked at.

    Returns
    -------
    tuple of float or None
        None if the sample is like itself at one place only.
    """
    power = (data.real.astype(np.float64) ** 2 + data.imag**2).mean(axis=0) - 1  # that of noise is 1
    if power.sum() <= 0:
        return None
    alike, common = _autocorrelation(band, power, window)
    certain = alike * common * power.sum() > _CERTAIN * np.sqrt(power.size / len(data))
    groups = ndimage.label((alike > _ALIKE) & certain)[0]
    middle = np.array(alike.shape) // 2
    # What continues from the middle is the same place, less exactly.
    places = np.argwhere((groups > 0) & (groups != groups[tuple(middle)]))
    if not places.size:
        return None
    nearest = places[((places - middle) ** 2).sum(axis=1).argmin()]
    best = np.unravel_index(np.where(groups == groups[tuple(nearest)], alike, 0).argmax(), alike.shape)
    dy, dx = np.abs(np.array(best) - middle).tolist()
    return float(dy), float(dx)


def _autocorrelation(band: Band, power: Float64Array, window: Window) -> tuple[Float64Array, Float64Array]:
    """Return how much the sample is like itself at moves of up to a third of the image, none in the middle.

    Of both signs, because contrast may invert; and the share of the window's energy that both places have in common.
    """
    spectrum = np.zeros((band.shape[0], band.shape[1] // 2 + 1))
    spectrum[band.row, band.column] = power
    total = fft.fftshift(fft.irfft2(spectrum, s=band.shape))
    rows, columns = (_common(weights.astype(np.float64)) for weights in window.at(np.zeros(2), band.shape))
    middle = [n // 2 for n in band.shape]
    cut = tuple(slice(m - r, m + r + 1) for m, r in zip(middle, [int(_REACH * n) for n in band.shape], strict=True))
    common = np.outer(rows, columns)[cut]
    alike = np.abs(total[cut]) / (np.maximum(common, _LEAST_COMMON) * max(total[middle[0], middle[1]], 1e-30))
    return np.where(common > _LEAST_COMMON, alike, 0), common


def _common(weights: Float64Array) -> Float64Array:
    """Return the share of the energy of weights (N,) that they have in common with themselves at moves of N places."""
    both = fft.fftshift(fft.irfft(np.abs(fft.rfft(weights)) ** 2, n=weights.size))
    result: Float64Array = both / max(float(both.max()), 1e-30)
    return result
