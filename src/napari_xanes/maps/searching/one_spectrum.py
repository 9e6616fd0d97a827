"""Fits of one spectrum by the best combinations of a library, with errors and tests."""

from __future__ import annotations

from math import comb, log
from typing import NamedTuple

import numpy as np

from napari_xanes._typing import Float64Array
from napari_xanes.maps.searching.answers import Answer
from napari_xanes.maps.searching.columns import Columns, Projected
from napari_xanes.maps.searching.combinations import combinations

_FITTED = 20
"""So many combinations of each size are fitted at all energies."""

_TOLD = 25
"""So many answers get errors and tests."""

_LEAST_NOISE = 1e-6
"""Noise is taken as at least this share of the largest value."""

_SHARED = 5.0
"""Over so many eV measurements of one substance differ in the same sense."""

_ACCEPTED = 1e-3
"""Probability of chi square above which a fit leaves over no more than noise."""


class Fit(NamedTuple):
    """A fit at all energies: columns, shift (eV), amounts (K,), covariance of amounts and shift for noise of 1
    (K + 1, K + 1), and residual (E,) in units of the noise."""

    rows: tuple[int, ...]
    shift: float
    amounts: Float64Array
    covariance: Float64Array
    residual: Float64Array

    @property
    def squares(self) -> float:
        """Sum of squares of the residual."""
        return float(self.residual @ self.residual)


