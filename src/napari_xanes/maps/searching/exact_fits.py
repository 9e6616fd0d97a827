"""Fits of many combinations of a library's spectra to one spectrum, each with its own shift, at all energies."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from napari_xanes._typing import Float64Array, IndexArray
from napari_xanes.maps.searching.columns import STEP, Columns, without

_ROUNDS = 6
_ENOUGH = 0.02
"""Shifts are fitted until squares fall by less than this share of the mean square of a residual, at most so often."""

_RIDGE = 1e-10
"""Keeps equations of columns that are alike solvable; as a share of their squares."""


class Fits(NamedTuple):
    """Fits of M combinations of K references.

    Parameters
    ----------
    rows : ndarray of int, shape (M, K)
        Which references.
    shifts : ndarray, shape (M,)
        In eV.
    amounts : ndarray, shape (M, K)
        Of the references.
    residuals : ndarray, shape (M, E)
        In units of the noise, without backgrounds.
    squares : ndarray, shape (M,)
        Sums of the squared residuals, infinite where an amount is not positive.
    changes : ndarray, shape (M, K + 1, E)
        What the spectrum changes by with each amount and with the shift.
    """

    rows: IndexArray
    shifts: Float64Array
    amounts: Float64Array
    residuals: Float64Array
    squares: Float64Array
    changes: Float64Array

    def some(self, which: IndexArray) -> Fits:
        """Return some of the fits."""
        return Fits(
            self.rows[which],
            self.shifts[which],
            self.amounts[which],
            self.residuals[which],
            self.squares[which],
            self.changes[which],
        )

    @property
    def covariance(self) -> Float64Array:
        """Covariance (M, K + 1, K + 1) of amounts and shift for noise of 1."""
        information = self.changes @ self.changes.swapaxes(1, 2)
        return np.linalg.pinv(information, hermitian=True).astype(np.float64)


class ExactFits:
    """Least squares of one spectrum by spectra of a library, all moved by one shift.

    Parameters
    ----------
    columns : Columns
        The library.
    mu, sigma : ndarray, shape (E,)
        The spectrum and its noise.
    background : ndarray, shape (E, F)
        Columns of any sign that are fitted, too.
    """

    def __init__(self, columns: Columns, mu: Float64Array, sigma: Float64Array, background: Float64Array) -> None:
        self._columns = columns
        self._left = without(background / sigma[:, None]) / sigma
        self._measured = self._left @ mu

    @property
    def total(self) -> float:
        """Sum of squares of the spectrum beside backgrounds, in units of the noise."""
        return float(self._measured @ self._measured)

    def of(self, rows: IndexArray, shifts: Float64Array) -> Fits:
        """Fit combinations (M, K) by Gauss-Newton steps of the shifts, from shifts (M,) near the best."""
        fits = self._at(rows, shifts)
        limit = self._columns.shifts[-1]
        step, active = np.ones(len(rows)), np.arange(len(rows))
        for _ in range(_ROUNDS if limit > 0 else 0):
            now = fits.some(active)
            moves, falls = _moves(now)
            wanted = np.clip(now.shifts + step[active] * moves, -limit, limit)
            worth = (falls > _ENOUGH * now.squares / self._measured.size) & (wanted != now.shifts)
            active, wanted = active[worth], wanted[worth]
            if not active.size:
                break
            tried = self._at(rows[active], wanted)
            better = tried.squares <= fits.squares[active]
            for old, new in zip(fits, tried, strict=True):
                old[active[better]] = new[better]
            step[active] = np.where(better, 1.0, step[active] / 4)
        return fits._replace(squares=np.where((fits.amounts > 0).all(axis=1), fits.squares, np.inf))

    def _at(self, rows: IndexArray, shifts: Float64Array) -> Fits:
        values, slopes = self._columns.at(rows.ravel(), np.repeat(shifts, rows.shape[1]))
        design = (values @ self._left.T).reshape(*rows.shape, -1)
        amounts = _solved(design, self._measured)
        residuals = self._measured - np.einsum("mke,mk->me", design, amounts)
        slope = np.einsum("mke,mk->me", slopes.reshape(*rows.shape, -1), amounts) @ self._left.T
        changes = np.concatenate([design, slope[:, None]], axis=1)
        return Fits(
            rows.copy(), shifts.copy(), amounts, residuals, np.einsum("me,me->m", residuals, residuals), changes
        )


def _moves(fits: Fits) -> tuple[Float64Array, Float64Array]:
    """Return by how many eV each shift should move, and by how much squares should fall."""
    moves = _solved(fits.changes, fits.residuals)
    falls = np.einsum("mke,me,mk->m", fits.changes, fits.residuals, moves, optimize=True)
    return np.clip(moves[:, -1], -STEP, STEP), falls


def _solved(columns: Float64Array, measured: Float64Array) -> Float64Array:
    """Return the least-squares amounts (M, K) of columns (M, K, E) in spectra (E,) or (M, E)."""
    gram = columns @ columns.swapaxes(1, 2)
    size = np.maximum(np.einsum("mkk->mk", gram).max(axis=1), np.finfo(float).tiny)
    gram += _RIDGE * size[:, None, None] * np.eye(gram.shape[-1])
    own = np.einsum("mke,me->mk", columns, np.broadcast_to(measured, (len(columns), columns.shape[2])))
    result: Float64Array = np.linalg.solve(gram, own[..., None])[..., 0]
    return result
