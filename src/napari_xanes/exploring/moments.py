"""Sums over the pixels of a stack: the products of its energies, and a few pixels that show how alike the noise is."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from napari_xanes._typing import Block, Float32Array, Float64Array
from napari_xanes.denoising.bands import over_bands
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


class _Sums(NamedTuple):
    products: Float64Array
    n_pixels: int
    variance: Float64Array
    n_counted: int

    def plus(self, other: _Sums) -> _Sums:
        return _Sums(
            self.products + other.products,
            self.n_pixels + other.n_pixels,
            self.variance + other.variance,
            self.n_counted + other.n_counted,
        )


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
    photons = stack.noise if isinstance(stack.noise, PhotonNoise) else None
    starts = np.arange(0, n_pixels - RUN + 1, distance)
    sample = np.full((starts.size, n_energies, RUN), np.nan, np.float32)
    sums = _Sums(np.zeros((n_energies, n_energies)), 0, np.zeros(n_energies), 0)

    def summed(band: Block, rows: slice) -> _Sums:
        block, start = band.reshape(n_energies, -1), rows.start * band.shape[2]
        stop = start + block.shape[1]
        finite = np.asarray(np.isfinite(block).all(axis=0))
        values = block.astype(np.float64)
        if not finite.all():
            values[:, ~finite] = 0
        for row in np.flatnonzero((starts < stop) & (starts + RUN > start)):
            first, last = max(starts[row], start), min(starts[row] + RUN, stop)
            sample[row, :, first - starts[row] : last - starts[row]] = block[:, first - start : last - start]
        found: tuple[Float64Array, int] = (np.zeros(n_energies), 0)
        if photons is not None:
            few = np.arange(0, block.shape[1], -(-block.shape[1] // _COUNTED))
            found = _sum_of_variances(photons, block[:, few], start + few)
        return _Sums(values @ values.T, int(finite.sum()), *found)

    def add(band: _Sums) -> None:
        nonlocal sums
        sums = sums.plus(band)

    # Slices of a volume lie below each other.
    images = stack.data.reshape(n_energies, -1, stack.shape[-1])
    over_bands(summed, images, collect=add, progress=progress, message="products of energies")
    noise = np.sqrt(sums.variance / sums.n_counted) if sums.n_counted else None
    products = sums.products / max(1, sums.n_pixels)
    return Moments(products, sums.n_pixels, sample[np.isfinite(sample).all(axis=(1, 2))], noise)


def _sum_of_variances(photons: PhotonNoise, block: Block, pixels: Any) -> tuple[Float64Array, int]:
    """Return the sum of the variances (E,) of those pixels of a block that have one, and their number."""
    with np.errstate(all="ignore"):
        variance = np.broadcast_to(photons.variance(block, pixels), block.shape)
    known = np.isfinite(variance).all(axis=0) & (variance > 0).all(axis=0)
    return variance[:, known].sum(axis=1, dtype=np.float64), int(known.sum())
