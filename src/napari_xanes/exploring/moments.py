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
"""Number of pixels of a group from which the mean noise of counted photons is taken."""

_AT_ONCE = 2048
"""So many pixels are summed in single precision, which fit into the cache; their sums are added in double precision."""

_GROUP = 8 * _AT_ONCE
"""About so many pixels, in whole rows, are summed alike: in single precision if their noise allows it."""

_MOST_UNLIKE = 3e3
"""Single precision rounds mean products by less than a thousandth of the noise, if the mean square of values is at most
this many times that of the noise."""

_ENOUGH = 40
"""So many energies tell whether single precision is enough."""


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

    Products are summed around zero, in groups of whole rows and in their order: the result does not depend on blocks
    and threads. Single precision is used where its rounding is far below the noise.

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
    # Slices of a volume lie below each other.
    images = stack.data.reshape(n_energies, -1, stack.shape[-1])
    group = max(1, _GROUP // images.shape[2])
    nothing = _Sums(np.zeros((n_energies, n_energies)), 0, np.zeros(n_energies), 0)
    sums = nothing

    def summed(band: Block, rows: slice) -> _Sums:
        block, start = band.reshape(n_energies, -1), rows.start * band.shape[2]
        stop, found = start + block.shape[1], nothing
        for row in np.flatnonzero((starts < stop) & (starts + RUN > start)):
            first, last = max(starts[row], start), min(starts[row] + RUN, stop)
            sample[row, :, first - starts[row] : last - starts[row]] = block[:, first - start : last - start]
        for a in range(0, block.shape[1], group * band.shape[2]):
            found = found.plus(_sums_of(block[:, a : a + group * band.shape[2]], start + a, photons))
        return found

    def add(band: _Sums) -> None:
        nonlocal sums
        sums = sums.plus(band)

    over_bands(summed, images, collect=add, multiple=group, progress=progress, message="products of energies")
    noise = np.sqrt(sums.variance / sums.n_counted) if sums.n_counted else None
    products = sums.products / max(1, sums.n_pixels)
    return Moments(products, sums.n_pixels, sample[np.isfinite(sample).all(axis=(1, 2))], noise)


def _sums_of(block: Block, start: int, photons: PhotonNoise | None) -> _Sums:
    """Return the sums over the pixels of a block (E, P) that begins at a pixel."""
    products, n_pixels = _products_of(block)
    if photons is None:
        return _Sums(products, n_pixels, np.zeros(len(block)), 0)
    few = np.arange(0, block.shape[1], -(-block.shape[1] // _COUNTED))
    return _Sums(products, n_pixels, *_sum_of_variances(photons, block[:, few], start + few))


def _products_of(block: Block) -> tuple[Float64Array, int]:
    """Return the sum of the products of energies (E, E) over those pixels of a block (E, P) that have values at all
    energies, and their number."""
    products = np.zeros((len(block), len(block)))
    if block.dtype == np.float32:
        with np.errstate(all="ignore"):
            for start in range(0, block.shape[1], _AT_ONCE):
                few = block[:, start : start + _AT_ONCE]
                products += few @ few.T
        # A value that is not finite makes its own square so.
        if np.isfinite(np.trace(products)) and _is_precise(products):
            return products, block.shape[1]
    finite = np.asarray(np.isfinite(block).all(axis=0))
    values = block.astype(np.float64)
    if not finite.all():
        values[:, ~finite] = 0
    return values @ values.T, int(finite.sum())


def _is_precise(products: Float64Array) -> bool:
    """Return whether the noise in products, which their smallest eigenvalues show, is far above single precision."""
    step = max(1, len(products) // _ENOUGH)
    few = products[::step, ::step]
    noise = float(np.linalg.eigvalsh(few)[len(few) // 8])
    return bool(np.trace(few) <= _MOST_UNLIKE * len(few) * noise)


def _sum_of_variances(photons: PhotonNoise, block: Block, pixels: Any) -> tuple[Float64Array, int]:
    """Return the sum of the variances (E,) of those pixels of a block that have one, and their number."""
    with np.errstate(all="ignore"):
        variance = np.broadcast_to(photons.variance(block, pixels), block.shape)
    known = np.isfinite(variance).all(axis=0) & (variance > 0).all(axis=0)
    return variance[:, known].sum(axis=1, dtype=np.float64), int(known.sum())
