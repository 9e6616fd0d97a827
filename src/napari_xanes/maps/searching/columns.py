"""The spectra of a library at the energies of a measurement, at all shifts that are tried, in few dimensions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from napari_xanes._typing import Float32Array, Float64Array, IndexArray
from napari_xanes.spectrum import Spectrum

STEP = 0.5
"""Distance in eV of the shifts that are tried; what lies between them, the derivative of the spectrum describes."""

_SLOPE = 0.25
"""Slopes are differences over so many eV to both sides."""

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

    def at(self, rows: IndexArray, shifts: Float64Array) -> tuple[Float64Array, Float64Array]:
        """Return spectra (M, E), each at its own shift (M,) in eV, and their changes (M, E) per eV of shift.

        If there is only one shift, none changes.
        """
        moves = np.array([0.0] if self.shifts.size == 1 else [0.0, -_SLOPE, _SLOPE])
        wanted = np.clip(shifts[:, None] + moves, self.shifts[0], self.shifts[-1])
        axes = self.energy - wanted[..., None]
        values = np.empty(axes.shape)
        for row in np.unique(rows).tolist():
            same = rows == row
            values[same] = np.interp(axes[same], self.spectra[row].energy, self.spectra[row].mu)
        if self.shifts.size == 1:
            return values[:, 0], np.zeros_like(values[:, 0])
        return values[:, 0], (values[:, 2] - values[:, 1]) / (wanted[:, 2] - wanted[:, 1])[:, None]

    @cached_property
    def moments(self) -> tuple[Float64Array, Float64Array]:
        """Mean products (E, E) of the values at two energies, and of the slope at one and the value at another."""
        n = self.energy.size
        flat = self.values.reshape(-1, n)
        values = (flat.T @ flat).astype(np.float64) / len(flat)
        if self.shifts.size < 3:
            return values, np.zeros_like(values)
        inner = self.values[1:-1].reshape(-1, n)
        ahead, behind = self.values[2:].reshape(-1, n).T @ inner, self.values[:-2].reshape(-1, n).T @ inner
        slopes = (ahead - behind).astype(np.float64) / (len(inner) * 2 * (self.shifts[1] - self.shifts[0]))
        return values, slopes

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
        left = without(background / sigma[:, None]) / sigma
        moments, slopes = (left @ part @ left.T for part in self.moments)
        measured = left @ spectrum
        change = _derivative(measured, moments, slopes)[:, None]
        if change.any():
            # A sum of spectra at a shift nearby differs by its derivative, which all combinations that fit share.
            left = without(change) @ left
            moments, measured = without(change) @ moments @ without(change), left @ spectrum
        powers, vectors = np.linalg.eigh(moments)
        missing = np.cumsum(np.maximum(powers, 0)) / max(powers[powers > 0].sum(), np.finfo(float).tiny)
        n = int(np.clip(np.count_nonzero(missing > _LOST), 1, min(_MOST_DIMENSIONS, len(sigma))))
        basis = vectors[:, -n:]
        flat = self.values.reshape(-1, len(sigma)) @ (left.T @ basis).astype(np.float32)
        target = basis.T @ measured
        outside = max(float(measured @ measured - target @ target), 0.0)
        return Projected(flat.reshape(*self.values.shape[:2], n), target, outside)


def without(columns: Float64Array) -> Float64Array:
    """Return the projection (E, E) that takes columns (E, F) out of spectra."""
    if not columns.size:
        return np.eye(len(columns))
    basis = np.linalg.qr(columns)[0]
    result: Float64Array = np.eye(len(columns)) - basis @ basis.T
    return result


def _derivative(measured: Float64Array, moments: Float64Array, slopes: Float64Array) -> Float64Array:
    """Return the change of a spectrum per eV of shift as its values and the library tell it (Wiener's filter).

    The noise is 1, or what neighbouring energies differ by beside smooth curves, if that is less.
    """
    bends = measured[:-2] - 2 * measured[1:-1] + measured[2:]
    size = float(measured @ measured) / max(float(np.trace(moments)), np.finfo(float).tiny)
    noise = min(1.0, float(bends @ bends) / bends.size / 6) + 1e-9 * float(measured @ measured) / measured.size
    filtered = np.linalg.solve(size * moments + noise * np.eye(measured.size), size * measured)
    result: Float64Array = slopes @ filtered
    return result


@dataclass(frozen=True, eq=False)
class Projected:
    """Columns (S, N, D), float32, and a spectrum (D,) in few dimensions, and the sum of squares outside of them.

    Backgrounds and the derivative of the spectrum are taken out of both.
    """

    values: Float32Array
    target: Float64Array
    outside: float

    @property
    def total(self) -> float:
        """Sum of squares of the spectrum, in units of the noise."""
        return float(self.target @ self.target) + self.outside
