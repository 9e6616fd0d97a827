"""Maps of fractions and of the free columns, cleaned."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_xanes._typing import Float32Array
from napari_xanes.denoising.bands import times
from napari_xanes.denoising.design_matrix import Design
from napari_xanes.denoising.filters.non_local_means import non_local_mean
from napari_xanes.denoising.fractions.estimate import (
    Fractions,
)
from napari_xanes.denoising.network.cleaning import clean_maps
from napari_xanes.denoising.precision import used_precision


def clean_fractions(
    known: Fractions, beside: tuple[Float32Array, ...], how: dict[str, Any]
) -> tuple[Float32Array, Float32Array]:
    """Cleaned fractions and their errors; a single reference is all there is, and of two one tells the other."""
    if len(known.num) == 1:
        return np.ones_like(known.num), np.zeros_like(known.num)
    if len(known.num) == 2:
        first, error = clean_maps(known.num[:1], known.den[:1], *beside, **how)
        return np.concatenate([first, 1 - first]), np.concatenate([error, error])
    return clean_maps(known.num, known.den, *beside, **how)


def clean_ratios(
    known: Fractions, beside: tuple[Float32Array, ...], how: dict[str, Any]
) -> tuple[Float32Array, Float32Array]:
    """Ratios of scores to the first one, stretched to look like fractions, cleaned, and brought back."""
    ratios, sigma = np.ones_like(known.num), np.zeros_like(known.num)
    num, den = known.num[1:], known.den[1:]
    if len(num) == 0:
        return ratios, sigma
    total = den.sum(axis=(1, 2))
    mean = num.sum(axis=(1, 2)) / total
    value = num / np.maximum(den, 1e-30) - mean[:, None, None]
    noise = (den > 0).sum(axis=(1, 2)) / total
    spread = np.sqrt(np.maximum((den * value**2).sum(axis=(1, 2)) / total - noise, 0.01 * noise))
    scale, shift = (0.2 / spread)[:, None, None], (0.5 - 0.2 * mean / spread)[:, None, None]
    thin = (den / scale**2).astype(np.float32)
    cleaned, errors = clean_maps(
        (scale * num * thin / np.maximum(den, 1e-30) + shift * thin).astype(np.float32), thin, *beside, **how
    )
    ratios[1:], sigma[1:] = (cleaned - shift) / scale, errors / scale
    return ratios, sigma


def expected_fractions(known: Fractions, strength: float) -> Float32Array:
    """Fractions by total variation, summed to one."""
    import torch

    from napari_xanes.denoising.network.candidates import least_variation

    num, den = (torch.from_numpy(np.ascontiguousarray(one)) for one in (known.num, known.den))
    mean = num.sum(dim=(1, 2), keepdim=True) / den.sum(dim=(1, 2), keepdim=True)
    ridge = 8.0
    found = least_variation(num + ridge * mean, den + ridge, torch.full((len(num),), strength)).numpy()
    result: Float32Array = found / np.maximum(found.sum(axis=0), 0.1)
    return result


def as_measured(
    fractions: Float32Array, sigma: Float32Array, measured: Fractions, clear: NDArray[np.bool_]
) -> tuple[Float32Array, Float32Array]:
    """Where there is something new, fractions are not smoothed: nothing is known of what they should be."""
    from scipy.ndimage import gaussian_filter

    there = clear.any(axis=0)
    for i in range(len(fractions)):
        den = np.where(there, measured.den[i], 0)
        pooled = gaussian_filter(den, 0.6) + 1e-6
        own = gaussian_filter(np.where(there, measured.num[i], 0), 0.6) / pooled
        fractions[i] = np.where(there, np.clip(own, -0.3, 1.3), fractions[i])
        sigma[i] = np.where(there, np.sqrt(1 / (pooled * 4.5 + 11)), sigma[i])
    return fractions, sigma


def summed_to_one(fractions: Float32Array, sigma: Float32Array) -> tuple[Float32Array, Float32Array]:
    """Fractions whose sum is one, the excess taken from the least certain; of two, both have the same error."""
    share = sigma**2 / np.maximum((sigma**2).sum(axis=0), 1e-30)
    fractions = fractions + share * (1 - fractions.sum(axis=0))
    if len(fractions) == 2:
        sigma = np.broadcast_to(np.sqrt((sigma**2).mean(axis=0)), sigma.shape).copy()
    return fractions, sigma


def clean_free(amounts: Float32Array, known: Float32Array, precision: Float32Array, design: Design) -> Float32Array:
    """Amounts of the free columns, refitted with those of the references known, cleaned by non-local means."""
    k = len(known)
    basis = np.linalg.pinv(design.free)
    refitted = amounts[k:] + times(basis @ design.references, amounts[:k] - known)
    # In units of the noise, each direction apart.
    covariance = np.linalg.inv(design.free.T @ design.free)
    root = np.linalg.cholesky(covariance)
    scale = np.sqrt(used_precision(precision))
    white = times(np.linalg.inv(root), refitted) * scale
    cleaned = np.stack([non_local_mean(one) for one in white])
    return times(root, (cleaned / scale).astype(np.float32))
