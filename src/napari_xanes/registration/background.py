"""The smooth part of frames, which is taken off before a window is applied.

What is brighter or darker than the border of a window makes an edge there, and this edge stays where the window is: it
held a big smooth grain back by a tenth of its shift. A blur moves with the sample, so what is left of it is none. Near
the border of the window, the blur is the height of a plane through what the window shows: it sees nothing that lies
beyond the window and moves with it, and it follows a slope as it does in the middle. (A mirrored frame stays where the
detector is, and a mean leaves slopes, both of which hold a grain that the border cuts.) This is local linear
regression, whose bias at a border is that of the middle (Fan and Gijbels, Local Polynomial Modelling, 1996, ch. 3).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_xanes._typing import Float32Array, IndexArray

_BLUR = 8.0
"""Pixels: the blur takes 4 % of a wave of 20 pixels and next to nothing of shorter ones."""

_LARGE = 256
"""Height or width from which the smooth part is sampled at every fourth pixel instead of every second."""

_REACH, _REACH_OF_LARGE = 0.35, 0.14
"""Frequency up to which the smooth part is taken off: beyond, it is what the fading window makes of it, and the long
taper of large windows makes little."""


@dataclass(frozen=True)
class SmoothPart:
    """Fourier coefficients of the smooth part of frames.

    ``block`` pixels have one value of the smooth part. ``some`` says which of K coefficients it reaches, ``row`` and
    ``column`` where these are in the product of the transforms of both sides. For each side, of N pixels:

    waves : ndarray, shape (N, M)
        The transform.
    between : sparse matrix, shape (N / block, N)
        What interpolates pixels between blocks, transposed.
    kernels : ndarray, shape (3, N / block, N / block)
        The Gaussian between any two blocks, times powers 0, 1 and 2 of their distance over its width.
    """

    block: int
    some: IndexArray
    row: IndexArray
    column: IndexArray
    waves: tuple[NDArray[np.complex64], ...]
    between: tuple[Any, ...]
    kernels: tuple[Float32Array, ...]

    @classmethod
    def of(cls, shape: tuple[int, int], ky: Float32Array, kx: Float32Array) -> SmoothPart:
        """Prepare for images of a shape and frequencies ky, kx (K,) in cycles per pixel."""
        block, reach = (4, _REACH_OF_LARGE) if min(shape) >= _LARGE else (2, _REACH)
        some = np.flatnonzero((np.abs(ky) < reach) & (np.abs(kx) < reach))
        sides = [np.unique(k[some].astype(np.float64), return_inverse=True) for k in (ky, kx)]
        waves, between, kernels = [], [], []
        for (frequencies, _), length in zip(sides, shape, strict=True):
            waves.append(np.exp(-2j * np.pi * np.outer(np.arange(length), frequencies)).astype(np.complex64))
            middle = block * np.arange(-(-length // block)) + 0.5 * (block - 1)
            away = (middle - middle[:, None]) / _BLUR
            kernels.append(np.array([np.exp(-0.5 * away**2) * away**power for power in range(3)], np.float32))
            between.append(_between(length, middle.size, block))
        return cls(block, some, sides[0][1], sides[1][1], tuple(waves), tuple(between), tuple(kernels))

    def sampled(self, frame: Float32Array) -> Float32Array:
        """Return a frame (Y, X) with one value for each block."""
        for _ in range(self.block.bit_length() - 1):
            frame = _halved(_halved(frame).T).T
        return frame

    def transformed(self, sampled: Float32Array, rows: Float32Array, columns: Float32Array) -> NDArray[np.complex64]:
        """Return coefficients (len(some),) of the smooth part of a sampled frame times weights of rows and columns."""
        smooth, transforms = sampled, []
        for weights, waves, between, kernels in zip(
            (rows, columns), self.waves, self.between, self.kernels, strict=True
        ):
            # The blocks of this side become the last axis, and then the first one.
            smooth = (_line(kernels, self._sampled(weights)) @ smooth).T
            transforms.append(between @ (waves * weights[:, None]))
        transform = transforms[0].T @ smooth @ transforms[1]
        return np.asarray(transform[self.row, self.column], dtype=np.complex64)

    def _sampled(self, weights: Float32Array) -> Float32Array:
        """Return the means of weights over blocks."""
        whole = np.zeros(-(-weights.size // self.block) * self.block, np.float32)
        whole[: weights.size] = weights
        return np.asarray(whole.reshape(-1, self.block).mean(axis=1))


def _between(length: int, count: int, block: int) -> Any:
    """Return the sparse matrix (count, length) of cubic interpolation of pixels between blocks, transposed."""
    from scipy import sparse

    place = (np.arange(length) - 0.5 * (block - 1)) / block
    first = np.clip(np.floor(place).astype(np.intp) - 1, 0, count - 4)
    nodes = range(4)
    weights = [
        np.prod([(place - first - other) / (node - other) for other in nodes if other != node], axis=0)
        for node in nodes
    ]
    rows = [first + node for node in nodes]
    pixels = np.tile(np.arange(length), 4)
    values = np.concatenate(weights).astype(np.float32)
    return sparse.csr_array((values, (np.concatenate(rows), pixels)), shape=(count, length))


def _line(kernels: Float32Array, weights: Float32Array) -> Float32Array:
    """Return the matrix (N, N) that makes of values the heights of weighted lines through those around each."""
    even, odd, square = kernels @ weights
    # Where nothing has weight, nothing is asked.
    inverse = 1 / np.maximum(even * square - odd**2, 1e-9)
    return np.asarray(((square * inverse)[:, None] * kernels[0] - (odd * inverse)[:, None] * kernels[1]) * weights)


def _halved(image: Float32Array) -> Float32Array:
    """Return every second row of an image between its rows, by cubic weights: next to nothing of the rest is folded."""
    odd = len(image) % 2
    padded = np.concatenate([image[:1], image, image[-1:], image[-1:]] if odd else [image[:1], image, image[-1:]])
    rows = (padded[:-3:2] + padded[3::2]) * np.float32(0.125)
    rows += (padded[1:-2:2] + padded[2:-1:2]) * np.float32(0.375)
    result: Float32Array = rows
    return result
