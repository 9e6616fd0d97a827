"""How far two frames lie apart, from nothing: the maximum of their correlation, whatever its sign."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from napari_xanes._typing import Float64Array, IndexArray
from napari_xanes.registration.fourier import Band, Coefficients

FOUND = 40.0
"""Frames show the same if the square of their correlation is so many times the usual one. Of 10,000 places with noise,
the best reaches about 25."""

_ALIKE = 0.7
"""Frames also show the same if they correlate by so much: in a tiny image there are no usual places."""


@dataclass(frozen=True)
class Search:
    """Correlations of frames at all shifts up to a limit.

    Parameters
    ----------
    band : Band
        Frequencies of at most a quarter cycle per pixel.
    data : ndarray, complex64, shape (E, K)
        Coefficients in units of their noise.
    reach : float
        Largest shift along each axis, in pixels.
    """

    band: Band
    data: Coefficients
    reach: float

    def between(self, first: int, second: int) -> tuple[Float64Array, float]:
        """Return by how much (dy, dx) the second frame lies farther than the first, and a score; see `FOUND`."""
        band = self.band
        a, b = self.data[first], self.data[second]
        signals = self._signal[first], self._signal[second]
        # The best weight if all that is no noise is common to both.
        weight = np.sqrt(signals[0] * signals[1]) / (1 + signals[0] + signals[1])
        product = a.conj() * b * weight.astype(np.float32)[band.ring]
        row, column, shape = self._grid
        transform = np.zeros((shape[0], shape[1] // 2 + 1), np.complex64)
        transform[row, column] = product
        surface = fft.irfft2(transform, s=shape, norm="forward")
        near = surface[self._near]
        best = np.unravel_index(int(np.abs(near).argmax()), near.shape)
        places = [int(indices.ravel()[i]) for indices, i in zip(self._near, best, strict=True)]
        shift = [
            (np.fft.fftfreq(n, 1 / n)[place] + _beside(np.roll(line, 1 - place)[:3])) * length / n
            for n, place, line, length in zip(
                shape, places, (surface[:, places[1]], surface[places[0]]), band.shape, strict=True
            )
        ]
        usual = float(np.median(near.astype(np.float64) ** 2)) / 0.4549
        score = float(near[best]) ** 2 / max(usual, 1e-30)
        if self._likeness(product, weight, first, second, shift) > _ALIKE:
            score = max(score, 2 * FOUND)
        return np.array(shift), score

    def _likeness(
        self, product: Coefficients, weight: Float64Array, first: int, second: int, shift: list[float]
    ) -> float:
        """Return the correlation coefficient of the weighted frames at a distance, without its sign."""
        band = self.band
        turn = np.exp(2j * np.pi * (band.ky * shift[0] + band.kx * shift[1]))
        powers = ((np.abs(self.data[i]).astype(np.float64) ** 2 * weight[band.ring]).sum() for i in (first, second))
        return float(abs((product * turn).sum().real) / max(float(np.sqrt(np.prod(list(powers)))), 1e-30))

    @cached_property
    def _signal(self) -> Float64Array:
        """Return the power (E, n_rings) of each frame over its noise."""
        power = self.band.ring_sums(np.abs(self.data).astype(np.float64) ** 2) / self.band.in_ring
        return np.maximum(power - 1, 1e-9)

    @cached_property
    def _grid(self) -> tuple[IndexArray, IndexArray, tuple[int, int]]:
        """Return where the coefficients are in the transform of a coarse grid, and the shape of this grid."""
        band = self.band
        shape = (coarse_length(band.shape[0]), coarse_length(band.shape[1]))
        row = np.round(band.ky * band.shape[0]).astype(np.intp) % shape[0]
        return row, np.round(band.kx * band.shape[1]).astype(np.intp), shape

    @cached_property
    def _near(self) -> tuple[NDArray[np.intp], ...]:
        inside = []
        for n, size in zip(self._grid[2], self.band.shape, strict=True):
            inside.append(np.flatnonzero(np.abs(np.fft.fftfreq(n, 1 / n)) * (size / n) <= self.reach))
        near: tuple[NDArray[np.intp], ...] = np.ix_(*inside)
        return near


def _beside(values: NDArray[np.floating]) -> float:
    """Return where between -.5 and .5 a parabola through three values has its extremum, if the middle one is one."""
    curvature = float(values[0] - 2 * values[1] + values[2])
    return float(np.clip(0.5 * (values[0] - values[2]) / curvature, -0.5, 0.5)) if curvature else 0.0


def coarse_length(length: int) -> int:
    """Return the length of a grid that holds frequencies of up to a quarter cycle per pixel."""
    return int(fft.next_fast_len(max(4, -(-length // 2) + 2), real=True))
