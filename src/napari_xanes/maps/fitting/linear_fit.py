"""The kernel of a reference fit: coefficients, residuals and their errors for a block of pixels."""

from __future__ import annotations

import numpy as np

from napari_xanes._typing import Block, BoolArray, Float64Array, IndexArray
from napari_xanes.maps.fitting.bounded_errors import ErrorForms
from napari_xanes.maps.fitting.data_covariance import BlockFit, DataCovariance, sum_of_products, white_variance
from napari_xanes.maps.fitting.design import Design
from napari_xanes.maps.fitting.error_model import ErrorModel
from napari_xanes.stack import SpectralStack

_Model = tuple[Float64Array, Float64Array]

_ROUNDING = 2 * float(np.finfo(np.float32).eps)
"""Share of a spectrum below which residuals and edge jumps are rounding."""


class LinearFit:
    """Fits block after block of a stack into flat float32 arrays, one value per pixel.

    Parameters
    ----------
    design : Design
        What to fit.
    stack : SpectralStack
        The stack; only its shape and noise are used here.
    fractions : bool
        Whether ``contributions`` is divided by the sum of the coefficients.
    min_jump : float, optional
        Smallest sum of coefficients of a good pixel; five of its standard errors by default.
    errors : ErrorModel, optional
        What the residuals of the stack say about its errors.
    energy_sigma : float
        Standard error of the energy axis in eV.

    Attributes
    ----------
    contributions, contribution_sigma : ndarray, shape (K, P)
        Coefficients or fractions of the references, and their errors.
    background : ndarray, shape (F, P)
        Coefficients of the backgrounds.
    jump, jump_sigma, valence, valence_sigma, rms, chi_square, dominant : ndarray, shape (P,)
        As in `fit_references`.
    valence_model : ndarray, shape (P,)
        The part of the valence's error that is no noise.
    misfit : ndarray, shape (P,)
        Smooth part of the residual over the edge jump, in pixels that were tested alone.
    smoothness : ndarray, shape (P,)
        Variance of the residual over that of white noise, where no pixel of a block is good.
    finite, good : ndarray of bool, shape (P,)
        Which pixels have finite spectra, and which of them a sufficient edge jump.
    """

    def __init__(
        self,
        design: Design,
        stack: SpectralStack,
        *,
        fractions: bool,
        min_jump: float | None,
        errors: ErrorModel | None = None,
        energy_sigma: float = 0.0,
    ) -> None:
        self.design, self.fractions, self.min_jump = design, fractions, min_jump
        self.errors = DataCovariance(design, stack, errors, energy_sigma)
        k, n_pixels = len(design.names), int(np.prod(stack.shape[1:]))
        self.contributions, self.contribution_sigma = (np.empty((k, n_pixels), np.float32) for _ in range(2))
        self.background = np.empty((len(design.backgrounds), n_pixels), np.float32)
        self.jump, self.jump_sigma, self.valence, self.valence_sigma, self.rms, self.chi_square, self.valence_model = (
            np.zeros(n_pixels, np.float32) for _ in range(7)
        )
        self.misfit, self.smoothness, self.least = (np.zeros(n_pixels, np.float32) for _ in range(3))
        self.dominant = np.zeros(n_pixels, np.uint8)
        self.finite, self.good = (np.zeros(n_pixels, dtype=bool) for _ in range(2))
        self._has_valence = design.with_valence.astype(np.float64)
        self._charges = np.where(design.with_valence, design.valences, 0.0)
        # A valence can't be further off than from the lowest reference to the highest.
        self._widest = float(np.ptp(design.valences[design.with_valence])) if design.with_valence.any() else 0.0
        self._bases = np.hstack([design.basis, design.background_basis]).T
        self._matrix = design.matrix.astype(np.float32)
        self._freedom = len(self._matrix) - len(design.backgrounds) - design.solver.members.sum(axis=1)
        self._forms = ErrorForms(design.solver, *self._weights(k), self.errors.pair)

    def _weights(self, k: int) -> tuple[Float64Array, Float64Array]:
        """Pairs of sums of coefficients whose covariances are needed, (R, K).

        K coefficients; their sum; the sums that the mean valence is the quotient of; each coefficient with the sum.
        """
        own, total = np.eye(k), np.ones((1, k))
        charge, counted = self._charges[None], self._has_valence[None]
        left, right = [own, total, charge, charge, counted], [own, total, charge, counted, counted]
        if self.fractions:
            left, right = [*left, own], [*right, np.repeat(total, k, axis=0)]
        return np.concatenate(left), np.concatenate(right)

    def block(self, block: Block, pixels: slice) -> None:
        """Fit a block (E, P) and store the results."""
        design = self.design
        with np.errstate(all="ignore"):
            data = block[design.frames]
            projected = self._bases @ data.astype(np.float64)
            target, of_background = np.split(projected, [len(design.names)])
            coefficients, support = design.solver.solve(target)
            background = design.background_inverse @ (of_background - design.coupling @ coefficients)
            # Data are float32, so a residual in float32 is about as exact as they are.
            residual = self._matrix @ np.concatenate([coefficients, background]).astype(np.float32)
            np.subtract(data, residual, out=residual)
            squares = sum_of_products(residual, residual)
            white = white_variance(residual, squares)
            variance, relative = None, None
            if self.errors.photon_noise is not None:
                variance = self.errors.photon_noise.variance(data, pixels)
                relative = residual**2 / variance
            rounding = _ROUNDING**2 * np.einsum("kp,kp->p", projected, projected)
            fit = BlockFit(
                coefficients, background, support, target, data, residual, rounding, variance, squares, white, relative
            )
            self._store(fit, pixels)

    def _store(self, fit: BlockFit, pixels: slice) -> None:
        """Store the results of a block."""
        x, background, squares = fit.coefficients, fit.background, fit.squares
        finite = np.isfinite(squares)
        if not finite.all():
            x[:, ~finite] = background[:, ~finite] = squares[~finite] = np.nan
        k, n_energies, jump = len(x), len(fit.residual), x.sum(axis=0)
        freedom = self._freedom.take(fit.support)
        expected = self.errors.expected_squares(fit, freedom, pixels)
        self.chi_square[pixels] = _chi_square(fit, expected)
        noise, factor, odd, of_local = self.errors.noise(fit, expected, pixels)
        errors = self._forms.covariances(fit.support, fit.target, x, noise, factor)
        # Whether there is material is a question of noise alone.
        least = np.maximum(5 * _root(errors[k]), np.sqrt(fit.rounding / n_energies))
        good = finite & (jump > (least if self.min_jump is None else self.min_jump))
        model = self._model(fit, freedom, odd, of_local, pixels)
        if not good.any():
            self.smoothness[pixels] = squares / freedom / fit.white
        self.finite[pixels], self.good[pixels], self.least[pixels] = finite, good, least
        self.rms[pixels] = np.sqrt(squares / n_energies)
        self.background[:, pixels] = background
        self.dominant[pixels] = np.where(good, _largest(x) + 1, 0)
        self._store_amounts(x, jump, errors, model, pixels)
        self._store_valence(x, good, errors, model, pixels)

    def _model(
        self,
        fit: BlockFit,
        freedom: Float64Array,
        odd: BoolArray,
        of_local: Float64Array | None,
        pixels: slice,
    ) -> _Model | None:
        """What is no noise: covariances (R, P) on each pixel's own support and on the whole one; None without any."""
        misfit = self.errors.smooth_misfit(fit, freedom, odd)
        if not (self.errors.has_model or misfit.any()):
            return None
        self.misfit[pixels] = np.sqrt(misfit / len(fit.residual)) / fit.coefficients.sum(axis=0)
        model = self.errors.model(fit.coefficients, misfit, self.errors.local_squares(fit, of_local))
        return self._forms.without_bounds(fit.support, model)

    def _store_amounts(
        self, x: Float64Array, jump: Float64Array, errors: Float64Array, model: _Model | None, pixels: slice
    ) -> None:
        """Store coefficients or fractions, the edge jump, and their errors."""
        k, amounts = len(x), errors[: len(x) + 1]
        if model is not None:
            # What no reference describes can be all of a pixel, and no more.
            amounts = amounts + np.minimum(model[0][: k + 1], jump**2)
        self.jump[pixels], self.jump_sigma[pixels] = jump, _root(amounts[k])
        if not self.fractions:
            self.contributions[:, pixels], self.contribution_sigma[:, pixels] = x, _root(amounts[:k])
            return
        share = x / jump
        variance, *by_model = (
            (part[:k] - 2 * share * part[k + 4 :] + share**2 * part[k]) / jump**2
            for part in (errors, *(model or ())[1:])
        )
        self.contributions[:, pixels] = np.where(jump != 0, share, np.nan)
        self.contribution_sigma[:, pixels] = _root(sum((np.minimum(part, 1) for part in by_model), variance))

    def _store_valence(
        self, x: Float64Array, good: BoolArray, errors: Float64Array, model: _Model | None, pixels: slice
    ) -> None:
        """Store the mean valence and its errors."""
        quotient = slice(len(x) + 1, len(x) + 4)
        counted = self._has_valence @ x
        valence = np.where(good & (counted > 0), self._charges @ x / counted, np.nan)
        self.valence[pixels] = valence
        self.valence_sigma[pixels] = _sigma_of_quotient(valence, errors[quotient], counted)
        if model is None:
            # As where the model is 0: a valence that is NaN has no error.
            self.valence_model[pixels] = np.where(np.isfinite(valence), 0.0, np.nan)
            return
        self.valence_model[pixels] = np.minimum(_sigma_of_quotient(valence, model[1][quotient], counted), self._widest)
        self.valence_sigma[pixels] = np.hypot(self.valence_sigma[pixels], self.valence_model[pixels])


