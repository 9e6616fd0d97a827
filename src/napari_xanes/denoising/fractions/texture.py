"""Find where a map changes as much between neighbours as over several pixels: texture that no smoothing can resolve."""

from __future__ import annotations

import numpy as np

from napari_xanes._typing import BoolArray, Float32Array

WINDOW = 15
"""Side in pixels of the square over which differences are averaged."""

_NEAR, _FAR = 1, 3
"""Distances in pixels whose differences are compared: at edges and slopes, the far ones are several times as large."""

_RESOLVED, _UNRESOLVED = 0.6, 0.8
"""Ratio of near over far differences, without noise, below which the map counts as resolved, and above which it does
not; 1/3 at an edge, 1 if all pixels are independent."""

_MIN_EXCESS, _CLEAR = 0.4, 5.0
"""Near differences must exceed noise by this share of the noise, and by so many standard errors."""

_MOST = 5.0
"""Differences count at most as so many times the noise: single pixels and lines are no texture."""


def unresolved_texture(measured: Float32Array, variance: Float32Array, used: BoolArray) -> Float32Array:
    """Return from 0 to 1 how far the texture of a map (Y, X) is unresolved, from its semivariogram.

    Parameters
    ----------
    measured, variance : ndarray, shape (Y, X)
        Measured map and its noise variance, above 0.
    used : ndarray of bool, shape (Y, X)
        Pixels to use.

    Examples
    --------
    >>> board = (np.indices((32, 32)).sum(axis=0) % 2).astype(np.float32)
    >>> everywhere, noise = np.ones((32, 32), bool), np.full((32, 32), 0.01, np.float32)
    >>> float(unresolved_texture(board, noise, everywhere).mean())
    1.0
    >>> float(unresolved_texture(np.indices((32, 32))[0] / 32, noise, everywhere).mean())
    0.0
    """
    near, count = _excess(measured, variance, used, _NEAR)
    far, _ = _excess(measured, variance, used, _FAR)
    # Differences that share a pixel are correlated, so there are a third as many independent ones.
    clear = near > np.maximum(_MIN_EXCESS, _CLEAR * np.sqrt(3 / np.maximum(count, 1)))
    share = (near / np.maximum(far, 1e-6) - _RESOLVED) / (_UNRESOLVED - _RESOLVED)
    return np.where(clear & used, np.clip(share, 0, 1), 0).astype(np.float32)


def _excess(
    measured: Float32Array, variance: Float32Array, used: BoolArray, distance: int
) -> tuple[Float32Array, Float32Array]:
    """Return half the mean squared difference over the noise, minus 1, in a window around each pixel, and its count."""
    from scipy.ndimage import uniform_filter

    total, count = np.zeros(measured.shape, np.float32), np.zeros(measured.shape, np.float32)
    for after, before in (
        ((slice(distance, None),), (slice(None, -distance),)),
        ((slice(None), slice(distance, None)), (slice(None), slice(None, -distance))),
    ):
        pairs = used[after] & used[before]
        noise = (variance[after] + variance[before]) / 2
        ratio = (measured[after] - measured[before]) ** 2 / (2 * noise)
        total[before] += pairs * (np.minimum(ratio, _MOST) - 1)
        count[before] += pairs
    mean, share = (uniform_filter(image, WINDOW, mode="constant") for image in (total, count))
    return mean / np.maximum(share, 1e-6), share * np.float32(WINDOW**2)
