"""Sums over the pixels of a stack: the products of its energies, and a few pixels that show how alike the noise is."""

from __future__ import annotations

import threading
from typing import Any, NamedTuple

import numpy as np

from napari_xanes import blocks
from napari_xanes._typing import Block, Float32Array, Float64Array
from napari_xanes.noise import PhotonNoise
from napari_xanes.progress import Progress
from napari_xanes.stack import SpectralStack

RUN = 32
"""Number of successive pixels in a piece of the sample."""

_RUNS = 256
"""Largest number of pieces in the sample."""


_COUNTED = 1024
"""Number of pixels of a block from which the mean noise of counted photons is taken."""


class Moments(NamedTuple):
    """Sums over pixels that have values at all energies.

    ``products`` (E, E), mean products of energies; ``n_pixels``; ``sample`` (R, E, RUN), runs of successive pixels;
    ``noise`` (E,), the standard deviation of the noise where it follows from counted photons, else None.
    """

    products: Float64Array
    n_pixels: int
    sample: Float32Array
    noise: Float64Array | None


def moments_of(stack: SpectralStack, progress: Progress | None = None) -> Moments:
    """Return the mean products of all pairs of energies, pieces of the image, and the mean noise.

    Products are summed in double precision, around zero, in the order of the pixels: the result does not depend on the
    number of threads.

    Parameters
    ----------
    stack : SpectralStack, shape (E, Y, X) or (E, Z, Y, X)
        Pixels that are not finite at all energies are left out.
    """
    n_energies, n_pixels = stack.energy.size, int(np.prod(stack.shape[1:]))
    distance = max(RUN, n_pixels // _RUNS)
    total, variance = _OrderedSum(np.zeros((n_energies, n_energies))), _OrderedSum(np.zeros(n_energies))
    photons = stack.noise if isinstance(stack.noise, PhotonNoise) else None
    starts = np.arange(0, n_pixels - RUN + 1, distance)
    sample = np.full((starts.size, n_energies, RUN), np.nan, np.float32)

    def add(block: Block, pixels: slice) -> None:
        finite = np.asarray(np.isfinite(block).all(axis=0))
        values = block.astype(np.float64)
        if not finite.all():
            values[:, ~finite] = 0
        total.add(pixels, values @ values.T, int(finite.sum()))
        for row in np.flatnonzero((starts < pixels.stop) & (starts + RUN > pixels.start)):
            first, last = max(starts[row], pixels.start), min(starts[row] + RUN, pixels.stop)
            sample[row, :, first - starts[row] : last - starts[row]] = block[
                :, first - pixels.start : last - pixels.start
            ]
        if photons is not None:
            few = np.arange(0, block.shape[1], -(-block.shape[1] // _COUNTED))
            variance.add(pixels, *_sum_of_variances(photons, block[:, few], pixels.start + few))

    blocks.over_pixels(add, stack.data, progress=progress, message="products of energies")
    noise = np.sqrt(variance.sum / variance.count) if variance.count else None
    return Moments(total.sum / max(1, total.count), total.count, sample[np.isfinite(sample).all(axis=(1, 2))], noise)


def _sum_of_variances(photons: PhotonNoise, block: Block, pixels: Any) -> tuple[Float64Array, int]:
    """Return the sum of the variances (E,) of those pixels of a block that have one, and their number."""
    with np.errstate(all="ignore"):
        variance = np.broadcast_to(photons.variance(block, pixels), block.shape)
    known = np.isfinite(variance).all(axis=0) & (variance > 0).all(axis=0)
    return variance[:, known].sum(axis=1, dtype=np.float64), int(known.sum())


class _OrderedSum:
    """A sum of blocks that come in any order, added in the order of their pixels."""

    def __init__(self, zero: Float64Array) -> None:
        self.sum, self.count, self._next = zero, 0, 0
        self._waiting: dict[int, tuple[int, Float64Array, int]] = {}
        self._lock = threading.Lock()

    def add(self, pixels: slice, value: Float64Array, count: int) -> None:
        """Add a block's value, and its number of pixels."""
        with self._lock:
            self._waiting[pixels.start] = (pixels.stop, value, count)
            while self._next in self._waiting:
                self._next, first, number = self._waiting.pop(self._next)
                self.sum += first
                self.count += number
