"""Is a column of a fit needed? Nested least squares of one spectrum, with noise that neighbouring energies share.

The noise is taken as autoregressive: neighbouring energies are correlated by a number that the residuals tell. What
references do not describe is smooth over energies, so it counts as such noise. Fits with and without a column are
compared by F. Coefficients that can't be negative, and the correlation that is estimated, change the distribution of F,
so it is drawn: spectra are simulated without the column, and go through the same estimates (parametric bootstrap; Efron
and Tibshirani, An Introduction to the Bootstrap, 1993, ch. 16).
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import numpy as np

from napari_xanes._typing import Float64Array, IndexArray
from napari_xanes.maps.fitting.active_set import ActiveSets

_CORRELATIONS = np.arange(0.0, 0.96, 0.1)
"""Correlations of neighbouring energies that are told apart."""

_LEAST_FREEDOM = 3
"""Fewer energies above the number of columns tell nothing about noise."""


class LeftOut(NamedTuple):
    """What a fit of one spectrum loses without a column.

    F, its p-value, the Bayesian information criterion without the column minus that with it, and the coefficient of the
    column in the fit with all of them, with its standard error where it is above 0.
    """

    f: float
    p_value: float
    bic: float
    amount: float


class _Fit(NamedTuple):
    """Sum of squares (P,), coefficients (K, P) and fitted values (E, P), before whitening, of some spectra."""

    squares: Float64Array
    amounts: Float64Array
    values: Float64Array


class NestedFits:
    """Fits of spectra by references and backgrounds, with all references and without one of them.

    Parameters
    ----------
    references : ndarray, shape (E, K)
        In units of the standard deviation of the noise at each energy, up to a factor.
    backgrounds : ndarray, shape (E, F)
        Columns of any sign, in the same units.
    nonnegative : bool
        Whether the coefficients of references are at least 0.
    known : bool
        Whether the standard deviations are known without a factor. Misfit counts as noise where it is larger.

    Raises
    ------
    ValueError
        If too few energies are left to tell the noise.
    """

    def __init__(
        self, references: Float64Array, backgrounds: Float64Array, *, nonnegative: bool = True, known: bool = False
    ) -> None:
        self._references, self._backgrounds = references, backgrounds
        self._nonnegative, self._known = nonnegative, known
        n_energies, self.n_references = references.shape
        n_columns = self.n_references + backgrounds.shape[1]
        self.freedom = n_energies - n_columns
        if self.freedom < _LEAST_FREEDOM:
            raise ValueError(
                f"{n_energies} energies are too few for {n_columns} columns: at least {n_columns + _LEAST_FREEDOM} are "
                "needed to tell the noise; use fewer references or more energies"
            )
        basis = np.linalg.qr(np.concatenate([backgrounds, references], axis=1))[0]
        self._residual = np.eye(n_energies) - basis @ basis.T
        self._expected = np.array([_neighbours(self._residual @ _root(n_energies, i)) for i in _grid()])
        self._solvers: dict[tuple[int, int], tuple[Float64Array, Float64Array, Float64Array, ActiveSets | None]] = {}

    def left_out(self, spectrum: Float64Array, column: int, n_draws: int, seed: int = 0) -> LeftOut:
        """Compare the fits of a spectrum (E,), in the same units, with all references and without one of them."""
        spectra = spectrum[:, None]
        place = int(self._correlation(spectra)[0])
        full, without = self._fit(spectra, place, -1), self._fit(spectra, place, column)
        f = float(self._f(full.squares, without.squares)[0])
        n = len(spectrum)
        tiny = np.finfo(np.float64).tiny
        bic = n * float(np.log(max(without.squares[0], tiny) / max(full.squares[0], tiny))) - np.log(n)
        p_value = 1.0
        if f > 0:
            scale = np.sqrt(self._variance(full.squares)[0])
            noise = np.random.default_rng(seed).standard_normal((n, n_draws))
            drawn = without.values + scale * (_root(n, place) @ noise)
            p_value = (1 + np.count_nonzero(self._all_f(drawn, column) >= f)) / (1 + n_draws)
        return LeftOut(f, float(p_value), float(bic), float(full.amounts[column, 0]))

    def _variance(self, squares: Float64Array) -> Float64Array:
        """Variance of the noise in fits with these sums of squares: that of the residuals, or the known one."""
        least = 1.0 if self._known else np.finfo(np.float64).tiny
        result: Float64Array = np.maximum(squares / self.freedom, least)
        return result

    def _f(self, full: Float64Array, without: Float64Array) -> Float64Array:
        # What rounding leaves of two equal sums is no difference.
        gain = np.maximum(without - full, 0.0)
        result: Float64Array = np.where(gain > 1e-10 * without, gain, 0.0) / self._variance(full)
        return result

    def _all_f(self, spectra: Float64Array, column: int) -> Float64Array:
        places, result = self._correlation(spectra), np.zeros(spectra.shape[1])
        for place in np.unique(places):
            of_place = np.flatnonzero(places == place)
            some = spectra[:, of_place]
            result[of_place] = self._f(self._fit(some, place, -1).squares, self._fit(some, place, column).squares)
        return result

    def _correlation(self, spectra: Float64Array) -> IndexArray:
        """Number (P,) of the correlation whose residuals are as alike at neighbouring energies as those measured."""
        residual = self._residual @ spectra
        total = np.sum(residual**2, axis=0)
        alike = np.sum(residual[1:] * residual[:-1], axis=0) / np.maximum(total, np.finfo(np.float64).tiny)
        # Correlations that residuals can't tell from the one before would only add noise.
        rising = np.maximum.accumulate(self._expected)
        result: IndexArray = np.abs(alike[:, None] - rising[None, :]).argmin(axis=1)
        return result

    def _fit(self, spectra: Float64Array, place: int, without: int) -> _Fit:
        """Fit spectra (E, P) at one of the correlations; -1 leaves no reference out."""
        basis, q, r, solver = self._solver(place, without)
        root = _root(len(spectra), place)
        white = _solve(root, spectra)
        background, parts = basis.T @ white, q.T @ white
        rest = np.sum(white**2, axis=0) - np.sum(background**2, axis=0) - np.sum(parts**2, axis=0)
        fewer = np.zeros((0, spectra.shape[1])) if solver is None else solver.solve(parts)[0]
        squares = np.maximum(rest, 0.0) + np.sum((parts - r @ fewer) ** 2, axis=0)
        amounts = fewer if without < 0 else np.insert(fewer, without, 0.0, axis=0)
        values = root @ (basis @ background + q @ (r @ fewer))
        return _Fit(squares, amounts, values)

    def _solver(self, place: int, without: int) -> tuple[Float64Array, Float64Array, Float64Array, ActiveSets | None]:
        """Return orthonormal backgrounds and references at a correlation, the triangle of these, and their solver."""
        if (place, without) not in self._solvers:
            kept = [i for i in range(self.n_references) if i != without]
            n = self._backgrounds.shape[1]
            columns = np.concatenate([self._backgrounds, self._references[:, kept]], axis=1)
            q, r = np.linalg.qr(_solve(_root(len(columns), place), columns))
            own = r[n:, n:]
            solver = ActiveSets(own, nonnegative=self._nonnegative, sum_to_one=False) if kept else None
            self._solvers[place, without] = q[:, :n], q[:, n:], own, solver
        return self._solvers[place, without]


def _grid() -> range:
    return range(_CORRELATIONS.size)


@cache
def _root(n_energies: int, place: int) -> Float64Array:
    """Lower triangle that makes white noise autoregressive, of unit variance, with one of the correlations."""
    steps = np.arange(n_energies)
    correlation = _CORRELATIONS[place] ** np.abs(steps[:, None] - steps[None, :])
    root: Float64Array = np.linalg.cholesky(correlation)
    return root


def _solve(root: Float64Array, values: Float64Array) -> Float64Array:
    from scipy.linalg import solve_triangular

    result: Float64Array = solve_triangular(root, values, lower=True)
    return result


def _neighbours(root: Float64Array) -> float:
    """Products of neighbours over the squares that residuals ``root @ white noise`` have on average."""
    covariance = root @ root.T
    return float(np.sum(np.diagonal(covariance, 1)) / np.trace(covariance))
