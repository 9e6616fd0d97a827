"""Fourier transforms of maps on bins, padded so that opposite edges do not influence each other."""

from __future__ import annotations

import numpy as np

from napari_xanes._typing import Float32Array, Float64Array
from napari_xanes.denoising.binning import BIN

_MARGIN = 10  # bins
_MAX_FREQUENCY = 0.07  # cycles per pixel: finer patterns can't be told from noise
_FIRST_FREQUENCY = 0.03  # cycles per pixel: half power before the power is measured
_RINGS = 40


class FourierGrid:
    """Frequencies of a padded map.

    ``size`` and ``padded`` are the shapes of the map; ``frequency`` (fy, fx) is in cycles per pixel, as rfft2 orders
    it; ``multiplicity`` (fy, fx) counts the coefficients that each stored one stands for.
    """

    def __init__(self, size: tuple[int, ...]) -> None:
        self.size = size
        self.padded = (size[0] + _MARGIN, size[1] + _MARGIN)
        self.n_padded = self.padded[0] * self.padded[1]
        fy, fx = (np.fft.fftfreq(self.padded[0], BIN), np.fft.rfftfreq(self.padded[1], BIN))
        self.frequency = np.hypot(fy[:, None], fx)
        self.multiplicity = np.full(self.frequency.shape, 2.0)  # rfft2 keeps one of each pair
        self.multiplicity[:, 0] = 1
        if self.padded[1] % 2 == 0:
            self.multiplicity[:, -1] = 1
        self.rings = np.minimum((self.frequency * 2 * BIN * _RINGS).astype(int), _RINGS - 1)
        self._low_pass: Float64Array = 1 / (1 + (self.frequency / _MAX_FREQUENCY) ** 12)

    def initial_power(self, variance: float) -> Float64Array:
        """Return the power spectrum of a smooth map of a given variance, before any is measured."""
        shape = self._low_pass / (1 + (self.frequency / _FIRST_FREQUENCY) ** 2)
        power: Float64Array = variance * shape * self.n_padded / (shape * self.multiplicity).sum()
        return power

    def filtered(self, maps: Float32Array, transfer: Float32Array) -> Float32Array:
        """Multiply the Fourier transforms of padded maps (N, y, x) with a transfer function (N, fy, fx)."""
        from scipy.fft import irfft2, rfft2

        result: Float32Array = irfft2(rfft2(maps, workers=-1) * transfer, s=self.padded, workers=-1)
        return result

    def power(self, maps: Float32Array) -> Float64Array:
        """Return the power of padded maps (N, y, x) at each frequency, (N, fy, fx)."""
        from scipy.fft import rfft2

        power: Float64Array = np.abs(rfft2(maps, workers=-1)) ** 2 / self.n_padded
        return power

    def radial_mean(self, power: Float64Array) -> Float64Array:
        """Return power (fy, fx) averaged over rings and smoothed, without the frequencies of noise."""
        from scipy.ndimage import gaussian_filter1d

        rings = self.rings.ravel()
        count = np.maximum(np.bincount(rings, self.multiplicity.ravel(), _RINGS), 1e-9)
        radial = np.bincount(rings, (power * self.multiplicity).ravel(), _RINGS) / count
        smooth: Float64Array = gaussian_filter1d(radial, 0.6, mode="nearest")[self.rings] * self._low_pass + 1e-12
        return smooth

    def pad(self, maps: Float32Array) -> Float32Array:
        """Pad maps (N, y, x) with zeros."""
        padded = np.zeros((len(maps), *self.padded), np.float32)
        padded[:, : self.size[0], : self.size[1]] = maps
        return padded

    def crop(self, maps: Float32Array) -> Float32Array:
        """Cut the padding off."""
        return maps[:, : self.size[0], : self.size[1]]
