"""Squares of pixels from all over a stack, from which stack-wide properties of residuals are learned."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from napari_xanes._typing import Float64Array, IndexArray
from napari_xanes.computing import frames_of, load_dask_array
from napari_xanes.on_demand import reads_rows_alone
from napari_xanes.stack import SpectralStack

_SAMPLE_PIXELS = 1 << 12
"""Number of pixels of a sample."""

_TILE = 8
"""Largest height and width of a square."""

_TILES = 64
"""Least number of squares in a stack, if it has as many pixels."""

_LEAST_BANDS = 4
"""Rows of squares are spread over the stack, at least so many."""


@dataclass(frozen=True, eq=False)
class TileSample:
    """Spectra of pairs of neighbouring squares.

    Parameters
    ----------
    spectra : ndarray, shape (E, P)
        Float64; the pixels are those of an image of shape `shape`, flattened.
    pixels : ndarray of int, shape (P,)
        Their positions in the flattened stack.
    shape : tuple of int
        Rows and columns of the sample: neighbours within a pair of squares are neighbours in the stack.
    tile : int
        Height and width of a square in pixels.
    """

    spectra: Float64Array
    pixels: IndexArray
    shape: tuple[int, int]
    tile: int


def tile_sample(stack: SpectralStack, frames: slice) -> TileSample:
    """Return pairs of squares of a stack, in rows that are spread over it; a lazy stack is read frame by frame.

    Parameters
    ----------
    stack : SpectralStack, shape (E, Y, X) or (E, Z, Y, X)
        The slices of a volume count as if they lay below each other.
    frames : slice
        The frames to take.
    """
    width = stack.shape[-1]
    n_rows = int(np.prod(stack.shape[1:])) // width
    tile = int(np.clip(np.sqrt(n_rows * width / _TILES), 1, min(_TILE, n_rows, max(1, width // 2))))
    rows, columns = _chosen(n_rows, width, tile)
    pixels = rows[:, None] * width + columns
    if not stack.is_lazy:
        flat = stack.data[frames].reshape(len(stack.energy[frames]), -1)
        spectra = flat.take(pixels.ravel(), axis=1).astype(np.float64)
    else:
        spectra = _of_lazy(stack.data[frames], rows, columns)
    return TileSample(spectra, pixels.ravel(), (rows.size, columns.size), tile)


def _chosen(n_rows: int, width: int, tile: int) -> tuple[IndexArray, IndexArray]:
    """Rows and columns of the sample: bands of rows and pairs of squares, evenly spread."""
    bands, pairs = n_rows // tile, max(1, width // (2 * tile))
    if bands * pairs * 2 * tile * tile <= _SAMPLE_PIXELS:
        return np.arange(bands * tile), np.arange(width)
    wanted = max(1, _SAMPLE_PIXELS // (2 * tile * tile))
    n_bands = min(bands, max(_LEAST_BANDS, -(-wanted // pairs)))
    n_pairs = min(pairs, max(1, wanted // n_bands))
    return _spread(bands, n_bands, tile), _spread(pairs, n_pairs, 2 * tile)


def _spread(count: int, n: int, length: int) -> IndexArray:
    """Positions in `n` of `count` pieces of a length, evenly spread."""
    starts = (np.arange(n) * count + count // 2) // n * length
    result: IndexArray = (starts[:, None] + np.arange(length)).ravel()
    return result


def _of_lazy(data: Any, rows: IndexArray, columns: IndexArray) -> Float64Array:
    """Pixels (E, P) of lazy frames (E, Y, X) or (E, Z, Y, X); only rows or slices that are needed are read."""
    if data.ndim == 3:
        if reads_rows_alone(data):
            # Of a list of rows, dask would make whole chunks; of a slice, rows are made alone.
            runs = np.split(rows, np.flatnonzero(np.diff(rows) != 1) + 1)
            parts = [load_dask_array(data[:, run[0] : run[-1] + 1])[..., columns] for run in runs]
            return np.concatenate(parts, axis=1).reshape(len(data), -1).astype(np.float64)
        part, rows = data[:, rows], np.arange(rows.size)
    else:
        slices, y = np.divmod(rows, data.shape[2])
        used, place = np.unique(slices, return_inverse=True)
        part, rows = data[:, used], place * data.shape[2] + y
    images = (frame.reshape(-1, data.shape[-1]) for frame in frames_of(part))
    return np.stack([image[rows[:, None], columns].astype(np.float64).ravel() for image in images])
