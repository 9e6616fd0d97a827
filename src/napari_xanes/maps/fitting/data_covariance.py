"""Covariance of data in the basis of a reference fit: noise, and what noise is not."""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import numpy as np

from napari_xanes._typing import Block, BoolArray, Float32Array, Float64Array, IndexArray
from napari_xanes.maps.fitting.design import Design
from napari_xanes.maps.fitting.error_model import ErrorModel, photons_alone
from napari_xanes.maps.fitting.local_misfit import mean_square
from napari_xanes.maps.fitting.noise_model import expected_sum, relative_variance
from napari_xanes.maps.fitting.shared_misfit import PHASE
from napari_xanes.noise import AmountNoise, PhotonNoise
from napari_xanes.stack import SpectralStack

CLEARLY = 5.0
"""Standard errors by which von Neumann's ratio must be off before residuals are taken for misfit."""

_OWN = 1.1
"""Error within the references over the smooth residual of a single spectrum.

Fourteen measured spectra of Mn and Fe oxides, each fitted with the others: the errors of their valences are 0 to 2.0
times the change of the valence if a spectrum as large as the residual were added within the span of the references.
"""

_ODD = 0.001
"""A pixel whose variance is as rare as this among the others keeps its own."""

_AT_ONCE = 32
"""Products of so many energies are summed at once."""


class BlockFit(NamedTuple):
    """The fit of P spectra.

    Parameters
    ----------
    coefficients, background : ndarray, shape (K, P) and (F, P)
        Of the references and of the backgrounds.
    support : ndarray of int, shape (P,)
        Number of each pixel's support: which coefficients are not at their bound of 0 (see `active_set`).
    target : ndarray, shape (K, P)
        The data in the basis of the references.
    data, residual : ndarray, shape (E, P)
        What was fitted, and what is left of it.
    rounding : ndarray, shape (P,)
        Sum of squares up to which a residual may be rounding.
    variance : ndarray, shape (E, P), optional
        Of the data, where it is known.
    squares, white : ndarray, shape (P,)
        Sums of the squared residuals, and their `white_variance`.
    relative_squares : ndarray, shape (E, P), optional
        Squared residuals over the variance.
    """

    coefficients: Float64Array
    background: Float64Array
    support: IndexArray
    target: Float64Array
    data: Block
    residual: Float32Array
    rounding: Float64Array
    variance: Block | None
    squares: Float64Array
    white: Float64Array
    relative_squares: Block | None


def sum_of_products(first: Block, second: Block) -> Float64Array:
    """Return ``sum(first * second)`` (P,) over energies of two arrays (E, P).

    The products of a few energies are summed in the type of the arrays, these sums in float64.
    """
    total = np.zeros(first.shape[1])
    for start in range(0, len(first), _AT_ONCE):
        rows = slice(start, start + _AT_ONCE)
        total += np.einsum("ep,ep->p", first[rows], second[rows])
    return total


def weighted_squares(weights: Float32Array, values: Block) -> Float64Array:
    """Return ``sum(weights * values**2)`` (P,) over energies, as `sum_of_products`."""
    total = np.zeros(values.shape[1])
    for start in range(0, len(values), _AT_ONCE):
        rows = slice(start, start + _AT_ONCE)
        total += weights[rows] @ np.square(values[rows])
    return total


def white_variance(residual: Block, squares: Float64Array) -> Float64Array:
    """Return the variance (P,) of residuals if neighbouring energies are independent (von Neumann), misfit left out.

    `squares` (P,) are the sums of squared residuals; ``sum (b - a)**2 = sum a**2 + sum b**2 - 2 sum a b``.
    """
    products = sum_of_products(residual[1:], residual[:-1])
    ends = residual[0] ** 2 + residual[-1] ** 2
    result: Float64Array = np.maximum(squares - products - ends / 2, 0) / (len(residual) - 1)
    return result


