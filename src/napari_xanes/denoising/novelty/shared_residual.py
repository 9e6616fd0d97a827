"""Find a phase that is spread out: too little in each place to be seen, but its residual is that of the whole sample.

Such a phase biases the fractions wherever it is. Residuals of all bins are pooled: their part that is proportional to
the edge jump, against its noise, and what differs between places, against random signs.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from napari_xanes._typing import Float32Array, Float64Array
from napari_xanes.denoising.bands import outside
from napari_xanes.denoising.binning import BIN, well_measured
from napari_xanes.denoising.design_matrix import DesignMatrix
from napari_xanes.denoising.fractions.estimate import unexplained_fraction_variance
from napari_xanes.residual_tests import pooled_residual, tile_numbers

_LEAST_BINS, _TILE = 64, 2
"""Smallest number of bins that are pooled, and side in bins of the tiles whose signs are changed."""

_MAX_P_VALUE, _MAX_P_VALUE_OF_PLACES = 1e-4, 0.005

LEVER = 3.0
"""If a missing phase changes a fraction by 1, the part of its spectrum that no mixture of references explains is about
a third of the difference between the references. For a spread-out phase of Ni(OH)2 beside NiO and LiNiO2 the factor is
2.6."""

_MIN_ERROR, _LEFT_OF_PATTERNS = 0.03, 0.35
"""Error of a fraction from which on a shared residual counts, and the share of the patterns of the beam that may be
left after their removal and is no phase."""

_MOST_BINS = 1 << 16
"""Of larger images, neighbouring bins are merged: random signs of all of them would take much memory."""

_RADIUS = 3.0  # bins over which the amount of the missing phase is averaged

SHARED_LENGTH = float(np.sqrt(4 * np.pi) * _RADIUS * BIN)
"""Pixels in a square of this width share the error that a missing phase causes."""


@dataclass(frozen=True)
class SharedResidual:
    """The residual that pixels share: ``size``, its root mean square for an edge jump of 1; ``spectrum`` (E,), for an
    edge jump of 1 and not divided by the noise; ``fraction_sigma`` (K, Y, X), the errors that follow."""

    size: float
    spectrum: Float64Array
    fraction_sigma: Float32Array


def find_shared_residual(
    residual: Float32Array,
    precision: Float32Array,
    jump: Float32Array | Float64Array,
    air_precision: float,
    design: DesignMatrix,
    shape: tuple[int, int],
    *,
    patterns: float,
    excluded: Float64Array | None = None,
) -> SharedResidual | None:
    """Test whether the residuals of the sample share a spectrum; return None if not, or if it would matter little.

    Parameters
    ----------
    residual : ndarray, shape (E, y, x)
        Bins without what is explained, divided by the noise of each energy, as from `residual_bins`.
    precision, jump : ndarray, shape (y, x)
        Precision and edge jump of the bins; precision 0 where there is no sample.
    air_precision : float
        Precision of the spectrum of air that was subtracted; 0 without air.
    design : DesignMatrix
        Columns of the fit.
    shape : tuple of int
        Of the image, for the errors.
    patterns : float
        Root mean square of the patterns of the beam that were removed, 0 if none, divided by the noise of each energy.
    excluded : ndarray, shape (E, N), optional
        Orthonormal spectra that do not count, outside the design.
    """
    factor = int(np.ceil(np.sqrt(precision.size / _MOST_BINS)))
    if factor > 1:
        residual, precision, jump = _merged(residual, precision, jump.astype(np.float32), factor)
    used = well_measured(precision) if precision.any() else precision > 0
    if used.sum() < _LEAST_BINS or design.learned or design.references.shape[1] < 2:
        return None
    weight, height = precision[used].astype(np.float64), jump[used].astype(np.float64)
    spectra = residual[:, used].astype(np.float64)
    if excluded is not None:
        outside(excluded, spectra, out=spectra)
    freedom = len(residual) - design.columns.shape[1]
    offset, slope, variance = _fit_line(spectra, weight, height, air_precision)
    left = spectra - offset[:, None] - slope[:, None] * height
    noise = max(1.0, float(np.median(np.einsum("ep,ep->p", left, left) * weight)) / freedom)
    common = _common_size(slope, noise * variance, freedom)
    local, direction = _local_size(left, weight, height, used)
    size = float(np.hypot(common, local))
    lever = LEVER * np.sqrt(len(residual) * unexplained_fraction_variance(1.0, np.ones((1, 1), np.float32), design))
    left_of_patterns = _LEFT_OF_PATTERNS * patterns / float(np.sqrt(np.mean(height**2)))
    if size < max(_MIN_ERROR / float(lever.max()), left_of_patterns):
        return None
    unit = slope / np.linalg.norm(slope) if common >= local else direction
    amount = _amount_map(unit @ (spectra - offset[:, None]), weight, height, used, noise, _RADIUS / factor)
    enlarged = np.ones((BIN * factor, BIN * factor), np.float32)
    image = np.kron((amount / np.sqrt(len(residual))).astype(np.float32), enlarged)[: shape[0], : shape[1]]
    spectrum = unit * size * np.sqrt(len(residual)) / design.root_weight
    return SharedResidual(size, spectrum, lever.astype(np.float32) * image)


def _merged(
    residual: Float32Array, precision: Float32Array, jump: Float32Array, factor: int
) -> tuple[Float32Array, Float32Array, Float32Array]:
    """Return weighted means of squares of bins, with their precision."""

    def sums(image: Float32Array) -> Float32Array:
        padded = np.pad(image, [(0, -size % factor) for size in image.shape])
        height, width = (size // factor for size in padded.shape)
        result: Float32Array = padded.reshape(height, factor, width, factor).sum(axis=(1, 3))
        return result

    total = sums(precision)
    safe = np.maximum(total, 1e-30)
    means = np.stack([sums(image * precision) / safe for image in residual]).astype(np.float32)
    return means, total, (sums(jump * precision) / safe).astype(np.float32)


def _fit_line(
    spectra: Float64Array, weight: Float64Array, height: Float64Array, air_precision: float
) -> tuple[Float64Array, Float64Array, float]:
    """Fit an offset and a part proportional to the jump at each energy; return both (E,) and the latter's variance.

    The offset is known as well as the spectrum of air is.
    """
    mixed = float(weight @ height)
    normal = np.array([[weight.sum() + air_precision, mixed], [mixed, float(weight @ height**2)]])
    covariance = np.linalg.pinv(normal)
    offset, slope = covariance @ np.stack([spectra @ weight, spectra @ (weight * height)])
    return offset, slope, float(covariance[1, 1])


def _common_size(slope: Float64Array, variance: float, freedom: int) -> float:
    """Return the root mean square of a spectrum beyond its noise; 0 if it is not significant."""
    from scipy.stats import chi2

    square = float(slope @ slope)
    if variance <= 0 or chi2.sf(square / variance, freedom) > _MAX_P_VALUE:
        return 0.0
    return float(np.sqrt(max(square / freedom - variance, 0.0)))


def _local_size(
    left: Float64Array, weight: Float64Array, height: Float64Array, used: np.ndarray
) -> tuple[float, Float64Array]:
    """Return the size of a spectrum whose amount differs between places, 0 if not significant, and its direction."""
    spectra = np.full((len(left), used.size), np.nan)
    spectra[:, used.ravel()] = left
    variance, heights = np.ones(used.size), np.zeros(used.size)
    variance[used.ravel()], heights[used.ravel()] = 1 / weight, height
    found = pooled_residual(spectra, variance[None], tile_numbers(used.shape, _TILE), heights)
    norm = float(np.linalg.norm(found.spectrum))
    if found.p_value > _MAX_P_VALUE_OF_PLACES or norm == 0:
        return 0.0, np.zeros(len(left))
    return found.size, found.spectrum / norm


def _amount_map(
    amounts: Float64Array, weight: Float64Array, height: Float64Array, used: np.ndarray, noise: float, radius: float
) -> Float64Array:
    """Return the size of the shared residual (y, x) around each bin for an edge jump of 1, without its noise."""
    from scipy.ndimage import gaussian_filter

    sums, squares, spread = np.zeros((3, *used.shape))
    sums[used], squares[used] = weight * height * amounts, weight * height**2
    spread[used] = noise * weight * height**2
    mean, total = gaussian_filter(sums, radius), np.maximum(gaussian_filter(squares, radius), 1e-30)
    variance = gaussian_filter(spread, radius / np.sqrt(2)) / (4 * np.pi * radius**2 * total**2)
    result: Float64Array = np.sqrt(np.maximum((mean / total) ** 2 - variance, 0))
    return result
