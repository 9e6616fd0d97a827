"""Peaks on a step and a line: their model, and least squares for many spectra at once (Levenberg-Marquardt).

Parameters of a spectrum lie one after the other: centre, logarithm of sigma and amplitude of each peak; centre,
logarithm of the width and height of the step, if there is one; constant and slope. Names and meanings are those of
lmfit: the amplitude of a peak is its area.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np

from napari_xanes._typing import BoolArray, Float64Array

Shape = Literal["gaussian", "lorentzian", "voigt"]
Step = Literal["none", "arctangent"]

_FWHM = {"gaussian": 2 * np.sqrt(2 * np.log(2)), "lorentzian": 2.0, "voigt": 3.6013100}
"""Full width at half maximum over sigma; that of Voigt profiles is for gamma = sigma, as lmfit has it."""

_STEPS = 60
_PRECISION = 1e-9
"""Relative change of the sum of squares at which a fit ends."""

_FURTHEST = 3.0
"""Largest change of a centre, in units of its width, in one step."""


class PeakModel(NamedTuple):
    """Peaks of one shape at E energies (eV) on a step or none, and a line."""

    energy: Float64Array
    shape: Shape
    n_peaks: int
    step: Step

    @property
    def n_parameters(self) -> int:
        """Number of parameters of a spectrum."""
        return 3 * (self.n_peaks + (self.step != "none")) + 2

    @property
    def fwhm(self) -> float:
        """Full width at half maximum of a peak over its sigma."""
        return float(_FWHM[self.shape])

    @property
    def height(self) -> float:
        """Height of a peak over its amplitude divided by its sigma."""
        return float(self._profile(np.zeros(1), np.ones(1))[0])

    def _profile(self, distance: Float64Array, sigma: Float64Array) -> Float64Array:
        """Return a peak of area 1 at distances from its centre."""
        if self.shape == "gaussian":
            return np.asarray(np.exp(-0.5 * (distance / sigma) ** 2) / (sigma * np.sqrt(2 * np.pi)))
        if self.shape == "lorentzian":
            return np.asarray(sigma / (distance**2 + sigma**2) / np.pi)
        from scipy.special import voigt_profile

        return np.asarray(voigt_profile(distance, sigma, sigma))

    def columns(self, parameters: Float64Array) -> Float64Array:
        """Return what multiplies amplitudes, height, constant and slope, (P, E, L), for parameters (P, N)."""
        energy = self.energy[None, :]
        parts = []
        for i in range(self.n_peaks):
            centre, width = parameters[:, 3 * i, None], np.exp(parameters[:, 3 * i + 1, None])
            parts.append(self._profile(energy - centre, np.broadcast_to(width, (len(width), self.energy.size))))
        if self.step != "none":
            i = 3 * self.n_peaks
            distance = (energy - parameters[:, i, None]) / np.exp(parameters[:, i + 1, None])
            parts.append(0.5 + np.arctan(distance) / np.pi)
        line = np.stack([np.ones_like(self.energy), self.energy - self.energy.mean()])
        parts += [np.broadcast_to(one, parts[0].shape) for one in line]
        return np.stack(parts, axis=2)

    @property
    def linear(self) -> list[int]:
        """Numbers of the parameters that the model is linear in."""
        return [*range(2, self.n_parameters - 2, 3), self.n_parameters - 2, self.n_parameters - 1]

    def values(self, parameters: Float64Array) -> Float64Array:
        """Return spectra (P, E) for parameters (P, N)."""
        result: Float64Array = np.einsum("pel,pl->pe", self.columns(parameters), parameters[:, self.linear])
        return result

    def with_best_amounts(self, parameters: Float64Array, spectra: Float64Array) -> Float64Array:
        """Return parameters (P, N) whose linear ones fit spectra (P, E) best, for given centres and widths."""
        columns = self.columns(parameters)
        products = columns.swapaxes(1, 2) @ spectra[:, :, None]
        amounts = np.linalg.pinv(columns.swapaxes(1, 2) @ columns) @ products
        result = parameters.copy()
        result[:, self.linear] = amounts[..., 0]
        return result

    def slopes(self, parameters: Float64Array) -> Float64Array:
        """Return the derivatives (P, E, N) of spectra, by central differences for centres and widths."""
        result = np.empty((len(parameters), self.energy.size, self.n_parameters))
        result[:, :, self.linear] = self.columns(parameters)
        for i in sorted(set(range(self.n_parameters)) - set(self.linear)):
            moved = parameters.copy()
            moved[:, i] += 1e-5
            above = self.values(moved)
            moved[:, i] -= 2e-5
            result[:, :, i] = (above - self.values(moved)) / 2e-5
        return result


class PeakFits(NamedTuple):
    """Parameters (P, N), their covariance (P, N, N) by the scatter of the residuals, sums of squares (P,), and which
    fits have converged (P,)."""

    parameters: Float64Array
    covariance: Float64Array
    squares: Float64Array
    converged: BoolArray


def fit_peaks_to(model: PeakModel, spectra: Float64Array, start: Float64Array) -> PeakFits:
    """Fit spectra by least squares (Marquardt, J. Soc. Ind. Appl. Math. 11, 431, 1963).

    Parameters
    ----------
    model : PeakModel
        What is fitted.
    spectra : ndarray, shape (P, E)
        Finite.
    start : ndarray, shape (N,)
        Parameters to begin with; those that the model is linear in are found first, for each spectrum.
    """
    parameters = model.with_best_amounts(np.tile(start, (len(spectra), 1)), spectra)
    squares = np.sum((spectra - model.values(parameters)) ** 2, axis=1)
    damping, open_ones = np.full(len(spectra), 1e-3), np.arange(len(spectra))
    floor = 1e-20 * np.sum(spectra**2, axis=1) + np.finfo(float).tiny
    converged = np.zeros(len(spectra), dtype=bool)
    for _ in range(_STEPS):
        if not open_ones.size:
            break
        now = parameters[open_ones]
        slopes = model.slopes(now)
        residual = spectra[open_ones] - model.values(now)
        normal = slopes.swapaxes(1, 2) @ slopes
        pull = (slopes.swapaxes(1, 2) @ residual[:, :, None])[..., 0]
        scale = np.einsum("pnn->pn", normal)
        lifted = normal + (damping[open_ones, None] * scale + 1e-300)[:, :, None] * np.eye(model.n_parameters)
        move = np.linalg.solve(
            lifted + 1e-14 * scale.max(axis=1)[:, None, None] * np.eye(len(lifted[0])), pull[..., None]
        )
        tried = now + _limited(model, now, move[..., 0])
        reached = np.sum((spectra[open_ones] - model.values(tried)) ** 2, axis=1)
        before = squares[open_ones]
        better = reached <= before
        done = better & (before - reached <= _PRECISION * before + floor[open_ones])
        parameters[open_ones] = np.where(better[:, None], tried, now)
        squares[open_ones] = np.where(better, reached, before)
        damping[open_ones] *= np.where(better, 0.2, 5.0)
        stuck = damping[open_ones] > 1e8
        converged[open_ones[done]] = True
        open_ones = open_ones[~(done | stuck)]
    slopes = model.slopes(parameters)
    freedom = max(1, model.energy.size - model.n_parameters)
    inverse = np.linalg.pinv(slopes.swapaxes(1, 2) @ slopes, hermitian=True)
    return PeakFits(parameters, inverse * (squares / freedom)[:, None, None], squares, converged)


def _limited(model: PeakModel, parameters: Float64Array, move: Float64Array) -> Float64Array:
    """Return a step with bounded changes of centres and widths: far from the data, slopes tell nothing."""
    move = move.copy()
    for i in range(0, model.n_parameters - 2, 3):
        width = np.exp(parameters[:, i + 1])
        move[:, i] = np.clip(move[:, i], -_FURTHEST * width, _FURTHEST * width)
        move[:, i + 1] = np.clip(move[:, i + 1], -1.0, 1.0)
    return move
