"""Fits of one spectrum by the best combinations of a library, with errors and tests."""

from __future__ import annotations

from math import comb, log
from typing import NamedTuple

import numpy as np

from napari_xanes._typing import Float64Array, IndexArray
from napari_xanes.maps.searching.answers import Answer, Group, grouped
from napari_xanes.maps.searching.columns import Columns
from napari_xanes.maps.searching.combinations import combinations
from napari_xanes.maps.searching.exact_fits import ExactFits, Fits

_FITTED = 40
"""So many combinations of each size are fitted at all energies."""

_LEAST_NOISE = 1e-6
"""Noise is taken as at least this share of the largest value."""

_SHARED = 5.0
"""Over so many eV measurements of one substance differ in the same sense."""

_ACCEPTED = 1e-3
"""Probability of chi square above which a fit leaves over no more than noise."""


class Noise(NamedTuple):
    """Variance of the noise in units of `sigma`; that of noise and misfit together, which neighbours share; and how
    many energies are independent."""

    variance: float
    with_misfit: float
    n_free: float


class Answers(NamedTuple):
    """Answers, best first, and for each spectrum of the library (N,) the probability that it is in the mixture."""

    best: tuple[Answer, ...]
    presence: Float64Array


class OneSpectrum:
    """A spectrum, and fits of it by spectra of a library.

    Parameters
    ----------
    columns : Columns
        The library.
    mu : ndarray, shape (E,)
        The spectrum.
    sigma : ndarray, shape (E,), optional
        Its standard errors; if they are unknown, the scatter of neighbouring energies about the best fit tells them.
    background : ndarray, shape (E, F)
        Columns of any sign that are fitted, too.
    tolerance : float
        Largest root mean square, as a share of the edge jump, by which measurements of one substance differ.
    """

    def __init__(
        self,
        columns: Columns,
        mu: Float64Array,
        sigma: Float64Array | None,
        background: Float64Array,
        tolerance: float = 0.0,
    ) -> None:
        self._columns, self._mu, self._known, self._n_beside = columns, mu, sigma is not None, int(background.shape[1])
        self._tolerance = tolerance
        self._sigma = np.full(mu.size, 1.0) if sigma is None else sigma
        self._data = columns.projected(mu, background, self._sigma)
        self._exact = ExactFits(columns, mu, self._sigma, background)

    def answers(self, most: int, count: int) -> Answers | None:
        """Return the best answers with up to `most` references; None if no amount of any reference is positive."""
        found = combinations(self._data, most)
        shifts = self._columns.shifts
        fitted = [self._exact.of(part.rows[:_FITTED], shifts[part.places[:_FITTED]]) for part in found]
        fitted = [fits.some(np.isfinite(fits.squares)) for fits in fitted]
        fitted = [fits for fits in fitted if len(fits.rows)]
        if not fitted:
            return None
        noise = self._noise(min(fitted, key=lambda fits: float(fits.squares.min())))
        # What is not fitted at all energies counts only for how probable the others are.
        rest = [(part.rows[_FITTED:], self._data.total - part.gains[_FITTED:]) for part in found]
        tried = [(fits.rows, fits.squares) for fits in fitted] + rest
        bic = np.concatenate([self._bic(rows, squares, noise) for rows, squares in tried])
        weights = np.exp(-0.5 * (bic - bic.min()))
        weights /= weights.sum()
        rows = [tuple(row) for fits in fitted for row in fits.rows.tolist()]
        groups = grouped(rows, bic[: len(rows)], weights[: len(rows)], count)
        answers, start = {}, 0
        for fits in fitted:
            inside = [g for g in groups if start <= g.leader < start + len(fits.rows)]
            which = np.array([g.leader - start for g in inside], dtype=np.intp)
            told = self._told(fits.some(which), inside, bic, noise) if inside else []
            answers.update({group.leader: answer for group, answer in zip(inside, told, strict=True)})
            start += len(fits.rows)
        presence, start = np.zeros(len(self._columns.names)), 0
        for some, _ in tried:
            np.add.at(presence, some, weights[start : start + len(some), None])
            start += len(some)
        return Answers(tuple(answers[group.leader] for group in groups), presence)

    def _noise(self, fits: Fits) -> Noise:
        """Return the noise that fits have.

        What the best fit leaves over beyond noise counts as noise that neighbouring energies share, and so does what
        measurements of one substance differ by.
        """
        best = int(fits.squares.argmin())
        n, freedom = self._mu.size, self._freedom(fits.rows.shape[1])
        # Residuals are without backgrounds, in units of sigma; their second differences are those of the noise.
        residual, squares = fits.residuals[best], float(fits.squares[best])
        noise = 1.0
        if not self._known:
            bends = residual[:-2] - 2 * residual[1:-1] + residual[2:]
            floor = (_LEAST_NOISE * np.abs(self._mu).max()) ** 2
            noise = max(float(bends @ bends) / bends.size / 6, floor)
        scale = max(squares / freedom / noise, 1.0)
        alike = float(residual[1:] @ residual[:-1]) / max(squares, np.finfo(float).tiny)
        # Residuals of white noise are unlike by chance; only what exceeds that counts.
        alike = float(np.clip(alike - 2 / np.sqrt(n), 0.0, 0.95))
        n_free = max(n * (1 - alike) / (1 + alike), n - freedom + 4.0)
        axis = self._columns.energy
        neighbours = max(1.0, _SHARED * (n - 1) / (axis[-1] - axis[0]))
        typical = float(np.sqrt(np.mean(self._sigma**2)))
        model = (self._tolerance / 2 * float(fits.amounts[best].sum()) / typical) ** 2 * neighbours
        return Noise(noise, noise * scale * n / n_free + model, n_free)

    def _freedom(self, k: int) -> int:
        n_fitted = k + int(self._columns.shifts.size > 1) + self._n_beside
        return max(1, int(self._mu.size) - n_fitted)

    def _bic(self, rows: IndexArray, squares: Float64Array, found: Noise) -> Float64Array:
        """Return the extended Bayesian information criterion of fits (M,)."""
        k = rows.shape[1]
        n_fitted = self._mu.size - self._freedom(k)
        chance = 2 * log(comb(len(self._columns.names), k))
        result: Float64Array = squares / found.with_misfit + n_fitted * log(found.n_free) + chance
        return result

    def _told(self, fits: Fits, groups: list[Group], bic: Float64Array, found: Noise) -> list[Answer]:
        """Return fits of one size with errors and tests."""
        from scipy.stats import f as f_distribution

        k, n_library = fits.rows.shape[1], len(self._columns.names)
        noise, unit, n_free = found
        simpler, moved = self._simpler_squares(fits)
        gains = np.maximum(simpler - fits.squares, 0.0) / unit / moved
        chances = f_distribution.sf(gains, moved, max(n_free - (self._mu.size - self._freedom(k)), 1))
        chances = np.minimum(1.0, chances * max(n_library - k + 1, 1))
        totals = fits.amounts.sum(axis=1)
        fractions = fits.amounts / totals[:, None]
        covariance = fits.covariance
        to_fractions = (np.eye(k) - fractions[:, :, None]) / totals[:, None, None]
        variances = np.einsum("mik,mkl,mil->mi", to_fractions, covariance[:, :k, :k], to_fractions)
        spread = np.sqrt(np.maximum(variances, 0))
        shift_sigma = np.sqrt(np.maximum(covariance[:, k, k], 0) * unit)
        reduced = fits.squares / self._freedom(k) / noise
        typical = np.sqrt(noise) * float(np.sqrt(np.mean(self._sigma**2)))
        misfits = typical * np.sqrt(np.maximum(reduced - 1, 0.0)) / totals
        names = self._columns.names
        # Residuals are without what the background fits.
        fitted = self._mu - fits.residuals * self._sigma
        return [
            Answer(
                names=tuple(names[fits.rows[i, j]] for j in order),
                fractions=fractions[i, order],
                noise_sigma=spread[i, order] * np.sqrt(noise),
                model_sigma=spread[i, order] * np.sqrt(unit - noise),
                shift=float(fits.shifts[i]),
                shift_sigma=float(shift_sigma[i]),
                bic=float(bic[group.leader]),
                p_value=float(chances[i]),
                chi_square=float(reduced[i]),
                misfit=float(misfits[i]),
                alternatives=tuple(tuple(names[other] for other in group.alternatives[j]) for j in order),
                probability=group.probability,
                fitted=fitted[i],
            )
            for i, (group, order) in enumerate(zip(groups, np.argsort(-fits.amounts, axis=1), strict=True))
        ]

    def is_noise(self, answer: Answer) -> bool:
        """Whether an answer leaves over no more than noise."""
        from scipy.stats import f as f_distribution

        freedom = self._freedom(len(answer.names))
        # An estimated variance is uncertain itself: second differences count a third of the energies twice.
        known = 1e9 if self._known else self._mu.size / 2
        return bool(f_distribution.sf(answer.chi_square, freedom, known) > _ACCEPTED)

    def _simpler_squares(self, fits: Fits) -> tuple[Float64Array, int]:
        """Return the least squares (M,) without one of the columns, and how many parameters fewer that has."""
        m, k = fits.rows.shape
        none = np.full(m, self._exact.total)
        if k == 1:
            return none, 1 + int(self._columns.shifts.size > 1)
        fewer = np.concatenate([np.delete(fits.rows, i, axis=1) for i in range(k)])
        squares = self._exact.of(fewer, np.tile(fits.shifts, k)).squares.reshape(k, m)
        return np.minimum(squares.min(axis=0), none), 1
