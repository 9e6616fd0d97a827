"""Sums over the frames of a stack, kept for all pixels: all that least squares with fixed columns needs."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from napari_xanes import blocks
from napari_xanes._typing import BoolArray, Float64Array

_PIXELS = 1 << 15
"""Pixels that are added at once: their sums stay in the cache."""


class FrameSums:
    """For each pixel the sums of its values times what belongs to their frames: ``sum(w[e, r] * y[e, p])``.

    They are the right sides of normal equations. Their left side, the products of the columns, is the same for all
    pixels. Double precision: the difference of large sums is what a fit is made of.

    Parameters
    ----------
    n_rows : int
        Number R of numbers that belong to a frame.
    n_pixels : int
        Number P of pixels.

    Attributes
    ----------
    rows : ndarray, shape (R, P)
        The sums.
    squares : ndarray, shape (P,)
        Sums of the squared values.

    Sums of pixels that had no finite value in a frame (`is_bad`) mean nothing.
    """

    rows: Float64Array
    squares: Float64Array

    def __init__(self, n_rows: int, n_pixels: int) -> None:
        self.rows, self.squares = np.zeros((n_rows, n_pixels)), np.zeros(n_pixels)
        self._n_bad = np.zeros(n_pixels, np.int32)

    @property
    def is_bad(self) -> BoolArray:
        """Pixels that had no finite value in a frame."""
        bad: BoolArray = self._n_bad > 0
        return bad

    def add(self, weights: Float64Array, frame: np.ndarray) -> None:
        """Add a frame.

        Parameters
        ----------
        weights : ndarray, shape (R,)
            What belongs to the frame.
        frame : ndarray, shape (P,)
            Its values.
        """
        self._change(weights, frame, 1)

    def remove(self, weights: Float64Array, frame: np.ndarray) -> None:
        """Take out a frame that was added with the same weights and values."""
        self._change(weights, frame, -1)

    def _change(self, weights: Float64Array, frame: np.ndarray, times: int) -> None:
        def change(pixels: slice) -> None:
            values = frame[pixels].astype(np.float64)
            bad = ~np.isfinite(values)
            if bad.any():
                values[bad] = 0
                self._n_bad[pixels] += times * bad
            product = np.empty_like(values)
            for row, weight in zip(self.rows, weights, strict=True):
                np.multiply(values, times * weight, out=product)
                row[pixels] += product
            np.multiply(values, times * values, out=product)
            self.squares[pixels] += product

        in_pieces(change, frame.size)


def in_pieces(work: Callable[[slice], None], n_pixels: int) -> None:
    """Call ``work(pixels)`` for all pixels, piece by piece, on several threads."""
    pieces = [slice(start, min(start + _PIXELS, n_pixels)) for start in range(0, n_pixels, _PIXELS)]

    def counted(pixels: slice) -> float:
        work(pixels)
        return float(pixels.stop) / n_pixels

    with blocks.single_threaded_blas():
        blocks.on_threads(counted, pieces)
