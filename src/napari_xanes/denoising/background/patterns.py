"""The value that holds the patterns of the beam: spectra and their maps on bins."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from napari_xanes._typing import BoolArray, Float32Array, Float64Array
from napari_xanes.denoising.binning import BIN, BinnedStack, bin_sums

_REACH = 16  # bins beyond which others do not count where a map is enlarged


@dataclass(frozen=True)
class Background:
    """Patterns of the beam.

    ``modes`` (E, N) are their spectra, divided by the noise as the design matrix is; ``maps`` (N, y, x), their maps on
    bins; ``power`` (N, fy, fx), the power spectra of the maps; ``weight`` (y, x), less than 1 in bins that the model
    does not explain; ``initial_maps`` (M, y, x), the maps of the first M modes before a composition was known.
    """

    modes: Float64Array
    maps: Float32Array
    power: Float64Array
    weight: Float32Array
    initial_maps: Float32Array

    def isel(self, box: tuple[slice, slice]) -> Background:
        """Return the part in some rows and columns of pixels, which start at bins; `power` and `initial_maps` stay."""
        bins = tuple(slice(part.start // BIN, -(-part.stop // BIN)) for part in box)
        return replace(self, maps=self.maps[:, *bins], weight=self.weight[bins])

    def on_bins(self, rows: slice = slice(None)) -> Float32Array:
        """Return the patterns in some rows of bins (E, r, x), divided by the noise."""
        return combine(self.modes, self.maps[:, rows])

    def squared_sum(self, modes: Float64Array) -> Float64Array:
        """Return the sum over energies of the squared patterns (y, x), with spectra in the units of `modes` (E, N)."""
        sums: Float64Array = np.einsum("nyx,nm,myx->yx", self.maps, modes.T @ modes, self.maps, optimize=True)
        return sums

    def sample_to_air_ratio(self, binned: BinnedStack) -> float:
        """Return how much larger the patterns are in the sample than in the air.

        The beam does not depend on the sample, so the ratio is about 1 for patterns of the beam.
        """
        squares = self.squared_sum(self.modes)
        sample, air = (
            float(np.sum(squares * (precision > 0))) / max(int(np.sum(precision > 0)), 1)
            for precision in (binned.sample_precision, binned.air_precision)
        )
        return float(np.sqrt(sample / max(air, 1e-30)))

    def mode_ratios(self, binned: BinnedStack) -> Float64Array:
        """Return how much larger the map of each mode is in the sample than in the air, (N,)."""
        sample, air = (
            np.sqrt(np.mean(self.maps[:, precision > 0].astype(np.float64) ** 2, axis=1))
            for precision in (binned.sample_precision, binned.air_precision)
        )
        result: Float64Array = sample / np.maximum(air, 1e-30)
        return result

    def rms(self, modes: Float64Array, used: BoolArray) -> float:
        """Return the root mean square over energies and some bins, with modes (E, N) in place of its own."""
        return float(np.sqrt(np.mean(self.squared_sum(modes)[used]) / len(modes)))

    def enlarged(self, matrix: Float64Array, shape: tuple[int, ...], rows: slice | None = None) -> Float32Array:
        """Return the maps of ``matrix (M, N) @ maps`` for every pixel of an image, (M, Y, X), or of some of its rows.

        The first row is that of a bin.
        """
        rows = slice(0, shape[0]) if rows is None else rows
        first, last = max(0, rows.start // BIN - _REACH), -(-rows.stop // BIN) + _REACH
        maps = np.tensordot(matrix, self.maps[:, first:last], 1)
        part = (min(last * BIN, shape[0]) - first * BIN, shape[1])
        exact = shape[0] % BIN == 0 and shape[1] % BIN == 0
        images = np.empty((len(maps), rows.stop - rows.start, shape[1]), np.float32)
        for image, binned in zip(images, maps, strict=True):
            image[:] = _enlarge(binned, part, exact=exact)[rows.start - first * BIN :][: len(image)]
        return images


def combine(modes: Float64Array, maps: Float32Array) -> Float32Array:
    """Return the sum of spectra (E, N) times their maps (N, y, x), as (E, y, x)."""
    return np.tensordot(modes.astype(np.float32), maps, 1)


def _enlarge(binned: Float64Array, shape: tuple[int, ...], *, exact: bool) -> Float32Array:
    """Enlarge a map on bins to all pixels, if they are all whole (`exact`) such that its means over bins stay."""
    enlarged = _zoom(binned, shape)
    if exact:
        enlarged += _zoom(binned - bin_sums(enlarged) / BIN**2, shape)
    return enlarged


def _zoom(binned: Float64Array, shape: tuple[int, ...]) -> Float32Array:
    """Interpolate a map on bins with cubic splines."""
    from scipy.ndimage import zoom

    padded = np.pad(np.asarray(binned, np.float32), 2, mode="edge")
    large = zoom(padded, BIN, order=3, mode="nearest", grid_mode=True)
    inner: Float32Array = large[2 * BIN : 2 * BIN + shape[0], 2 * BIN : 2 * BIN + shape[1]]
    return inner.copy()
