"""Non-local means (Buades, Coll and Morel, CVPR 2005) for images in units of their own noise."""

from __future__ import annotations

import math
from itertools import product
from typing import Any

import numpy as np

from napari_xanes._typing import Float32Array
from napari_xanes.denoising.one_thread import one_torch_thread
from napari_xanes.denoising.tiles import Tile, over_tiles

_PATCH, _DISTANCE = 4, 6
"""Side of the patches that are compared, and their largest distance, in pixels; `_patch_sums` adds pairs of pairs."""

_STRENGTH = 0.875
"""A patch weighs ``exp(-d / strength**2)``, where d is its mean squared difference beyond that of noise, 2."""

_LARGEST_EXPONENT = 5.0  # patches that differ more have no weight
_MARGIN = 8  # pixels; a pixel depends on those at the largest distance and their patches


def non_local_means(image: Float32Array) -> Float32Array:
    """Clean an image (Y, X) whose noise has unit variance.

    All pixels are compared with those at one distance at a time: three times as fast as patch after patch.
    """
    import torch

    cleaned = np.empty(image.shape, np.float32)

    def clean(tile: Tile) -> None:
        padded = np.pad(image[tile.wide].astype(np.float32), _MARGIN, mode="reflect")
        with torch.inference_mode():  # which each thread has for itself
            cleaned[tile.box] = _mean_of_similar(torch.from_numpy(padded)).numpy()[tile.inner]

    with one_torch_thread():
        over_tiles(clean, image.shape, _MARGIN)
    return cleaned


def _mean_of_similar(padded: Any) -> Any:
    """Return the means over similar patches of an image with a margin on all sides, without this margin."""
    import torch
    from torch.nn.functional import threshold

    near = _MARGIN - _DISTANCE
    image = padded[near:-near, near:-near].contiguous()
    scaled = padded / (_PATCH * _STRENGTH)
    height, width = image.shape
    sums, total = image.clone(), torch.ones_like(image)
    least = math.exp(-_LARGEST_EXPONENT)
    for down, right in product(range(_DISTANCE + 1), range(-_DISTANCE, _DISTANCE + 1)):
        if down == 0 and right <= 0:
            continue  # the opposite distance compares the same pixels
        first, last = max(0, -right), width - max(0, right)
        one = (slice(0, height - down), slice(first, last))
        other = (slice(down, height), slice(first + right, last + right))
        here, there = (tuple(slice(side.start + 1, side.stop + _PATCH) for side in box) for box in (one, other))
        difference = torch.sub(scaled[here], scaled[there]).square_()
        exponent = torch.rsub(_patch_sums(difference), 2 / _STRENGTH**2).clamp_(max=0.0)
        weight = threshold(exponent.exp_(), least, 0.0, inplace=True)
        total[one].add_(weight)
        total[other].add_(weight)
        sums[one].addcmul_(weight, image[other])
        sums[other].addcmul_(weight, image[one])
    inner = slice(_DISTANCE, -_DISTANCE)
    return sums[inner, inner].div_(total[inner, inner])


def _patch_sums(image: Any) -> Any:
    """Return the sums over all patches of an image (Y, X), as (Y - 3, X - 3)."""
    for axis in (0, 1):
        size = image.shape[axis]
        pairs = image.narrow(axis, 0, size - 1).add(image.narrow(axis, 1, size - 1))
        image = pairs.narrow(axis, 0, size - 3).add(pairs.narrow(axis, 2, size - 3))
    return image


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
