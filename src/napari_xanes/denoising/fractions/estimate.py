"""Edge jump and fractions from fitted amounts, with their standard errors."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from napari_xanes._typing import Float32Array, Float64Array
from napari_xanes.denoising.background.patterns import Background
from napari_xanes.denoising.bands import outside, rows_at_once
from napari_xanes.denoising.binning import BinnedStack
from napari_xanes.denoising.design_matrix import DesignMatrix
from napari_xanes.denoising.filters.non_local_means import clean_edge_jump
from napari_xanes.denoising.fractions.fit import subtract_background
from napari_xanes.denoising.precision import positive_precision

_MIN_NOISE_LEFT, _NOISE_RADIUS = 0.6, 2.0
"""Smallest share of an edge jump's noise that counts as left after cleaning, and the radius in pixels over which the
removed part is measured. If little was removed, much noise is left; if more than the noise was removed, structure was
removed as well."""


@dataclass(frozen=True)
class CleanedAmounts:
    """Fitted amounts without the background (K + F, Y, X), and the cleaned edge jump with its error, (Y, X)."""

    background: Background | None
    amounts: Float32Array
    jump: Float32Array
    jump_sigma: Float32Array


@dataclass(frozen=True)
class FractionEstimate:
    """Estimated fraction of each reference times its information, and the information: one over variance, (K, Y, X)."""

    weighted_estimate: Float32Array
    information: Float32Array


def estimate_edge_jump(
    amounts: Float32Array, precision: Float32Array, design: DesignMatrix
) -> tuple[Float32Array, Float32Array]:
    """Return the edge jump (sum of the amounts of the references) and its standard error, (Y, X)."""
    sigma = positive_precision(precision)
    np.sqrt(np.divide(np.float32(edge_jump_variance(design)), sigma, out=sigma), out=sigma)
    return amounts[: _n_jump_columns(design)].sum(axis=0), sigma


def clean_amounts(
    fitted: Float32Array, background: Background | None, precision: Float32Array, design: DesignMatrix
) -> CleanedAmounts:
    """Subtract the background from fitted amounts and clean the edge jump.

    The error of the edge jump is that of the noise that is left, and of structure that was removed.
    """
    from scipy.ndimage import gaussian_filter

    amounts = subtract_background(fitted, background, design)
    removed, sigma = estimate_edge_jump(amounts, precision, design)
    cleaned = clean_edge_jump(removed, sigma)
    removed -= cleaned
    removed /= sigma
    removed = gaussian_filter(np.square(removed, out=removed), _NOISE_RADIUS)
    np.sqrt(removed, out=removed)
    noise_left = np.abs(np.subtract(1, removed, out=removed), out=removed)
    sigma *= np.maximum(noise_left, _MIN_NOISE_LEFT, out=noise_left)
    return CleanedAmounts(background, amounts, cleaned, sigma)


def edge_jump_variance(design: DesignMatrix) -> float:
    """Return the variance of the edge jump for pixels of unit precision."""
    count = _n_jump_columns(design)
    return float(design.covariance()[:count, :count].sum())


def _n_jump_columns(design: DesignMatrix) -> int:
    return 1 if design.learned else design.references.shape[1]


def estimate_fractions(
    amounts: Float32Array, jump: Float32Array, precision: Float32Array, design: DesignMatrix
) -> FractionEstimate:
    """Divide amounts by a known edge jump.

    Parameters
    ----------
    amounts : ndarray, shape (K + F, Y, X)
        Amounts of the references and of the baseline.
    jump : ndarray, shape (Y, X)
        Edge jump, cleaned of noise, above 0.
    precision : ndarray, shape (Y, X)
        One over the variance at an average energy.
    """
    count = design.references.shape[1]
    covariance = design.covariance()[:count, :count]
    scale = jump**2
    scale *= precision
    if count == 1 and not design.learned:
        return FractionEstimate(scale[None], scale[None])
    known_sum = not design.learned
    factors = 1 / np.diag(_given_sum(covariance) if known_sum else covariance)
    sum_share = covariance.sum(axis=1) / covariance.sum()
    excess = amounts[:count].sum(axis=0) - jump if known_sum else None
    weighted, information = (np.empty((count, *jump.shape), np.float32) for _ in range(2))
    for i, (factor, share) in enumerate(zip(factors.astype(np.float32), sum_share.astype(np.float32), strict=True)):
        fraction = amounts[i] if excess is None else amounts[i] - share * excess
        np.multiply(scale, factor, out=information[i])
        np.multiply(fraction / jump, information[i], out=weighted[i])
    return FractionEstimate(weighted, information)


def _given_sum(covariance: Float64Array) -> Float64Array:
    """Return the covariance of amounts (K, K) if their sum is known."""
    result: Float64Array = covariance - np.outer(covariance.sum(axis=1) / covariance.sum(), covariance.sum(axis=0))
    return result


def fraction_levers(design: DesignMatrix) -> Float64Array:
    """Return the change (K, E) of each amount for a change of the optical depth at one energy, if the jump is known."""
    count = design.references.shape[1]
    covariance = design.covariance()[:count, :count]
    solver = design.solver()[:count]
    return np.asarray(solver - np.outer(covariance.sum(axis=1) / covariance.sum(), solver.sum(axis=0)))


def unexplained_variance(binned: BinnedStack, design: DesignMatrix, background: Background | None) -> float:
    """Return the variance per energy that design, background and noise do not explain, in a typical bin, at least 0.

    Patterns of the beam that were not removed are as large within the design, where they can't be seen, as outside.
    """
    used = binned.sample_precision > 0
    squares = np.empty(used.shape, np.float32)
    for rows in rows_at_once(*used.shape):
        values = binned.sample[:, rows]
        residual = outside(design.basis, values if background is None else values - background.on_bins(rows))
        squares[rows] = np.einsum("eyx,eyx->yx", residual, residual)
    square = squares[used]
    degrees_of_freedom = len(design.basis) - design.basis.shape[1]
    return max(0.0, float(np.median(square / degrees_of_freedom - 1 / binned.sample_precision[used])))


def equal_variance(covariance: Float64Array, design: DesignMatrix) -> float:
    """Return the variance per energy that makes the fractions as uncertain as a covariance between energies (E, E)."""
    count = design.references.shape[1]
    solver = np.linalg.pinv(design.columns)[:count]
    levers = solver - solver.mean(axis=0)
    independent = np.diag(_given_sum(design.covariance()[:count, :count]))
    return float(np.max(np.einsum("ke,ef,kf->k", levers, covariance, levers) / np.maximum(independent, 1e-30)))


def unexplained_fraction_variance(variance: float, jump: Float32Array, design: DesignMatrix) -> Float32Array:
    """Return the variance (K, Y, X) that an unexplained variance per energy adds to each fraction."""
    count = design.references.shape[1]
    covariance = design.covariance()[:count, :count]
    if not design.learned:
        covariance = _given_sum(covariance)
    result: Float32Array = (variance * np.diag(covariance)).astype(np.float32)[:, None, None] / jump**2
    return result
