"""The spectra of a library at the energies of a measurement, at all shifts that are tried, in few dimensions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from napari_xanes._typing import Float32Array, Float64Array
from napari_xanes.spectrum import Spectrum

STEP = 0.3
"""Distance in eV of the shifts that are tried; between them, a parabola and a linear fit find the best."""

_MOST_SHIFTS = 41

_LOST = 1e-8
"""Share of the squares of the library that its few dimensions may lack."""

_MOST_DIMENSIONS = 48


@dataclass(frozen=True, eq=False)
class Columns:
    """A library of N spectra at E energies, moved by S shifts.

    Parameters
    ----------
    spectra : list of N Spectrum
    energy : ndarray, shape (E,)
        In eV.
    shifts : ndarray, shape (S,)
        By which the measured energies may lie above those of the library, in eV; evenly spaced.
    values : ndarray, shape (S, N, E)
        float32.
    """

    spectra: list[Spectrum]
    energy: Float64Array
    shifts: Float64Array
    values: Float32Array

    @property
    def names(self) -> list[str]:
        """Names of the spectra."""
        return [spectrum.name for spectrum in self.spectra]

    @classmethod
    def of(cls, spectra: Sequence[Spectrum], energy: Float64Array, shift: float) -> Columns:
        """Return the columns of spectra that cover the energies at all shifts up to `shift`, in eV."""
        n = min(2 * int(np.ceil(shift / STEP)) + 1, _MOST_SHIFTS)
        shifts = np.linspace(-shift, shift, max(n, 3)) if shift > 0 else np.zeros(1)
        wanted = energy[None, :] - shifts[:, None]
        values = np.empty((shifts.size, len(spectra), energy.size), np.float32)
        for i, spectrum in enumerate(spectra):
            values[:, i] = np.interp(wanted, spectrum.energy, spectrum.mu)
        return cls(list(spectra), energy, shifts, values)

    def at(self, rows: Sequence[int], shift: float) -> Float64Array:
        """Return some of the spectra (E, K) at a shift in eV."""
        some = [self.spectra[row] for row in rows]
        return np.array([np.interp(self.energy - shift, s.energy, s.mu) for s in some]).T

    def slope(self, rows: Sequence[int], shift: float) -> Float64Array:
        """Return the change of some of the spectra (E, K) per eV of shift."""
        if self.shifts.size == 1:
            return np.zeros((self.energy.size, len(rows)))
        step = self.shifts[1] - self.shifts[0]
        low, high = (float(np.clip(shift + d, self.shifts[0], self.shifts[-1])) for d in (-step, step))
        result: Float64Array = (self.at(rows, high) - self.at(rows, low)) / (high - low)
        return result

    def projected(self, spectrum: Float64Array, background: Float64Array, sigma: Float64Array) -> Projected:
        """Return spectrum and library without backgrounds, in units of the noise and in few dimensions.

        Parameters
        ----------
        spectrum : ndarray, shape (E,)
        background : ndarray, shape (E, F)
            Columns that may be added to each fit.
        sigma : ndarray, shape (E,)
            Standard deviation of the noise.
        """
        white = np.linalg.qr(background / sigma[:, None])[0] if background.size else background
        left = np.eye(len(sigma)) - white @ white.T
        measured = left @ (spectrum / sigma)
        to_white = (left / sigma).astype(np.float32)
        flat = self.values.reshape(-1, len(sigma)) @ to_white.T
        powers, vectors = np.linalg.eigh((flat.T @ flat).astype(np.float64))
        missing = np.cumsum(np.maximum(powers, 0)) / max(powers[powers > 0].sum(), np.finfo(float).tiny)
        n = int(np.clip(np.count_nonzero(missing > _LOST), 1, min(_MOST_DIMENSIONS, len(sigma))))
        basis = vectors[:, -n:]
        values = (flat @ basis.astype(np.float32)).reshape(*self.values.shape[:2], n)
        target = basis.T @ measured
        return Projected(values.astype(np.float64), target, float(measured @ measured - target @ target))


@dataclass(frozen=True, eq=False)
class Projected:
    """Columns (S, N, D) and a spectrum (D,) in few dimensions, and the sum of squares that lies outside of them."""

    values: Float64Array
    target: Float64Array
    outside: float

    @property
    def total(self) -> float:
        """Sum of squares of the spectrum beside backgrounds, in units of the noise."""
        return float(self.target @ self.target) + self.outside
