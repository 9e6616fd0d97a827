"""Fourier transforms of maps on bins, padded so that opposite edges do not influence each other."""

from __future__ import annotations

import numpy as np

from napari_xanes import limits
from napari_xanes._typing import Complex64Array, Float32Array, Float64Array
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

    def waves(self, maps: Float32Array) -> Complex64Array:
        """Return the Fourier transforms (N, fy, fx) of maps (N, y, x), padded with zeros."""
        from scipy.fft import rfft2

        result: Complex64Array = rfft2(maps, s=self.padded, workers=limits.threads())
        return result

    def maps(self, waves: Complex64Array) -> Float32Array:
        """Return the maps (N, y, x) of Fourier transforms (N, fy, fx), without the padding."""
        from scipy.fft import irfft2

        result: Float32Array = irfft2(waves, s=self.padded, workers=limits.threads())
        return result[:, : self.size[0], : self.size[1]]

    def product(self, first: Complex64Array, second: Complex64Array) -> float:
        """Return the scalar product of two sets of maps, from their Fourier transforms (N, fy, fx)."""
        total = 2 * np.vdot(first, second).real
        for column in (0, -1)[: 2 - self.padded[1] % 2]:  # which have no second one that was left out
            total -= np.vdot(first[..., column], second[..., column]).real
        return float(total) / self.n_padded

    def power(self, waves: Complex64Array) -> Float32Array:
        """Return the power at each frequency, (N, fy, fx)."""
        return np.asarray((np.square(waves.real) + np.square(waves.imag)) / self.n_padded, np.float32)

    def radial_mean(self, power: Float32Array | Float64Array) -> Float64Array:
        """Return power (fy, fx) averaged over rings and smoothed, without the frequencies of noise."""
        from scipy.ndimage import gaussian_filter1d

        rings = self.rings.ravel()
        count = np.maximum(np.bincount(rings, self.multiplicity.ravel(), _RINGS), 1e-9)
        radial = np.bincount(rings, (power * self.multiplicity).ravel(), _RINGS) / count
        smooth: Float64Array = gaussian_filter1d(radial, 0.6, mode="nearest")[self.rings] * self._low_pass + 1e-12
        return smooth