class DataCovariance:
    """Computes covariances of blocks as upper triangles, (K * (K + 1) / 2, P).

    Parameters
    ----------
    design : Design
        The fit.
    stack : SpectralStack
        The stack; only its noise is used here.
    errors : ErrorModel, optional
        What its residuals say.
    energy_sigma : float
        Standard error of the energy axis in eV.
    """

    def __init__(self, design: Design, stack: SpectralStack, errors: ErrorModel | None, energy_sigma: float) -> None:
        self._tests_pixels = errors is not None
        self._tests_all = errors is not None and not errors.freedom
        errors = errors or photons_alone(design.energy)
        self._design, self._errors = design, errors
        noise = stack.noise and stack.noise.isel(design.frames)
        self.photon_noise = noise if isinstance(noise, PhotonNoise) else None
        self._filled = stack.filled and stack.filled.isel(design.frames)
        self._measured = None if self._filled is None else self._filled.measured_share(slice(None))
        self._shares_flats = self.photon_noise is not None and self.photon_noise.flats is not None
        self._amount_noise = noise if isinstance(noise, AmountNoise) else None
        first, second = np.triu_indices(len(design.names))
        self.pair = first, second
        self._pair_basis = np.ascontiguousarray((design.basis[:, first] * design.basis[:, second]).T)
        self._axis_error = float(np.hypot(energy_sigma, errors.shift))
        self._by_energy = design.basis.T @ design.slopes
        scaled = (design.basis.T @ design.matrix[:, : len(design.names)]) * design.scale_errors
        self._by_scale = scaled[first] * scaled[second]
        self._local_norm = float(np.linalg.norm(errors.local))
        self._local_filter = errors.local / (self._local_norm**2 or 1.0)
        self.has_model = bool(self._axis_error or errors.span or errors.local_share or design.scale_errors.any())
        self._projection = design.residual_projection
        self._full_freedom = len(design.energy) - design.matrix.shape[1]
        self._flat = bool((errors.profile == 1).all())
        self._expected = expected_sum(self._projection, errors.profile)
        self._weights = (1 / errors.profile).astype(np.float32)

    def expected_squares(self, fit: BlockFit, freedom: Float64Array, pixels: slice) -> Float64Array:
        """Expected sum of squared residuals over their variance: `freedom`, unless energies share flats."""
        if fit.variance is None or self.photon_noise is None or not self._shares_flats:
            return freedom
        own = 1 - self.photon_noise.shared_variance(pixels) / fit.variance
        left = self.photon_noise.shared_variance(pixels, self._projection) / fit.variance
        result: Float64Array = freedom * own.mean(axis=0) + left.sum(axis=0)
        return result

    def noise(
        self, fit: BlockFit, freedom: Float64Array, pixels: slice
    ) -> tuple[Float64Array, Float64Array, BoolArray, Float64Array | None]:
        """Covariance (T, P) or (T, 1) by noise and its factor (P,), and which pixels have odd residuals.

        Odd residuals are larger than those of nearly all others. Last, the variance (P,) of the amount of the spectrum
        that a part of the sample shares, if one does. `freedom` (P,) is what the sums of squared residuals stand for.
        """
        first, second = self.pair
        if self._amount_noise is not None:
            parts = self._amount_noise.sources(self._design.basis, pixels)
            result: Float64Array = np.einsum("imp,imp->ip", parts[first], parts[second])
            return result, np.ones(fit.squares.shape), np.zeros(fit.squares.shape, dtype=bool), None
        relative, own = self._relative(fit, freedom)
        if self._filled is not None and self._measured is not None and fit.variance is None:
            relative = self._filled.widened(np.broadcast_to(relative.T, fit.residual.T.shape).T, pixels)
            own = own / self._measured[pixels]
        variance, odd = _moderated(own, freedom, self._errors, known=fit.variance is not None)
        variance = variance * self._errors.inflation
        if self._shares_flats and self.photon_noise is not None:
            parts = self.photon_noise.sources(self._design.basis, pixels)
            covariance = self._pair_basis @ (relative - self.photon_noise.shared_variance(pixels))
            covariance += np.einsum("imp,imp->ip", parts[first], parts[second])
        else:
            covariance = self._pair_basis @ relative
        local = self._local_filter**2 @ relative * variance if self._errors.local_share else None
        return covariance if covariance.ndim == 2 else covariance[:, None], variance, odd, local

    def _relative(self, fit: BlockFit, freedom: Float64Array) -> tuple[Float64Array, Float64Array]:
        """Variance (E, P) or (E,) up to a factor, and the factor (P,) by the pixel's own residuals."""
        errors, shares = self._errors, bool(self._errors.shared.any())
        if fit.variance is not None:
            variance = fit.variance if self._flat else fit.variance * errors.profile[:, None]
            squares = self._own_residual(fit) ** 2 / fit.variance if shares else fit.relative_squares
            assert squares is not None
            return variance, (1 / errors.profile) @ squares / freedom
        if errors.exponent:
            relative = relative_variance(fit.data - fit.residual, errors.exponent) * errors.profile[:, None]
            return relative, np.sum(self._own_residual(fit) ** 2 / relative, axis=0) / freedom
        if self._flat and not shares:
            return errors.profile, fit.squares / freedom
        own = weighted_squares(self._weights, self._own_residual(fit))
        return errors.profile, own / (freedom * (self._expected / self._full_freedom))

    def _own_residual(self, fit: BlockFit) -> Block:
        """Residuals (E, P) without what pixels share."""
        if not self._errors.shared.any():
            return fit.residual
        shared = np.outer(self._errors.shared, self._shared_amount(fit.coefficients)).astype(np.float32)
        return fit.residual - shared

    def _shared_amount(self, coefficients: Float64Array) -> Float64Array:
        """How much of what pixels share each pixel has, (P,)."""
        return coefficients.sum(axis=0) if self._errors.shared_per_jump else np.ones(coefficients.shape[1])

    def smooth_misfit(self, fit: BlockFit, freedom: Float64Array, odd: BoolArray) -> Float64Array:
        """Sum of squared residuals (P,) that is smooth over energies, so no noise; 0 where it may be chance.

        Stacks of many pixels are tested as a whole, and single pixels only if their residuals are odd among the others.
        Without an error model nothing is tested, and neither are flats that several energies share: their noise is
        smooth over energies, and known.
        """
        if not self._tests_pixels or self._shares_flats or self._amount_noise is not None or len(fit.residual) < 3:
            return np.zeros_like(fit.squares)
        smooth = np.where(fit.squares > fit.rounding, beyond_white(fit.squares, fit.white, freedom), 0.0)
        return smooth if self._tests_all else np.where(odd, smooth, 0.0)

    def local_squares(self, fit: BlockFit, noise: Float64Array | None) -> Float64Array | None:
        """Expected squared amount (P,) of the spectrum that a part of the sample shares; None without such a part."""
        if noise is None:
            return None
        jump = fit.coefficients.sum(axis=0)
        return mean_square(self._local_filter @ fit.residual / jump, noise / jump**2, self._errors.local_share)

    def model(
        self, coefficients: Float64Array, misfit: Float64Array, local: Float64Array | None = None
    ) -> Float64Array:
        """Covariance by what is no noise: an axis or scales that are off, a spectrum without a reference, own misfit.

        `local` (P,) are squared amounts of the spectrum that a part of the sample shares.
        """
        first, second = self.pair
        errors = self._errors
        moved = self._axis_error * (self._by_energy @ coefficients)
        covariance = moved[first] * moved[second] + self._by_scale @ coefficients**2
        amount = self._shared_amount(coefficients)
        whole = coefficients.sum(axis=0)
        own = _OWN if self._tests_all else PHASE
        hidden = own**2 * misfit
        if local is not None:
            hidden = np.maximum(hidden, (PHASE * self._local_norm * whole) ** 2 * local)
        covariance[first == second] += (errors.span * amount) ** 2 + hidden
        return covariance


