"""The kernel of a reference fit: coefficients, residuals and their errors for a block of pixels."""

from __future__ import annotations

import numpy as np

from napari_xanes._typing import Block, Float64Array
from napari_xanes.maps.fitting.bounded_errors import ErrorForms
from napari_xanes.maps.fitting.data_covariance import BlockFit, DataCovariance, white_variance
from napari_xanes.maps.fitting.design import Design
from napari_xanes.maps.fitting.error_model import ErrorModel
from napari_xanes.stack import SpectralStack


class LinearFit:
    """Fits block after block of a stack into flat float32 arrays, one value per pixel.

    ``contributions`` and ``contribution_sigma`` (K, P) are the coefficients or fractions of the references and errors;
    ``background`` (F, P) are the coefficients of the backgrounds; ``jump``, ``valence``, ``rms``, ``chi_square``,
    ``dominant`` (P,) are as in `fit_references`, ``valence_model`` is the part of the valence's error that is no noise;
    ``misfit`` (P,) is the smooth part of the residual over the edge jump, in pixels that were tested alone;
    ``smoothness`` (P,) is the variance of the residual over that of white noise, where no pixel of a block is good;
    ``finite`` and ``good`` (P,) say which pixels have finite spectra and a sufficient edge jump.

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
        self.misfit, self.smoothness = (np.zeros(n_pixels, np.float32) for _ in range(2))
        self.dominant = np.zeros(n_pixels, np.uint8)
        self.finite, self.good = (np.zeros(n_pixels, dtype=bool) for _ in range(2))
        self._has_valence = design.with_valence.astype(np.float64)
        self._charges = np.where(design.with_valence, design.valences, 0.0)
        # A valence can't be further off than from the lowest reference to the highest.
        self._widest = float(np.ptp(design.valences[design.with_valence])) if design.with_valence.any() else 0.0
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
            data = block[design.frames].astype(np.float64)
            target = design.basis.T @ data
            coefficients, support = design.solver.solve(target)
            background = design.background_inverse @ (design.background_basis.T @ data - design.coupling @ coefficients)
            photons = self.errors.photon_noise
            variance = None if photons is None else photons.variance(data, pixels)
            fitted = design.matrix @ np.concatenate([coefficients, background])
            data -= fitted
            self._store(BlockFit(coefficients, background, support, target, data, variance, fitted), pixels)

    def _store(self, fit: BlockFit, pixels: slice) -> None:
        """Store the results of a block."""
        x, background = fit.coefficients, fit.background
        squares = np.einsum("ep,ep->p", fit.residual, fit.residual)
        finite = np.isfinite(squares)
        x[:, ~finite] = background[:, ~finite] = squares[~finite] = np.nan
        n_energies = len(fit.residual)
        freedom = n_energies - len(background) - self.design.solver.members.sum(axis=1)[fit.support]
        expected = self.errors.expected_squares(fit, freedom, pixels)
        self.chi_square[pixels] = _chi_square(fit, squares, expected)
        noise, odd, of_local = self.errors.noise(fit, squares, expected, pixels)
        misfit = self.errors.smooth_misfit(fit, squares, freedom, odd)
        has_model = self.errors.has_model or misfit.any()
        model = self.errors.model(x, misfit, self.errors.local_squares(fit, of_local)) if has_model else None
        errors = self._forms.covariances(fit.support, fit.target, x, noise)
        none = np.zeros_like(errors)
        of_model, free_model = (none, none) if model is None else self._forms.without_bounds(fit.support, model)
        # What no reference describes can be all of a pixel, and no more.
        of_amounts = np.minimum(of_model[: len(x) + 1], x.sum(axis=0) ** 2)
        k, jump = len(x), x.sum(axis=0)
        # Whether there is material is a question of noise alone.
        good = finite & (jump > (5 * _root(errors[k]) if self.min_jump is None else self.min_jump))
        if has_model:
            self.misfit[pixels] = np.sqrt(misfit / n_energies) / jump
        if not good.any():
            self.smoothness[pixels] = squares / freedom / white_variance(fit.residual, squares)
        self.finite[pixels], self.good[pixels] = finite, good
        self.jump[pixels], self.jump_sigma[pixels] = jump, _root(errors[k] + of_amounts[k])
        self.rms[pixels] = np.sqrt(squares / n_energies)
        self.background[:, pixels] = background
        self.dominant[pixels] = np.where(good, x.argmax(axis=0) + 1, 0)
        if self.fractions:
            share = x / jump
            by_noise, by_model = (
                (part[:k] - 2 * share * part[k + 4 :] + share**2 * part[k]) / jump**2 for part in (errors, free_model)
            )
            self.contributions[:, pixels] = np.where(jump != 0, share, np.nan)
            self.contribution_sigma[:, pixels] = _root(by_noise + np.minimum(by_model, 1))
        else:
            self.contributions[:, pixels], self.contribution_sigma[:, pixels] = x, _root(errors[:k] + of_amounts[:k])
        counted = self._has_valence @ x
        valence = np.where(good & (counted > 0), self._charges @ x / counted, np.nan)
        self.valence[pixels] = valence
        of_noise, by_misfit = (
            _sigma_of_quotient(valence, part[k + 1 : k + 4], counted) for part in (errors, free_model)
        )
        self.valence_model[pixels] = np.minimum(by_misfit, self._widest)
        self.valence_sigma[pixels] = np.hypot(of_noise, self.valence_model[pixels])


def _sigma_of_quotient(quotient: Float64Array, covariances: Float64Array, divisor: Float64Array) -> Float64Array:
    """Standard error (P,) of a quotient, from the variance of its dividend, their covariance, and its variance."""
    dividend, both, own = covariances
    return _root(dividend - 2 * quotient * both + quotient**2 * own) / divisor


def _chi_square(fit: BlockFit, squares: Float64Array, freedom: Float64Array) -> Float64Array:
    """Reduced chi-square. Without known noise the variance is half the mean squared difference of neighbours."""
    if fit.variance is not None:
        result: Float64Array = np.einsum("ep,ep,ep->p", fit.residual, fit.residual, 1 / fit.variance) / freedom
        return result
    ratio: Float64Array = squares / freedom / white_variance(fit.residual, squares)
    return ratio


def _root(variance: Float64Array) -> Float64Array:
    """Square root of a variance, which rounding may have made a little negative."""
    result: Float64Array = np.sqrt(np.maximum(variance, 0))
    return result
