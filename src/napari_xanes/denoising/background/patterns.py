"""The beam's background: patterns of the white field that changed between sample and flat, told from the sample.

On squares of some pixels, the optical depth is a sum of what the sample may hold (references and a smooth matrix, free
in every square), of patterns (a few spectra times smooth maps), and of noise. Where there is no sample, patterns are
seen as they are; the statistics of their maps carry them over to where there is (kriging). Patterns whose energy
dependence lies within the references can't be told from the sample but by those statistics.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from napari_xanes._typing import Float32Array, Float64Array
from napari_xanes.denoising.bands import coarse
from napari_xanes.denoising.binning import SQUARE, Squares


@dataclass(frozen=True)
class Background:
    """Patterns: spectra (E, N), divided by the noise as the design is, and their maps on squares (N, y, x)."""

    modes: Float64Array
    maps: Float32Array
    power: Float64Array
    trust: Float32Array
    freely: Float32Array

    def on_squares(self) -> Float32Array:
        """The patterns (E, y, x), divided by the noise."""
        return mix(self.modes, self)

    def power_on_squares(self, modes: Float64Array) -> Float64Array:
        """Sum over energies of the squared patterns (y, x), with their spectra in the units of `modes` (E, N)."""
        power: Float64Array = np.einsum("nyx,nm,myx->yx", self.maps, modes.T @ modes, self.maps, optimize=True)
        return power

    def extrapolation(self, squares: Squares) -> float:
        """How much larger the patterns are where there is sample than where there is none.

        The beam does not know of the sample, so it is about 1; what is much larger is the sample's own.
        """
        power = self.power_on_squares(self.modes)
        inside, outside = (
            float(np.sum(power * (weight > 0))) / max(int(np.sum(weight > 0)), 1)
            for weight in (squares.sample_precision, squares.air_precision)
        )
        return float(np.sqrt(inside / max(outside, 1e-30)))

    def enlarged(self, matrix: Float64Array, shape: tuple[int, ...]) -> Float32Array:
        """The maps of ``matrix (M, N) @ maps`` for every pixel, (M, Y, X)."""
        small = np.tensordot(matrix, self.maps, 1)
        return np.stack([_enlarged(one, shape) for one in small]) if len(small) else np.zeros((0, *shape), np.float32)


def mix(modes: Float64Array, found: Background) -> Float32Array:
    """Return the sum of spectra (E, N) times their maps on squares, (E, y, x)."""
    return np.tensordot(modes.astype(np.float32), found.maps, 1)


def _enlarged(small: Float64Array, shape: tuple[int, ...]) -> Float32Array:
    """A map on squares for each pixel, such that its means over squares are those given."""
    out = _zoomed(small, shape)
    if shape[0] % SQUARE == 0 and shape[1] % SQUARE == 0:
        out += _zoomed(small - coarse(out, SQUARE) / SQUARE**2, shape)
    return out


def _zoomed(small: Float64Array, shape: tuple[int, ...]) -> Float32Array:
    from scipy.ndimage import zoom

    padded = np.pad(np.asarray(small, np.float32), 2, mode="edge")
    large = zoom(padded, SQUARE, order=3, mode="nearest", grid_mode=True)
    cut: Float32Array = large[2 * SQUARE : 2 * SQUARE + shape[0], 2 * SQUARE : 2 * SQUARE + shape[1]]
    return cut.copy()