def _sigma_of_quotient(quotient: Float64Array, covariances: Float64Array, divisor: Float64Array) -> Float64Array:
    """Standard error (P,) of a quotient, from the variance of its dividend, their covariance, and its variance."""
    dividend, both, own = covariances
    return _root(dividend - 2 * quotient * both + quotient**2 * own) / divisor


def _chi_square(fit: BlockFit, freedom: Float64Array) -> Float64Array:
    """Reduced chi-square. Without known noise the variance is half the mean squared difference of neighbours."""
    if fit.relative_squares is not None:
        result: Float64Array = fit.relative_squares.sum(axis=0) / freedom
        return result
    ratio: Float64Array = fit.squares / freedom / fit.white
    return ratio


def _largest(x: Float64Array) -> IndexArray:
    """Row (P,) of the largest value of each column, the first of equal ones; numpy's argmax is slow along rows."""
    row, largest = np.zeros(x.shape[1], dtype=np.intp), x[0]
    for i in range(1, len(x)):
        row[x[i] > largest] = i
        largest = np.maximum(largest, x[i])
    return row


def _root(variance: Float64Array) -> Float64Array:
    """Square root of a variance, which rounding may have made a little negative."""
    result: Float64Array = np.sqrt(np.maximum(variance, 0))
    return result
