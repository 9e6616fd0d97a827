"""Peaks on a step and a smooth background: values and derivatives of many spectra at once.

Parameters of a spectrum lie one after the other: centre, logarithm of sigma, amplitude and, of a pseudo-Voigt profile,
the logarithm of its odds of being Lorentzian, for each peak; centre, logarithm of the width and height of the step, if
there is one; amounts of the background. Names and meanings are those of lmfit: the amplitude of a peak is its area.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np

from napari_xanes._typing import Float64Array

Shape = Literal["gaussian", "lorentzian", "voigt", "pseudo_voigt"]
Step = Literal["none", "arctangent", "error_function"]

_FWHM = {"gaussian": 2 * np.sqrt(2 * np.log(2)), "lorentzian": 2.0, "voigt": 3.6013100, "pseudo_voigt": 2.0}
"""Full width at half maximum over sigma; that of Voigt profiles is for gamma = sigma, as lmfit has it."""

_GAUSSIAN = 1 / np.sqrt(2 * np.log(2))
"""Sigma of the Gaussian part of a pseudo-Voigt profile over that of the profile, so that both parts are as wide."""

_STEP = 1e-5
"""Step of the central differences."""


@dataclass(frozen=True, eq=False)
class PeakModel:
    """Peaks of one shape at E energies on a step or none, and a line or a cubic spline.

    Parameters
    ----------
    energy : ndarray, shape (E,)
        In eV, increasing.
    shape : {"gaussian", "lorentzian", "voigt", "pseudo_voigt"}
        Shape of all peaks.
    n_peaks : int
        Number of peaks.
    step : {"none", "arctangent", "error_function"}
        Shape of the step.
    knots : ndarray, shape (K,), optional
        Energies that the spline of the background goes through, at least four (not-a-knot: it has one third derivative
        over the first two intervals, and over the last two); by default the background is a line.
    """

    energy: Float64Array
    shape: Shape
    n_peaks: int
    step: Step
    knots: Float64Array | None = None

    @property
    def per_peak(self) -> int:
        """Number of parameters of a peak."""
        return 4 if self.shape == "pseudo_voigt" else 3

    @property
    def peaks(self) -> range:
        """Where the parameters of each peak begin."""
        return range(0, self.per_peak * self.n_peaks, self.per_peak)

    @property
    def step_at(self) -> int | None:
        """Where the parameters of the step begin; None without one."""
        return None if self.step == "none" else self.per_peak * self.n_peaks

    @cached_property
    def background(self) -> Float64Array:
        """What multiplies the amounts of the background, (E, B)."""
        if self.knots is None:
            return np.stack([np.ones_like(self.energy), self.energy - self.energy.mean()], axis=1)
        from scipy.interpolate import make_interp_spline

        spline = make_interp_spline(self.knots, np.eye(self.knots.size), k=3)
        return np.asarray(spline(self.energy), dtype=np.float64)

    @property
    def n_parameters(self) -> int:
        """Number of parameters of a spectrum."""
        return self.per_peak * self.n_peaks + 3 * (self.step != "none") + int(self.background.shape[1])

    @cached_property
    def linear(self) -> list[int]:
        """Numbers of the parameters that the model is linear in."""
        steps = [] if self.step_at is None else [self.step_at + 2]
        first = self.n_parameters - self.background.shape[1]
        return [*(i + 2 for i in self.peaks), *steps, *range(first, self.n_parameters)]

    @property
    def widths(self) -> list[int]:
        """Numbers of the centres that have a width behind them: those of the peaks and the step."""
        return [*self.peaks, *([] if self.step_at is None else [self.step_at])]

    @property
    def fwhm(self) -> float:
        """Full width at half maximum of a peak over its sigma."""
        return float(_FWHM[self.shape])

    def heights(self, odds: Float64Array) -> Float64Array:
        """Return heights of peaks over their amplitudes divided by their sigmas, for logarithms of odds."""
        return self._profile(np.zeros(odds.shape), np.ones(odds.shape), odds)

    def _profile(self, distance: Float64Array, sigma: Float64Array, odds: Float64Array) -> Float64Array:
        """Return a peak of area 1 at distances from its centre."""
        if self.shape == "gaussian":
            return np.asarray(np.exp(-0.5 * (distance / sigma) ** 2) / (sigma * np.sqrt(2 * np.pi)))
        if self.shape == "lorentzian":
            return np.asarray(sigma / (distance**2 + sigma**2) / np.pi)
        if self.shape == "pseudo_voigt":
            share, narrow = lorentzian_share(odds), sigma * _GAUSSIAN
            gaussian = np.exp(-0.5 * (distance / narrow) ** 2) / (narrow * np.sqrt(2 * np.pi))
            return np.asarray((1 - share) * gaussian + share * sigma / (distance**2 + sigma**2) / np.pi)
        from scipy.special import voigt_profile

        return np.asarray(voigt_profile(distance, sigma, sigma))

    def _risen(self, distance: Float64Array) -> Float64Array:
        """Return a step of height 1 at distances from its centre over its width."""
        if self.step == "arctangent":
            return np.asarray(0.5 + np.arctan(distance) / np.pi)
        from scipy.special import erf

        return np.asarray(0.5 * (1 + erf(distance)))

    def columns(self, parameters: Float64Array) -> Float64Array:
        """Return what multiplies amplitudes, height and background, (P, E, L), for parameters (P, N)."""
        energy, shape = self.energy[None, :], (len(parameters), self.energy.size)
        parts = []
        for i in self.peaks:
            centre, width = parameters[:, i, None], np.exp(parameters[:, i + 1, None])
            odds = parameters[:, i + 3, None] if self.per_peak == 4 else np.zeros_like(width)
            parts.append(self._profile(energy - centre, np.broadcast_to(width, shape), odds))
        if self.step_at is not None:
            centre, width = parameters[:, self.step_at, None], np.exp(parameters[:, self.step_at + 1, None])
            parts.append(self._risen((energy - centre) / width))
        parts += [np.broadcast_to(one, shape) for one in self.background.T]
        return np.stack(parts, axis=2)

    def values(self, parameters: Float64Array) -> Float64Array:
        """Return spectra (P, E) for parameters (P, N)."""
        result: Float64Array = np.einsum("pel,pl->pe", self.columns(parameters), parameters[:, self.linear])
        return result

    def with_best_amounts(
        self, parameters: Float64Array, spectra: Float64Array, weights: Float64Array | None = None
    ) -> Float64Array:
        """Return parameters (P, N) whose linear ones fit spectra (P, E) best, for given centres and widths."""
        columns = self.columns(parameters)
        if weights is not None:
            columns, spectra = columns * weights[:, :, None], spectra * weights
        products = columns.swapaxes(1, 2) @ spectra[:, :, None]
        amounts = np.linalg.pinv(columns.swapaxes(1, 2) @ columns, hermitian=True) @ products
        result = parameters.copy()
        result[:, self.linear] = amounts[..., 0]
        return result

    def slopes(self, parameters: Float64Array) -> Float64Array:
        """Return the derivatives (P, E, N) of spectra, by central differences for all but the linear parameters."""
        result = np.empty((len(parameters), self.energy.size, self.n_parameters))
        result[:, :, self.linear] = self.columns(parameters)
        for i in sorted(set(range(self.n_parameters)) - set(self.linear)):
            moved = parameters.copy()
            moved[:, i] += _STEP
            above = self.values(moved)
            moved[:, i] -= 2 * _STEP
            result[:, :, i] = (above - self.values(moved)) / (2 * _STEP)
        return result


def lorentzian_share(odds: Float64Array) -> Float64Array:
    """Return the Lorentzian share of pseudo-Voigt profiles, lmfit's ``fraction``, from logarithms of odds."""
    return np.asarray(1 / (1 + np.exp(-np.clip(odds, -30, 30))))
