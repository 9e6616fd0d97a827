"""The kernel of a reference fit: coefficients, residuals and their errors for a block of pixels."""

from __future__ import annotations

import numpy as np

from napari_xanes._typing import Block, BoolArray, Float64Array, IndexArray
from napari_xanes.maps.fitting.data_covariance import BlockFit, DataCovariance
from napari_xanes.maps.fitting.design import Design
from napari_xanes.maps.fitting.error_model import ErrorModel
from napari_xanes.stack import SpectralStack


class LinearFit:
    """Fits block after block of a stack into flat float32 arrays, one value per pixel.

    ``contributions`` and ``contribution_sigma`` (K, P) are the coefficients or fractions of the references and errors;
    ``background`` (F, P) are the coefficients of the backgrounds; ``jump``, ``valence``, ``rms``, ``chi_square``,
    ``dominant`` (P,) are as in `fit_references`, ``valence_model`` is the part of the valence's error that is no noise;
    ``misfit`` (P,) is the smooth part of the residual over the edge jump, where only single pixels could be tested;
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
        self.misfit = np.zeros(n_pixels, np.float32)
        self.dominant = np.zeros(n_pixels, np.uint8)
        self.finite, self.good = (np.zeros(n_pixels, dtype=bool) for _ in range(2))
        first, second = self.errors.pair
        self._pair_weight = np.where(first == second, 1.0, 2.0)
        rows = np.concatenate([design.solver.freed(), design.solver.gain.sum(axis=1, keepdims=True)], axis=1)
        self._own_forms = self._forms(rows, rows)
        self._prepare_unbounded(design)

    def _forms(self, left: Float64Array, right: Float64Array) -> Float64Array:
        """Bilinear forms of pairs of rows, as rows of coefficients of the covariance's upper triangle."""
        a, b = self.errors.pair
        both = left[..., a] * right[..., b] + left[..., b] * right[..., a]
        forms: Float64Array = both / 2 * self._pair_weight
        return forms

    def _prepare_unbounded(self, design: Design) -> None:
        """Prepare the forms of the fit without bounds, which give the errors of fractions and valence."""
        gain = design.solver.gain[0]
        self._has_valence = design.with_valence.astype(np.float64)
        self._charges = np.where(design.with_valence, design.valences, 0.0)
        total, valence_gain, charge = gain.sum(axis=0), self._has_valence @ gain, self._charges @ gain
        totals = np.broadcast_to(total, gain.shape)
        self._fraction_forms = self._forms(gain, gain), self._forms(gain, totals), self._forms(total, total)[None]
        self._valence_forms = np.stack(
            [self._forms(charge, charge), self._forms(charge, valence_gain), self._forms(valence_gain, valence_gain)]
        )

    def block(self, block: Block, pixels: slice) -> None:
        """Fit a block (E, P) and store the results."""
        design = self.design
        with np.errstate(all="ignore"):
            data = block[design.frames].astype(np.float64)
            coefficients, support = design.solver.solve(design.basis.T @ data)
            background = design.background_inverse @ (design.background_basis.T @ data - design.coupling @ coefficients)
            photons = self.errors.photon_noise
            variance = None if photons is None else photons.variance(data, pixels)
            fitted = design.matrix @ np.concatenate([coefficients, background])
            data -= fitted
            self._store(BlockFit(coefficients, background, support, data, variance, fitted), pixels)

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
        covariance = self.errors.noise(fit, squares, expected, pixels)
        misfit = self.errors.smooth_misfit(fit, squares, freedom)
        model = self.errors.model(x, misfit) if self.errors.has_model or misfit.any() else None
        sigma = self._sigma(fit.support, covariance)
        # Whether there is material is a question of noise alone.
        jump, least_jump = x.sum(axis=0), 5 * sigma[-1] if self.min_jump is None else self.min_jump
        good = finite & (jump > least_jump)
        if model is not None:
            covariance = covariance + model
            sigma = self._sigma(fit.support, covariance)
            self.misfit[pixels] = np.sqrt(misfit / n_energies) / jump
        self.finite[pixels], self.good[pixels] = finite, good
        self.jump[pixels], self.jump_sigma[pixels] = jump, sigma[-1]
        self.rms[pixels] = np.sqrt(squares / n_energies)
        self.background[:, pixels] = background
        self.dominant[pixels] = np.where(good, x.argmax(axis=0) + 1, 0)
        if self.fractions:
            self.contributions[:, pixels], self.contribution_sigma[:, pixels] = self._fractions(x, jump, covariance)
        else:
            self.contributions[:, pixels], self.contribution_sigma[:, pixels] = x, sigma[:-1]
        self.valence[pixels], self.valence_sigma[pixels] = self._valence(x, good, covariance)
        if model is not None:
            self.valence_model[pixels] = self._valence(x, good, model)[1]

    def _sigma(self, support: IndexArray, covariance: Float64Array) -> Float64Array:
        """Standard errors (K + 1, P) of coefficients and jump, each pixel on its own support."""
        sigma = np.empty((self._own_forms.shape[1], support.size))
        supports = np.unique(support)
        for number in supports:
            if supports.size == 1:
                sigma[:] = self._own_forms[number] @ covariance
            else:
                pixels = np.flatnonzero(support == number)
                sigma[:, pixels] = self._own_forms[number] @ covariance[:, pixels]
        return _root(sigma)

    def _fractions(
        self, coefficients: Float64Array, jump: Float64Array, covariance: Float64Array
    ) -> tuple[Float64Array, Float64Array]:
        """Coefficients over their sum, and the errors of that, (K, P)."""
        share = coefficients / jump
        variance, covariance_of_sum, sum_variance = (forms @ covariance for forms in self._fraction_forms)
        return np.where(jump != 0, share, np.nan), _root(
            variance - 2 * share * covariance_of_sum + share**2 * sum_variance
        ) / np.abs(jump)

    def _valence(
        self, coefficients: Float64Array, good: BoolArray, covariance: Float64Array
    ) -> tuple[Float64Array, Float64Array]:
        """Mean valence of the references that have one, and its error, (P,)."""
        counted = self._has_valence @ coefficients
        valence = np.where(good & (counted > 0), self._charges @ coefficients / counted, np.nan)
        charge, mixed, total = self._valence_forms @ covariance
        return valence, _root(charge - 2 * valence * mixed + valence**2 * total) / counted


def _chi_square(fit: BlockFit, squares: Float64Array, freedom: Float64Array) -> Float64Array:
    """Reduced chi-square. Without known noise the variance is half the mean squared difference of neighbours."""
    if fit.variance is not None:
        result: Float64Array = np.einsum("ep,ep,ep->p", fit.residual, fit.residual, 1 / fit.variance) / freedom
        return result
    ratio: Float64Array = squares / freedom / fit.white_variance
    return ratio


def _root(variance: Float64Array) -> Float64Array:
    """Square root of a variance, which rounding may have made a little negative."""
    result: Float64Array = np.sqrt(np.maximum(variance, 0))
    return result
