"""Sums over the pixels of a stack: the products of its energies, and a few pixels that show how alike the noise is."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from napari_xanes._typing import Block, Float32Array, Float64Array, IndexArray
from napari_xanes.denoising.bands import over_bands
from napari_xanes.noise import PhotonNoise
from napari_xanes.progress import Progress
from napari_xanes.stack import SpectralStack

RUN = 32
"""Number of successive pixels in a piece of the sample."""

_RUNS = 256
"""About the largest number of pieces in the sample."""

_GOLDEN = 0.6180339887498949
"""Multiples of the golden ratio, without their integers, fill the numbers from 0 to 1 evenly (Weyl)."""

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

    Parameters
    ----------
    stack : SpectralStack, shape (E, Y, X) or (E, Z, Y, X)
        Pixels that are not finite at all energies are left out.
    """
    running = RunningMoments(stack.energy.size)
    running.add(stack, progress)
    return running.moments()


class RunningMoments:
    """Sums over pixels that come one stack after the other, of the same energies.

    Products are summed around zero, in groups of whole rows and in their order: the result does not depend on blocks
    and threads. Single precision is used where its rounding is far below the noise.
    """

    def __init__(self, n_energies: int) -> None:
        self.n_energies, self._seen, self._halvings = n_energies, 0, 0
        self._sums = _Sums(np.zeros((n_energies, n_energies)), 0, np.zeros(n_energies), 0)
        self._sample: dict[int, Float32Array] = {}

    def add(self, stack: SpectralStack, progress: Progress | None = None) -> None:
        """Add the pixels of a stack (E, Y, X) or (E, Z, Y, X); those that are not finite are left out."""
        photons = stack.noise if isinstance(stack.noise, PhotonNoise) else None
        # Slices of a volume lie below each other.
        images = stack.data.reshape(self.n_energies, -1, stack.shape[-1])
        group, seen = max(1, _GROUP // images.shape[2]), self._seen
        stop_after = seen + images.shape[1] * images.shape[2]
        runs, sums = self._drawn(stop_after), self._sums

        def summed(band: Block, rows: slice) -> _Sums:
            block, start = band.reshape(self.n_energies, -1), rows.start * band.shape[2]
            begin, stop = seen + start, seen + start + block.shape[1]
            for run in range(begin // RUN, -(-stop // RUN)):
                if run in runs:
                    first, last = max(run * RUN, begin), min(run * RUN + RUN, stop)
                    runs[run][:, first - run * RUN : last - run * RUN] = block[:, first - begin : last - begin]
            found = _Sums(np.zeros_like(self._sums.products), 0, np.zeros(self.n_energies), 0)
            for a in range(0, block.shape[1], group * band.shape[2]):
                found = found.plus(_sums_of(block[:, a : a + group * band.shape[2]], start + a, photons))
            return found

        def collect(band: _Sums) -> None:
            nonlocal sums
            sums = sums.plus(band)

        over_bands(summed, images, collect=collect, multiple=group, progress=progress, message="products of energies")
        # Only now, so that a stack which is cancelled half way leaves nothing.
        self._sums, self._seen = sums, stop_after

    @property
    def n_pixels(self) -> int:
        """Number of pixels that have values at all energies."""
        return self._sums.n_pixels

    def _drawn(self, n_pixels: int) -> dict[int, Float32Array]:
        """Return the places of the sample among so many pixels: which they are depends on no division into pieces."""
        while n_pixels > _RUNS * RUN << self._halvings:
            self._halvings += 1
        new = np.arange(-(-self._seen // RUN), -(-n_pixels // RUN))
        for run in new[_is_drawn(new, self._halvings)].tolist():
            self._sample[run] = np.full((self.n_energies, RUN), np.nan, np.float32)
        known = np.array(sorted(self._sample), dtype=np.int64)
        kept = known[_is_drawn(known, self._halvings)].tolist()
        self._sample = {run: self._sample[run] for run in kept}
        return self._sample

    def moments(self) -> Moments:
        """Return the means over all pixels that were added."""
        sums, runs = self._sums, list(self._sample.values())
        sample = np.array(runs, np.float32).reshape(-1, self.n_energies, RUN)
        noise = np.sqrt(sums.variance / sums.n_counted) if sums.n_counted else None
        products = sums.products / max(1, sums.n_pixels)
        return Moments(products, sums.n_pixels, sample[np.isfinite(sample).all(axis=(1, 2))], noise)


def _is_drawn(runs: IndexArray, halvings: int) -> NDArray[np.bool_]:
    """Return which pieces are in a sample of half of a half ... of all of them."""
    result: NDArray[np.bool_] = runs * _GOLDEN % 1 < 0.5**halvings
    return result


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
