"""Images cleaned by non-local means (Buades, Coll and Morel, CVPR 2005), each in units of its own error."""

from __future__ import annotations

import numpy as np

from napari_xanes._typing import Float32Array


def non_local_mean(score: Float32Array) -> Float32Array:
    """An image (Y, X) whose noise has unit variance, cleaned."""
    from skimage.restoration import denoise_nl_means

    clean = denoise_nl_means(score.astype(np.float32), patch_size=5, patch_distance=6, h=0.7, sigma=1.0, fast_mode=True)
    return np.asarray(clean, np.float32)


def clean_jump(jump: Float32Array, sigma: Float32Array) -> Float32Array:
    """An edge jump cleaned of noise; at least 0.001.

    Parameters
    ----------
    jump, sigma : ndarray, shape (Y, X)
        Edge jump in OD and its standard error.
    """
    return np.asarray(np.maximum(non_local_mean(jump / sigma) * sigma, 1e-3), np.float32)
