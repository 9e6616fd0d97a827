"""A library as weights of a few patterns on one axis: what is done to the patterns is done to all members at once."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from napari_xanes._typing import Float32Array, Float64Array, IndexArray
from napari_xanes.theory.library.model import STEP, Library

_LOSS = 1e-4
"""Root mean square of what the patterns may leave out, in units of the library's highest value."""

_FWHM = 2 * np.sqrt(2 * np.log(2))

_FEW = 300
"""So many members are patterns themselves."""

_RAMP = 64
"""Least number of points over which the end of a spectrum runs back into its beginning, so that it can be moved."""


@dataclass(frozen=True)
class Basis:
    """Members are ``weights`` (M, R) times ``patterns``, a library of R spectra with a common offset."""

    weights: Float32Array
    patterns: Library

    def members(self, rows: IndexArray) -> Basis:
        """The basis of some members: they themselves, where they are fewer than the patterns."""
        weights = self.weights[rows]
        if rows.size >= len(self.patterns):
            return Basis(weights, self.patterns)
        own = weights @ self.patterns.spectra
        table = {name: column[: rows.size] for name, column in self.patterns.table.items()}
        return Basis(np.eye(rows.size, dtype=np.float32), replace(self.patterns, spectra=own, table=table))

    def at(self, energy: Float64Array, shifts: Float64Array, *, broadening: float, offset: float) -> Float32Array:
        """The patterns (S, R, E) at photon energies with a Gaussian of full width `broadening`, moved up by `offset`.

        The shifts (S,) come on top and are multiples of the axis' step, so that all share one set of weights.
        """
        axis, steps = self.patterns.energy, np.rint(shifts / STEP).astype(np.intp)
        place = (energy - offset - self.patterns.table["offset"][0] - axis[0]) / STEP
        reach = int(np.ceil(4 * max(broadening, STEP) / (_FWHM * STEP)))
        taps = np.floor(place).astype(np.intp) + np.arange(-reach, reach + 2)[:, None]
        if broadening < 2 * STEP:
            weights = np.maximum(0.0, 1 - np.abs(taps - place))
        else:
            weights = np.exp(-0.5 * ((taps - place) * STEP * _FWHM / broadening) ** 2)
        weights /= weights.sum(axis=0)
        # Beyond the axis spectra go on as they end.
        first, last = int(min(taps.min() - steps.max(), 0)), int(max(taps.max() - steps.min(), axis.size - 1))
        longer = np.pad(self.patterns.spectra, ((0, 0), (-first, last + 1 - axis.size)), mode="edge")
        spread = np.zeros((taps.max() - taps.min() + 1, energy.size), np.float32)
        spread[taps - taps.min(), np.arange(energy.size)] = weights
        starts = taps.min() - steps - first
        return np.stack([longer[:, start : start + len(spread)] @ spread for start in starts])


@lru_cache(maxsize=8)
def basis_of(library: Library) -> Basis:
    """The patterns that hold a library; they are kept, because finding them takes longer than most stacks."""
    aligned = _aligned(library)
    names = {"charge": np.nan, "offset": library.table["offset"].min()}
    axis = library.energy[0] + STEP * np.arange(aligned.shape[1])
    if len(library) <= _FEW:
        weights, patterns = np.eye(len(library), dtype=np.float32), aligned
    else:
        squares, directions = np.linalg.eigh((aligned.T @ aligned).astype(np.float64))
        left_out = np.cumsum(np.maximum(squares, 0))
        n_left = int(np.searchsorted(left_out, (_LOSS * aligned.max()) ** 2 * aligned.size))
        patterns = np.ascontiguousarray(directions[:, n_left:].T.astype(np.float32))
        weights = aligned @ patterns.T
    table = {name: np.full(len(patterns), value) for name, value in names.items()}
    return Basis(weights, Library(library.name, axis, patterns, table))


def _aligned(library: Library) -> Float32Array:
    """All spectra on the axis of the member with the lowest offset, moved there by Fourier transforms."""
    from scipy.fft import irfft, next_fast_len, rfft, rfftfreq

    delay = (library.table["offset"] - library.table["offset"].min()) / STEP
    n_own = library.energy.size
    n_axis = n_own + int(np.ceil(delay.max()))
    # Where all offsets agree the spectra stay as they are; else the ends are carried on to where the moved ones lie.
    if n_axis == n_own:
        return library.spectra
    n = next_fast_len(n_axis + int(np.ceil(delay.max())) + 2 * _RAMP, real=True)
    first, last = library.spectra[:, :1], library.spectra[:, -1:]
    ramp = np.clip((np.arange(n_axis, n) - n_axis) / _RAMP, 0, 1).astype(np.float32)
    padded = np.concatenate(
        [library.spectra, np.repeat(last, n_axis - n_own, axis=1), last * (1 - ramp) + first * ramp], axis=1
    )
    phase = np.exp(-2j * np.pi * rfftfreq(n) * delay[:, None]).astype(np.complex64)
    moved: Float32Array = irfft(rfft(padded, axis=1) * phase, n, axis=1)[:, :n_axis].astype(np.float32)
    return moved
