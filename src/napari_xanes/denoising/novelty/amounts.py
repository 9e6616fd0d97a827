"""Amounts of new features in every pixel, and their significance."""

from __future__ import annotations

import numpy as np

from napari_xanes._typing import BoolArray, Float32Array, Float64Array
from napari_xanes.denoising.background.patterns import Background
from napari_xanes.denoising.bands import apply_matrix, over_bands
from napari_xanes.denoising.design_matrix import DesignMatrix
from napari_xanes.denoising.precision import WeightedStack
from napari_xanes.progress import Progress

SLOW = 8.0
"""Radius in pixels above which changes count as slow."""

CLEAR_SIGMA = 4.5
"""Standard errors above which a new feature is kept unsmoothed."""

_OWN_RADIUS, _NEIGHBOUR_RADII = 0.7, (1.2, 2.0)
"""Radii in pixels over which the significance of a pixel and of its neighbourhood are pooled."""

_RESIDUAL_NOISE = 0.7
"""Share of a pixel's noise variance that remains in the difference to the mean of its neighbourhood."""

_NEIGHBOUR_BONUS = 3.0
"""Standard errors that a clear neighbourhood adds to a pixel."""


def amounts_along(
    weighted: WeightedStack,
    directions: Float64Array,
    design: DesignMatrix,
    offset: Float64Array,
    background: Background | None,
    progress: Progress | None = None,
    *,
    has_air: bool,
) -> Float32Array:
    """Project every pixel, without the background, on directions (E, N) outside the design; return (N, Y, X).

    Without air, slow changes are removed, as in `residual_bins`.
    """
    rows_of_matrix = (directions.T * design.root_weight).astype(np.float32)
    shift = (rows_of_matrix @ offset).astype(np.float32)[:, None, None]
    shape = weighted.stack.shape[1:]
    amounts = np.empty((len(rows_of_matrix), *shape), np.float32)

    def project(band: Float32Array, rows: slice) -> None:
        amounts[:, rows] = apply_matrix(rows_of_matrix, weighted.unbiased(band, rows)) - shift

    over_bands(project, weighted.stack.data, progress=progress, message="new features")
    if background is not None:
        amounts -= background.enlarged(directions.T @ background.modes, shape)
    if not has_air:
        amounts = np.stack([high_pass(image, weighted.precision, SLOW) for image in amounts])
    return amounts


def high_pass(image: Float32Array, precision: Float32Array, radius: float) -> Float32Array:
    """Subtract the weighted Gaussian mean over a radius from an image."""
    from scipy.ndimage import gaussian_filter

    mean = gaussian_filter(image * precision, radius) / np.maximum(gaussian_filter(precision, radius), 1e-30)
    return np.asarray(image - mean, np.float32)


def significance(amounts: Float32Array, precision: Float32Array) -> Float32Array:
    """Return by how many standard errors each direction stands out, (N, Y, X).

    In a clear neighbourhood the result is the significance of the pixel itself plus a bonus. Elsewhere it is that of
    the neighbourhood, which is not clear.
    """
    from scipy.ndimage import gaussian_filter

    def pooled(image: Float32Array, noise: float, radius: float) -> Float32Array:
        weight = np.maximum(gaussian_filter(precision, radius), 1e-30)
        score = gaussian_filter(image * precision, radius) / np.sqrt(weight)
        return np.asarray(score * np.sqrt(4 * np.pi) * radius / noise, np.float32)

    result = np.empty_like(amounts)
    for i, image in enumerate(amounts):
        scaled = np.abs(image * np.sqrt(precision))[precision > 0]
        noise = max(1.4826 * float(np.median(scaled)), 1e-9)
        neighbourhood = np.max([pooled(image, noise, radius) for radius in _NEIGHBOUR_RADII], axis=0)
        pixel_score = pooled(image, noise, _OWN_RADIUS) + _NEIGHBOUR_BONUS
        result[i] = np.where(neighbourhood > CLEAR_SIGMA, pixel_score, neighbourhood)
    return result


def keep_clear(amounts: Float32Array, precision: Float32Array, clear: BoolArray) -> Float32Array:
    """Return amounts of the new features where they are clear, 0 elsewhere, (N, Y, X).

    Each is a mean of the pixel and its neighbours; the pixel counts more if the neighbours differ beyond noise.
    """
    from scipy.ndimage import gaussian_filter

    clear_amounts = np.zeros_like(amounts)
    for i, image in enumerate(amounts):
        weight = np.where(clear[i], precision, 0).astype(np.float32)
        total = np.maximum(gaussian_filter(weight, _OWN_RADIUS), 1e-30)
        pooled = gaussian_filter(image * weight, _OWN_RADIUS) / total
        variance = gaussian_filter(weight**2 * (image - pooled) ** 2, _OWN_RADIUS) / total
        gain = np.maximum(variance - _RESIDUAL_NOISE, 0) / np.maximum(variance - _RESIDUAL_NOISE + 1, 1)
        clear_amounts[i] = np.where(clear[i], np.maximum(pooled + gain * (image - pooled), 0), 0)
    return clear_amounts
