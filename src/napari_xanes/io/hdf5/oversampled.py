"""Lines that were read out more often than they have pixels: each sample is counted to the pixel where it was taken."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_xanes._typing import Float32Array


def rebinned(counts: NDArray[Any], positions: NDArray[Any], pixels: NDArray[Any]) -> Float32Array:
    """Return the counts of the pixels of each line of an image.

    A pixel is the mean of its samples times the number of samples for each pixel, so that pixels of fewer samples are
    not darker. If the stage goes forth and back along a line, only the way of more samples counts: on the other one
    it flies. A sample whose position jumps by more than a pixel from both neighbours' does not count.

    Parameters
    ----------
    counts, positions : ndarray, shape (Y, N)
        What was measured, and where along its line.
    pixels : ndarray, shape (X,)
        Positions that were asked for, evenly spaced or not, rising or falling.

    Returns
    -------
    ndarray of float32, shape (Y, X)
        NaN where no sample was taken.

    Examples
    --------
    >>> rebinned(np.array([[1.0, 2, 3, 4]]), np.array([[0.0, 0.4, 1.0, 1.4]]), np.array([0.0, 1.0]))
    array([[3., 7.]], dtype=float32)
    """
    sign = -1.0 if pixels[-1] < pixels[0] else 1.0
    along = sign * np.asarray(positions, np.float64)
    along = np.where(np.isfinite(along), along, np.nan)
    smooth = _median_of_three(along)
    centres = sign * np.asarray(pixels, np.float64)
    between = (centres[1:] + centres[:-1]) / 2
    edges = np.concatenate([[2 * centres[0] - between[0]], between, [2 * centres[-1] - between[-1]]])
    pixel = np.searchsorted(edges, along, side="right") - 1
    is_used = _longest_way(smooth) & (pixel >= 0) & (pixel < centres.size) & np.isfinite(counts)
    is_used &= np.abs(along - smooth) <= np.diff(edges).max()
    place = (pixel + centres.size * np.arange(along.shape[0])[:, None])[is_used]
    n_pixels = along.shape[0] * centres.size
    n_samples = np.bincount(place, minlength=n_pixels)
    total = np.bincount(place, weights=np.asarray(counts, np.float64)[is_used], minlength=n_pixels)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = total / n_samples
    image: Float32Array = (mean * (along.shape[1] / centres.size)).astype(np.float32)
    return image.reshape(along.shape[0], centres.size)


def _median_of_three(along: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the median of each position (Y, N) and its neighbours: single wrong ones can't be the end of a way.

    Where a line ends, the step before goes on.
    """
    if along.shape[1] < 3:
        return along
    start, end = 2 * along[:, 1:2] - along[:, 2:3], 2 * along[:, -2:-1] - along[:, -3:-2]
    padded = np.concatenate([start, along, end], axis=1)
    before, here, after = padded[:, :-2], padded[:, 1:-1], padded[:, 2:]
    median: NDArray[np.float64] = np.fmax(np.fmin(before, here), np.fmin(np.fmax(before, here), after))
    return median


def _longest_way(along: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Tell which samples (Y, N) of each line lie on its longest way in one direction."""
    number = np.arange(along.shape[1])
    low = np.where(np.isfinite(along), along, np.inf)
    top = np.where(np.isfinite(along), along, -np.inf).argmax(axis=1)[:, None]
    start = np.where(number <= top, low, np.inf).argmin(axis=1)[:, None]
    end = np.where(number >= top, low, np.inf).argmin(axis=1)[:, None]
    end = np.maximum(end, top)
    is_forth = (start <= number) & (number <= top)
    is_back = (top <= number) & (number <= end)
    return np.asarray(np.where(top - start >= end - top, is_forth, is_back))
