"""How many spectra stand out from the noise so far: factor analysis of a sample of pixels that each frame adds to."""

from __future__ import annotations

from typing import Any

import numpy as np

from napari_xanes._typing import Float32Array, Float64Array, IndexArray
from napari_xanes.exploring.factors import find_factors
from napari_xanes.exploring.moments import RUN

_RUNS = 256
"""Largest number of runs of pixels that are kept."""

LEAST_ENERGIES = 8
"""With fewer energies noise and spectra can't be told apart."""


class RunningMoments:
    """Mean products of all pairs of energies, over runs of successive pixels that are spread over the image.

    Parameters
    ----------
    n_pixels : int
        Number of pixels of a frame.
    """

    def __init__(self, n_pixels: int) -> None:
        length = max(1, min(RUN, n_pixels))
        starts = np.arange(0, n_pixels - length + 1, max(length, n_pixels // _RUNS))
        self._pixels = (starts[:, None] + np.arange(length)).ravel()
        self._length = length
        self._frames: dict[float, Float32Array] = {}

    def add(self, energy: float, frame: Any) -> None:
        """Add a frame (P,) at an energy in eV; another one of the same energy takes its place."""
        self._frames[energy] = np.asarray(frame).ravel()[self._pixels].astype(np.float32)

    def runs(self) -> tuple[Float64Array, Float32Array, IndexArray]:
        """Return the energies (E,), the runs of pixels (R, E, N) that are finite, and their pixels (R * N,)."""
        order = sorted(self._frames)
        data = np.array([self._frames[energy] for energy in order])
        runs = data.reshape(len(order), -1, self._length).swapaxes(0, 1)
        finite = np.isfinite(runs).all(axis=(1, 2))
        return np.array(order), runs[finite], self._pixels.reshape(-1, self._length)[finite].ravel()

    def products(self) -> tuple[Float64Array, Float32Array]:
        """Return the mean products (E, E), in order of energy, and the runs of pixels (R, E, N).

        Runs with a pixel that is not finite at all energies are left out, and such pixels are not in the products.
        """
        order = sorted(self._frames)
        data = np.array([self._frames[energy] for energy in order])
        finite = np.isfinite(data).all(axis=0)
        values = data[:, finite].astype(np.float64)
        runs = data.reshape(len(order), -1, self._length).swapaxes(0, 1)
        return values @ values.T / max(1, values.shape[1]), runs[np.isfinite(runs).all(axis=(1, 2))]

    def count(self) -> int | None:
        """Return how many spectra stand out from the noise; None where energies or pixels are too few."""
        if len(self._frames) < LEAST_ENERGIES:
            return None
        products, runs = self.products()
        if not len(runs) or not np.any(products):
            return None
        return int(find_factors(products, len(runs) * self._length, runs).vectors.shape[1])