def beyond_white(squares: Float64Array, white: Float64Array, freedom: Float64Array) -> Float64Array:
    """Return the sum of squared residuals (P,) beyond that of white noise; 0 where it may be chance."""
    expected = white * freedom
    clear = squares > expected * (1 + CLEARLY / np.sqrt(np.maximum(freedom, 1)))
    result: Float64Array = np.where(clear, squares - expected, 0.0)
    return result


def _moderated(
    own: Float64Array, freedom: Float64Array, errors: ErrorModel, *, known: bool
) -> tuple[Float64Array, BoolArray]:
    """Variance factor (P,) of each pixel, and which are odd by being larger than those of nearly all others.

    The factor is the pixel's own, and that of all pixels, weighted by what they stand for.

    The weights are those of Smyth (Stat. Appl. Genet. Mol. Biol. 3, 3, 2004). A pixel that is odd among the others
    keeps its own factor. With known photons no factor is below 1, unless the stack was smoothed: their noise is always
    there.
    """
    if not errors.freedom:
        if not known:
            return own, np.zeros(own.shape, dtype=bool)
        variance = np.ones_like(own)
    else:
        variance = (errors.freedom * errors.scale + freedom * own) / (errors.freedom + freedom)
    ratio = own / variance
    low, high = _limits(freedom, errors.energy.size)
    large = ratio > high
    odd = large if known else large | (ratio < low)
    variance = np.where(odd | ~np.isfinite(own), own, variance)
    return np.maximum(variance, min(errors.scale, 1.0)) if known else variance, large


def _limits(freedom: Float64Array, most: int) -> tuple[Float64Array, Float64Array]:
    """Quantiles (P,) of a chi-square over its degrees of freedom, `most` at most, that `_ODD` of all lie beyond."""
    counts = np.where(np.isfinite(freedom), np.clip(np.rint(freedom), 0, most), 0).astype(np.intp)
    low, high = _table_of_limits(most)
    return low.take(counts), high.take(counts)


@cache
def _table_of_limits(most: int) -> Float64Array:
    """The quantiles (2, most + 1) for 0, 1 ... degrees of freedom."""
    from scipy.special import gammaincinv

    half = np.arange(most + 1) / 2
    with np.errstate(invalid="ignore"):
        table: Float64Array = gammaincinv(half, [[_ODD], [1 - _ODD]]) / half
    return table