class Noise(NamedTuple):
    """Variance of the noise in units of `sigma`; that of noise and misfit together, which neighbours share; and how
    many energies are independent."""

    variance: float
    with_misfit: float
    n_free: float


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
        self._columns, self._mu, self._background, self._known = columns, mu, background, sigma is not None
        self._tolerance = tolerance
        self._sigma = np.full(mu.size, 1.0) if sigma is None else sigma
        self._data = columns.projected(mu, background, self._sigma)
        self._fits: dict[tuple[int, ...], Fit | None] = {}

    def answers(self, most: int) -> list[Answer]:
        """Return the answers with up to `most` references, without the fits that a limit forbids."""
        found = combinations(self._data, most)
        rows = [tuple(row) for part in found for row in part.rows[:_FITTED].tolist()]
        fits = [fit for fit in map(self._fit, rows) if fit is not None]
        if not fits:
            return []
        noise = self._noise(min(fits, key=lambda fit: fit.squares))
        numbers = np.array([self._bic(fit, noise) for fit in fits])
        return [self._answer(fits[i], noise) for i in np.argsort(numbers)[:_TOLD].tolist()]

    def _noise(self, best: Fit) -> Noise:
        """Return the noise that fits have.

        What the best fit leaves over beyond noise counts as noise that neighbouring energies share, and so does what
        measurements of one substance differ by.
        """
        n, freedom = self._mu.size, self._freedom(len(best.rows))
        residual = best.residual
        noise = 1.0
        if not self._known:
            bends = residual[:-2] - 2 * residual[1:-1] + residual[2:]
            floor = (_LEAST_NOISE * np.abs(self._mu).max()) ** 2
            noise = max(float(bends @ bends) / bends.size / 6, floor)
        scale = max(best.squares / freedom / noise, 1.0)
        alike = float(residual[1:] @ residual[:-1]) / max(best.squares, np.finfo(float).tiny)
        # Residuals of white noise are unlike by chance; only what exceeds that counts.
        alike = float(np.clip(alike - 2 / np.sqrt(n), 0.0, 0.95))
        n_free = max(n * (1 - alike) / (1 + alike), n - freedom + 4.0)
        axis = self._columns.energy
        neighbours = max(1.0, _SHARED * (n - 1) / (axis[-1] - axis[0]))
        typical = float(np.sqrt(np.mean(self._sigma**2)))
        model = (self._tolerance / 2 * best.amounts.sum() / typical) ** 2 * neighbours
        return Noise(noise, noise * scale * n / n_free + model, n_free)

    def _freedom(self, k: int) -> int:
        n_fitted = k + int(self._columns.shifts.size > 1) + int(self._background.shape[1])
        return max(1, int(self._mu.size) - n_fitted)

    def _bic(self, fit: Fit, found: Noise) -> float:
        """Return the extended Bayesian information criterion of a fit."""
        k = len(fit.rows)
        n_fitted = self._mu.size - self._freedom(k)
        chance = 2 * log(comb(len(self._columns.names), k))
        return fit.squares / found.with_misfit + n_fitted * log(found.n_free) + chance

    def _answer(self, fit: Fit, found: Noise) -> Answer:
        from scipy.stats import f as f_distribution

        k, n, n_library = len(fit.rows), self._mu.size, len(self._columns.names)
        noise, unit, n_free = found
        n_fitted = n - self._freedom(k)
        simpler, moved = self._simpler_squares(fit)
        gain = max(simpler - fit.squares, 0.0) / unit / moved
        p_value = min(1.0, float(f_distribution.sf(gain, moved, max(n_free - n_fitted, 1))) * max(n_library - k + 1, 1))
        total = fit.amounts.sum()
        order = np.argsort(-fit.amounts)
        fractions = fit.amounts / total
        to_fractions = (np.eye(k) - fractions[:, None]) / total
        spread = np.sqrt(np.maximum(np.diag(to_fractions @ fit.covariance[:k, :k] @ to_fractions.T), 0))
        reduced = fit.squares / self._freedom(k) / noise
        typical = np.sqrt(noise) * float(np.sqrt(np.mean(self._sigma**2)))
        return Answer(
            names=tuple(self._columns.names[fit.rows[i]] for i in order),
            fractions=fractions[order],
            noise_sigma=(spread * np.sqrt(noise))[order],
            model_sigma=(spread * np.sqrt(unit - noise))[order],
            shift=fit.shift,
            shift_sigma=float(np.sqrt(max(fit.covariance[k, k], 0) * unit)),
            bic=self._bic(fit, found),
            p_value=p_value,
            chi_square=float(reduced),
            misfit=float(typical * np.sqrt(max(reduced - 1, 0.0)) / total),
        )

    def is_noise(self, answer: Answer) -> bool:
        """Whether an answer leaves over no more than noise."""
        from scipy.stats import f as f_distribution

        freedom = self._freedom(len(answer.names))
        # An estimated variance is uncertain itself: second differences count a third of the energies twice.
        known = 1e9 if self._known else self._mu.size / 2
        return bool(f_distribution.sf(answer.chi_square, freedom, known) > _ACCEPTED)

    def _simpler_squares(self, fit: Fit) -> tuple[float, int]:
        """Return the least squares without one of the columns, and how many parameters fewer that has."""
        if len(fit.rows) == 1:
            return self._data.total, 1 + int(self._columns.shifts.size > 1)
        fewer = [self._fit(tuple(row for row in fit.rows if row != out)) for out in fit.rows]
        return min((one.squares for one in fewer if one is not None), default=self._data.total), 1

    def _fit(self, rows: tuple[int, ...]) -> Fit | None:
        """Fit some columns at the best shift; None if an amount would be negative."""
        rows = tuple(sorted(rows))
        if rows not in self._fits:
            self._fits[rows] = self._fitted(rows)
        return self._fits[rows]

    def _fitted(self, rows: tuple[int, ...]) -> Fit | None:
        shift = best_shift(self._data, self._columns.shifts, rows)
        if shift is None:
            return None
        k = len(rows)
        design = np.concatenate([self._columns.at(rows, shift), self._background], axis=1) / self._sigma[:, None]
        white = self._mu / self._sigma
        amounts = np.linalg.lstsq(design, white, rcond=None)[0]
        if not (amounts[:k] > 0).all():
            return None
        residual = white - design @ amounts
        moved = (self._columns.slope(rows, shift) @ amounts[:k]) / self._sigma
        all_columns = np.concatenate([design[:, :k], -moved[:, None], design[:, k:]], axis=1)
        covariance = np.linalg.pinv(all_columns.T @ all_columns)
        return Fit(rows, shift, amounts[:k], covariance[: k + 1, : k + 1], residual)


def best_shift(data: Projected, shifts: Float64Array, rows: tuple[int, ...]) -> float | None:
    """Return the shift at which some columns fit best with amounts of at least 0, None if there is none."""
    columns = data.values[:, list(rows)]
    gram = columns @ columns.swapaxes(1, 2)
    own = columns @ data.target
    try:
        amounts = np.linalg.solve(gram, own[..., None])[..., 0]
    except np.linalg.LinAlgError:
        return None
    gains = np.where((amounts > 0).all(axis=1), np.sum(own * amounts, axis=1), -np.inf)
    i = int(np.argmax(gains))
    if not np.isfinite(gains[i]):
        return None
    if 0 < i < len(shifts) - 1 and np.isfinite(gains[i - 1 : i + 2]).all():
        before, top, after = gains[i - 1 : i + 2]
        bend = before - 2 * top + after
        move = 0.5 * (before - after) / bend if bend < 0 else 0.0
        return float(shifts[i] + np.clip(move, -0.5, 0.5) * (shifts[1] - shifts[0]))
    return float(shifts[i])
