"""The smooth part of frames, which is taken off before a window is applied.

What is brighter or darker than the border of a window makes an edge there, and this edge stays where the window is: it
held a big smooth grain back by a tenth of its shift. A blur moves with the sample, so what is left of it is none.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_xanes._typing import Float32Array, IndexArray

_BLUR = 8.0
"""Pixels: the blur takes 4 % of a wave of 20 pixels and next to nothing of shorter ones."""

_LARGE = 256
"""Height or width from which the smooth part is sampled at every fourth pixel instead of every second."""


@dataclass(frozen=True)
class SmoothPart:
    """Fourier coefficients of the smooth part of frames.

    ``block`` pixels have one value of the smooth part. ``some`` says which of K coefficients it reaches, ``row`` and
    ``column`` where these are in the product of the transforms ``along_y`` (M, Y / block) and ``along_x``
    (X / block, N).
    """

    block: int
    some: IndexArray
    row: IndexArray
    column: IndexArray
    along_y: NDArray[np.complex64]
    along_x: NDArray[np.complex64]

    @classmethod
    def of(cls, shape: tuple[int, int], ky: Float32Array, kx: Float32Array) -> SmoothPart:
        """Prepare for images of a shape and frequencies ky, kx (K,) in cycles per pixel."""
        block = 4 if min(shape) >= _LARGE else 2
        some = np.flatnonzero((np.abs(ky) < 0.5 / block) & (np.abs(kx) < 0.5 / block))
        rows, row = np.unique(ky[some].astype(np.float64), return_inverse=True)
        columns, column = np.unique(kx[some].astype(np.float64), return_inverse=True)
        waves = []
        for frequencies, length in ((rows, shape[0]), (columns, shape[1])):
            middle = block * np.arange(-(-length // block)) + 0.5 * (block - 1)
            waves.append((block * np.exp(-2j * np.pi * np.outer(frequencies, middle))).astype(np.complex64))
        return cls(block, some, row, column, waves[0], waves[1].T.copy())

    def blurred(self, frame: Float32Array) -> Float32Array:
        """Return the smooth part of a frame (Y, X), one value for each block."""
        for _ in range(self.block.bit_length() - 1):
            frame = _halved(_halved(frame).T).T
        return np.asarray(ndimage.gaussian_filter(frame, _BLUR / self.block, mode="reflect", truncate=3.0))

    def transformed(self, blurred: Float32Array, rows: Float32Array, columns: Float32Array) -> NDArray[np.complex64]:
        """Return coefficients (len(some),) of the smooth part of a frame times weights of its rows and columns."""
        smooth = blurred * self._sampled(rows)[:, None]
        smooth *= self._sampled(columns)
        transform = self.along_y @ smooth @ self.along_x
        return np.asarray(transform[self.row, self.column], dtype=np.complex64)

    def _sampled(self, weights: Float32Array) -> Float32Array:
        """Return the means of weights over blocks."""
        whole = np.zeros(-(-weights.size // self.block) * self.block, np.float32)
        whole[: weights.size] = weights
        return np.asarray(whole.reshape(-1, self.block).mean(axis=1))


def _halved(image: Float32Array) -> Float32Array:
    """Return every second row of an image between its rows, by cubic weights: next to nothing of the rest is folded."""
    odd = len(image) % 2
    padded = np.concatenate([image[:1], image, image[-1:], image[-1:]] if odd else [image[:1], image, image[-1:]])
    rows = (padded[:-3:2] + padded[3::2]) * np.float32(0.125)
    rows += (padded[1:-2:2] + padded[2:-1:2]) * np.float32(0.375)
    result: Float32Array = rows
    return result
