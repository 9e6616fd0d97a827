"""Clean the maps of fractions and of the baseline."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from napari_xanes._typing import BoolArray, Float32Array
from napari_xanes.denoising.bands import apply_matrix
from napari_xanes.denoising.design_matrix import DesignMatrix
from napari_xanes.denoising.filters.non_local_means import non_local_means
from napari_xanes.denoising.fractions.estimate import FractionEstimate
from napari_xanes.denoising.precision import positive_precision
from napari_xanes.denoising.tiles import Tile, over_tiles

MapCleaner = Callable[[Float32Array, Float32Array], tuple[Float32Array, Float32Array]]
"""Takes weighted estimates and information (K, Y, X), and returns cleaned maps and their standard errors."""

_RIDGE = 8.0  # information of the mean fraction in each pixel, for total variation
_TARGET_SPREAD = 0.2  # standard deviation that ratios are scaled to, as fractions usually have
_MEASURED_RADIUS = 0.6  # pixels
_VARIATION_MARGIN = 40  # pixels; total variation of this strength does not depend on those beyond, to 1e-7


def clean_fractions(estimate: FractionEstimate, clean: MapCleaner) -> tuple[Float32Array, Float32Array]:
    """Return cleaned fractions and their errors.

    The fraction of a single reference is 1. Of two fractions, one is cleaned and the other is the rest.
    """
    weighted, information = estimate.weighted_estimate, estimate.information
    if len(weighted) == 1:
        return np.ones_like(weighted), np.zeros_like(weighted)
    if len(weighted) == 2:
        first, error = clean(weighted[:1], information[:1])
        return np.concatenate([first, 1 - first]), np.concatenate([error, error])
    return clean(weighted, information)


def clean_ratios(estimate: FractionEstimate, clean: MapCleaner) -> tuple[Float32Array, Float32Array]:
    """Clean the ratios of learned components to the first one.

    The ratios are scaled to the mean and spread of fractions, cleaned, and scaled back.
    """
    ratios, sigma = np.ones_like(estimate.weighted_estimate), np.zeros_like(estimate.weighted_estimate)
    weighted, information = estimate.weighted_estimate[1:], estimate.information[1:]
    if len(weighted) == 0:
        return ratios, sigma
    total = information.sum(axis=(1, 2))
    mean = weighted.sum(axis=(1, 2)) / total
    deviation = weighted / np.maximum(information, 1e-30) - mean[:, None, None]
    noise = (information > 0).sum(axis=(1, 2)) / total
    variance = (information * deviation**2).sum(axis=(1, 2)) / total - noise
    spread = np.sqrt(np.maximum(variance, 0.01 * noise))
    scale = (_TARGET_SPREAD / spread)[:, None, None]
    shift = (0.5 - _TARGET_SPREAD * mean / spread)[:, None, None]
    scaled_information = (information / scale**2).astype(np.float32)
    scaled = scale * weighted * scaled_information / np.maximum(information, 1e-30) + shift * scaled_information
    cleaned, errors = clean(scaled.astype(np.float32), scaled_information)
    ratios[1:], sigma[1:] = (cleaned - shift) / scale, errors / scale
    return ratios, sigma


def expected_fractions(estimate: FractionEstimate, strength: float) -> Float32Array:
    """Return smooth fractions (K, Y, X) by total variation; their sum is 1."""
    maps = np.empty_like(estimate.weighted_estimate)
    for out, weighted, information in zip(maps, estimate.weighted_estimate, estimate.information, strict=True):
        _fill_smooth(out, weighted, information, strength)
    maps /= np.maximum(maps.sum(axis=0), 0.1)
    return maps


def _fill_smooth(out: Float32Array, weighted: Float32Array, information: Float32Array, strength: float) -> None:
    """Fill a map (Y, X) by total variation, tile by tile."""
    import torch

    from napari_xanes.denoising.filters.variation import total_variation, typical_information

    mean = _RIDGE * float(weighted.sum()) / float(information.sum())
    typical = typical_information(torch.from_numpy(information + np.float32(_RIDGE)))[None, None, None]

    def smooth(tile: Tile) -> None:
        images = (weighted[tile.wide] + np.float32(mean), information[tile.wide] + np.float32(_RIDGE))
        estimate, known = (torch.from_numpy(image)[None] for image in images)
        found = total_variation(estimate, known, torch.tensor([strength]), typical=typical)[0].numpy()
        out[tile.box] = found[tile.inner]

    over_tiles(smooth, out.shape, _VARIATION_MARGIN)


def restore_measured(
    fractions: Float32Array, sigma: Float32Array, measured: FractionEstimate, clear: BoolArray
) -> tuple[Float32Array, Float32Array]:
    """Replace cleaned fractions by measured ones where new features are clear, (N, Y, X).

    There the composition is unlike the rest of the sample, so it can't be smoothed.
    """
    from scipy.ndimage import gaussian_filter

    has_new_feature = clear.any(axis=0)
    for i in range(len(fractions)):
        information = gaussian_filter(np.where(has_new_feature, measured.information[i], 0), _MEASURED_RADIUS) + 1e-6
        pooled = (
            gaussian_filter(np.where(has_new_feature, measured.weighted_estimate[i], 0), _MEASURED_RADIUS) / information
        )
        fractions[i] = np.where(has_new_feature, np.clip(pooled, -0.3, 1.3), fractions[i])
        sigma[i] = np.where(has_new_feature, np.sqrt(1 / (information * 4.5 + 11)), sigma[i])
    return fractions, sigma


def normalize_sum(fractions: Float32Array, sigma: Float32Array) -> tuple[Float32Array, Float32Array]:
    """Make the sum of fractions 1; the least certain ones change most. Two fractions get the same error."""
    missing = (1 - fractions.sum(axis=0)) / np.maximum(np.einsum("kyx,kyx->yx", sigma, sigma), 1e-30)
    fractions = fractions.copy()
    for image, error in zip(fractions, sigma, strict=True):
        image += error**2 * missing
    if len(fractions) == 2:
        sigma = np.broadcast_to(np.sqrt((sigma**2).mean(axis=0)), sigma.shape).copy()
    return fractions, sigma


def clean_baseline(
    amounts: Float32Array, references: Float32Array, precision: Float32Array, design: DesignMatrix
) -> Float32Array:
    """Refit the amounts of the baseline with cleaned amounts of the references, and clean them.

    Parameters
    ----------
    amounts : ndarray, shape (K + F, Y, X)
        Fitted amounts.
    references : ndarray, shape (K, Y, X)
        Cleaned amounts of the references.
    precision : ndarray, shape (Y, X)
        One over the variance at an average energy.
    design : DesignMatrix
        Columns of the fit.

    Returns
    -------
    ndarray, shape (F, Y, X)
        Amounts of the baseline.
    """
    count = len(references)
    solver = np.linalg.pinv(design.baseline)
    refitted = apply_matrix(solver @ design.references, amounts[:count] - references)
    refitted += amounts[count:]
    # Non-local means needs independent maps of unit noise: rotate by the Cholesky factor of the covariance.
    root = np.linalg.cholesky(np.linalg.inv(design.baseline.T @ design.baseline))
    scale = np.sqrt(positive_precision(precision))
    whitened = apply_matrix(np.linalg.inv(root), refitted)
    for image in whitened:
        image[:] = non_local_means(image * scale) / scale
    return apply_matrix(root, whitened)
