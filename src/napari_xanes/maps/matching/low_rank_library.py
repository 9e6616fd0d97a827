"""A library in low-rank form: each member is a weighted sum of a few component spectra.

Broadening, shifting and resampling are linear. They are applied to the few components instead of to all members.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from napari_xanes._typing import Float32Array, Float64Array, IndexArray
from napari_xanes.theory.library.conventions import AXIS_STEP
from napari_xanes.theory.library.model import Library

_TRUNCATION = 1e-4
"""Largest root mean square error of the low-rank form, in units of the library's highest value."""

_FWHM = 2 * np.sqrt(2 * np.log(2))

_MAX_UNCOMPRESSED = 300
"""A library of at most this many members is not compressed: its members are the components."""

_RAMP = 64
"""Least number of points of the ramp from the end of a spectrum back to its beginning, for a shift by Fourier
transform."""


@dataclass(frozen=True)
class LowRankLibrary:
    """A library whose members are ``weights @ components``.

    Parameters
    ----------
    weights : ndarray, shape (M, R)
        Weights of the R components in each of the M members.
    components : Library
        The R component spectra. They have one common energy offset.
    """

    weights: Float32Array
    components: Library

    def members(self, rows: IndexArray) -> LowRankLibrary:
        """Return the low-rank form of some members; fewer members than components become components themselves."""
        weights = self.weights[rows]
        if rows.size >= len(self.components):
            return LowRankLibrary(weights, self.components)
        spectra = weights @ self.components.spectra
        table = {name: column[: rows.size] for name, column in self.components.table.items()}
        return LowRankLibrary(
            np.eye(rows.size, dtype=np.float32), replace(self.components, spectra=spectra, table=table)
        )

    def at(self, energy: Float64Array, shifts: Float64Array, *, broadening: float, offset: float) -> Float32Array:
        """Return the components at some photon energies, for several shifts.

        Parameters
        ----------
        energy : ndarray, shape (E,)
            Photon energies in eV.
        shifts : ndarray, shape (S,)
            Shifts in eV, added to `offset`. They must be multiples of the library's energy step.
        broadening : float
            Full width in eV of the Gaussian that the components are convolved with.
        offset : float
            Common shift to higher energies, in eV.

        Returns
        -------
        ndarray, shape (S, R, E)
            Beyond the library's energies the first or last value is repeated.
        """
        axis, steps = self.components.energy, np.rint(shifts / AXIS_STEP).astype(np.intp)
        position = (energy - offset - self.components.table["offset"][0] - axis[0]) / AXIS_STEP
        reach = int(np.ceil(4 * max(broadening, AXIS_STEP) / (_FWHM * AXIS_STEP)))
        taps = np.floor(position).astype(np.intp) + np.arange(-reach, reach + 2)[:, None]
        if broadening < 2 * AXIS_STEP:
            weights = np.maximum(0.0, 1 - np.abs(taps - position))
        else:
            weights = np.exp(-0.5 * ((taps - position) * AXIS_STEP * _FWHM / broadening) ** 2)
        weights /= weights.sum(axis=0)
        first, last = int(min(taps.min() - steps.max(), 0)), int(max(taps.max() - steps.min(), axis.size - 1))
        padded = np.pad(self.components.spectra, ((0, 0), (-first, last + 1 - axis.size)), mode="edge")
        kernel = np.zeros((taps.max() - taps.min() + 1, energy.size), np.float32)
        kernel[taps - taps.min(), np.arange(energy.size)] = weights
        starts = taps.min() - steps - first
        return np.stack([padded[:, start : start + len(kernel)] @ kernel for start in starts])


@lru_cache(maxsize=8)
def low_rank(library: Library) -> LowRankLibrary:
    """Return the low-rank form of a library; it is cached, because computing it takes longer than most matches."""
    aligned = _aligned(library)
    names = {"charge": np.nan, "offset": library.table["offset"].min()}
    axis = library.energy[0] + AXIS_STEP * np.arange(aligned.shape[1])
    if len(library) <= _MAX_UNCOMPRESSED:
        weights, spectra = np.eye(len(library), dtype=np.float32), aligned
    else:
        eigenvalues, eigenvectors = np.linalg.eigh((aligned.T @ aligned).astype(np.float64))
        truncated = np.cumsum(np.maximum(eigenvalues, 0))
        n_dropped = int(np.searchsorted(truncated, (_TRUNCATION * aligned.max()) ** 2 * aligned.size))
        spectra = np.ascontiguousarray(eigenvectors[:, n_dropped:].T.astype(np.float32))
        weights = aligned @ spectra.T
    table = {name: np.full(len(spectra), value) for name, value in names.items()}
    return LowRankLibrary(weights, Library(library.name, axis, spectra, table))


def _aligned(library: Library) -> Float32Array:
    """Shift all spectra to the energy axis of the member with the lowest offset, by Fourier transforms."""
    from scipy.fft import irfft, next_fast_len, rfft, rfftfreq

    delay = (library.table["offset"] - library.table["offset"].min()) / AXIS_STEP
    n_energies = library.energy.size
    n_axis = n_energies + int(np.ceil(delay.max()))
    # Without different offsets nothing moves. Otherwise the axis is extended to hold the members that moved furthest.
    if n_axis == n_energies:
        return library.spectra
    n = next_fast_len(n_axis + int(np.ceil(delay.max())) + 2 * _RAMP, real=True)
    first, last = library.spectra[:, :1], library.spectra[:, -1:]
    ramp = np.clip((np.arange(n_axis, n) - n_axis) / _RAMP, 0, 1).astype(np.float32)
    padded = np.concatenate(
        [library.spectra, np.repeat(last, n_axis - n_energies, axis=1), last * (1 - ramp) + first * ramp], axis=1
    )
    phase = np.exp(-2j * np.pi * rfftfreq(n) * delay[:, None]).astype(np.complex64)
    aligned: Float32Array = irfft(rfft(padded, axis=1) * phase, n, axis=1)[:, :n_axis].astype(np.float32)
    return aligned
