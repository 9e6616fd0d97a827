"""Non-local means (Buades, Coll and Morel, CVPR 2005) for images in units of their own noise."""

from __future__ import annotations

import numpy as np

from napari_xanes._typing import Float32Array
from napari_xanes.denoising.tiles import Tile, over_tiles

_PATCH, _DISTANCE = 5, 6
"""Side of the patches that are compared, and their largest distance, in pixels."""

_MARGIN = 16  # pixels, more than what a pixel depends on


def non_local_means(image: Float32Array) -> Float32Array:
    """Clean an image (Y, X) whose noise has unit variance."""
    from skimage.restoration import denoise_nl_means

    cleaned = np.empty(image.shape, np.float32)

    def clean(tile: Tile) -> None:
        part = image[tile.wide].astype(np.float32)
        found = denoise_nl_means(part, patch_size=_PATCH, patch_distance=_DISTANCE, h=0.7, sigma=1.0, fast_mode=True)
        # scikit-image drops an axis of length 1
        cleaned[tile.box] = np.asarray(found, np.float32).reshape(part.shape)[tile.inner]

    over_tiles(clean, image.shape, _MARGIN)
    return cleaned


def clean_edge_jump(jump: Float32Array, sigma: Float32Array) -> Float32Array:
    """Clean an edge jump; the result is at least 0.001.

    Parameters
    ----------
    jump, sigma : ndarray, shape (Y, X)
        Edge jump in OD and its standard error.
    """
    cleaned = non_local_means(jump / sigma)
    cleaned *= sigma
    return np.maximum(cleaned, 1e-3, out=cleaned)
