"""Non-local means (Buades, Coll and Morel, CVPR 2005) for images in units of their own noise."""

from __future__ import annotations

import numpy as np

from napari_xanes._typing import Float32Array


def non_local_means(image: Float32Array) -> Float32Array:
    """Clean an image (Y, X) whose noise has unit variance."""
    from skimage.restoration import denoise_nl_means

    clean = denoise_nl_means(image.astype(np.float32), patch_size=5, patch_distance=6, h=0.7, sigma=1.0, fast_mode=True)
    return np.asarray(clean, np.float32).reshape(image.shape)  # scikit-image drops an axis of length 1


def clean_edge_jump(jump: Float32Array, sigma: Float32Array) -> Float32Array:
    """Clean an edge jump; the result is at least 0.001.

    Parameters
    ----------
    jump, sigma : ndarray, shape (Y, X)
        Edge jump in OD and its standard error.
    """
    return np.asarray(np.maximum(non_local_means(jump / sigma) * sigma, 1e-3), np.float32)
