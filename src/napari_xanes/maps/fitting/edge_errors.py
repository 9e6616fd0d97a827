"""Errors of what `EdgeFit` reads from spectra, for given noise of the points that are used and of the two lines.

A result is, to first order, a weighted sum of three rows near each other (smoothed values, or slopes) and of the lines'
value at E0, slope and jump. The rows are sums of the spectrum's points. Noise of points is taken as equal within the
few points that make three rows, and points as independent of the lines, which lie elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from napari_xanes._typing import Block, Float64Array, IndexArray

Three = tuple[Any, Any, Any]
"""Weights of three rows, or of the lines' value, slope and jump; numbers or (P,)."""

Rows = tuple[IndexArray, IndexArray, IndexArray]
"""Three rows of each spectrum, (P,) each; the middle one is where noise is taken."""

PAIRS = np.triu_indices(3)
"""First and second of each pair of three, in the order of an upper triangle."""


class RowErrors:
    """Sums over the noise of the points that make each row.

    Parameters
    ----------
    rows : ndarray, shape (N, M)
        Weights of M points in each of N rows.
    columns : ndarray, shape (M, K), optional
        Independent spectra whose amounts carry all noise, if the stack was put together from amounts.
    """

    def __init__(self, rows: Float64Array, columns: Float64Array | None = None) -> None:
        self._products = rows @ rows.T
        self._amounts = None if columns is None else rows @ columns

    @property
    def own(self) -> Float64Array:
        """Variance of each row for independent noise of 1."""
        return np.diagonal(self._products)

    def forms(self, rows: Rows) -> Float64Array:
        """Covariance of each three rows (N,) for independent noise of 1, its upper triangle, (6, N)."""
        first, second = PAIRS
        return np.stack([self._products[rows[a], rows[b]] for a, b in zip(first, second, strict=True)])

    def amounts(self, rows: Rows, weights: Three) -> Float64Array:
        """Weighted rows of each spectrum that carries noise, (K, P)."""
        assert self._amounts is not None
        parts = (np.multiply(self._amounts[row].T, weight) for row, weight in zip(rows, weights, strict=True))
        result: Float64Array = sum(parts, np.zeros(1))
        return result


class RowSet:
    """Three rows for each row of a spectrum, and their covariance.

    Parameters
    ----------
    errors : RowErrors
        Errors of all rows.
    rows : tuple of ndarray, shape (N,)
        The three rows that belong to each row.
    """

    def __init__(self, errors: RowErrors, rows: Rows) -> None:
        self.rows, self._errors, self._forms = rows, errors, errors.forms(rows)

    def form(self, j: IndexArray, weights: Three) -> Float64Array:
        """Variance of the weighted rows that belong to each `j`, for independent noise of 1, (P,)."""
        return quadratic(lambda pair: self._forms[pair].take(j), weights)

    def form_of_rows(self, weights: Three) -> Float64Array:
        """Variance of the weighted rows that belong to each row, for independent noise of 1, (N,)."""
        return quadratic(self._forms.__getitem__, weights)

    def amounts(self, j: IndexArray, weights: Three) -> Float64Array:
        """Weighted rows that belong to each `j` of each spectrum that carries noise, (K, P)."""
        first, middle, last = self.rows
        return self._errors.amounts((first[j], middle[j], last[j]), weights)


def quadratic(form: Callable[[int], Any], weights: Three) -> Float64Array:
    """Return the variance (P,) of a weighted sum of three; `form` gives a pair of the upper triangle of its covariance.

    Weights that are the number 0 cost nothing.
    """
    x, y, z = weights
    if _is_zero(x) and _is_zero(z):
        only: Float64Array = y * y * form(3)
        return only
    if _is_zero(y):
        outer: Float64Array = x * (x * form(0) + 2 * z * form(2)) + z * z * form(5)
        return outer
    result: Float64Array = x * (x * form(0) + 2 * (y * form(1) + z * form(2))) + y * (y * form(3) + 2 * z * form(4))
    result += z * z * form(5)
    return result


def _is_zero(weight: Any) -> bool:
    return isinstance(weight, float) and weight == 0


def at(rows: Block, j: IndexArray) -> Block:
    """Return one row of each column, (P,)."""
    result: Block = rows.ravel().take(j * rows.shape[1] + np.arange(j.size))
    return result


@dataclass(frozen=True)
class Law:
    """How the variance of points (..., P) follows from their values, up to a factor.

    Parameters
    ----------
    variance : callable
        Takes the points and what belongs to their spectra.
    by_pixel : ndarray, shape (P,), optional
        What belongs to each spectrum.
    """

    variance: Callable[[Block, Any], Block]
    by_pixel: Block | None = None

    def __call__(self, points: Block) -> Block:
        """Return the variance of points."""
        return self.variance(points, self.by_pixel)

    def of_pixels(self, chosen: IndexArray) -> Law:
        """Return the law for some of the spectra."""
        return self if self.by_pixel is None else replace(self, by_pixel=self.by_pixel[chosen])


@dataclass(frozen=True)
class BlockErrors:
    """Noise of a block of P spectra, in the unit of the stack.

    Parameters
    ----------
    rows : ndarray, shape (N, P) or (1, 1)
        The points at the searched energies, or their variance; one variance if it is the same for all.
    law : Law, optional
        Gives the variance of points; by default `rows` are variances.
    forms : ndarray, shape (6, P) or (6, 1)
        Covariance of the lines' value at E0, slope and jump, its upper triangle.
    scale : ndarray, shape (P,)
        Factor of all variances.
    """

    rows: Block
    law: Law | None
    forms: Block
    scale: Float64Array

    def of_pixels(self, chosen: IndexArray, points: Block) -> BlockErrors:
        """Return the errors of some of the spectra, of which these are the points at the searched energies."""
        of_pixels: Block = self.forms if self.forms.shape[1] == 1 else self.forms[:, chosen]
        if self.law is not None:
            return BlockErrors(points, self.law.of_pixels(chosen), of_pixels, self.scale[chosen])
        rows = self.rows if len(self.rows) == 1 else self.rows[:, chosen]
        return BlockErrors(rows, None, of_pixels, self.scale[chosen])

    def of_jump(self) -> Float64Array:
        """Variance of the lines' jump, (P,)."""
        result: Float64Array = self.scale * self.forms[-1]
        return result

    def row(self, j: IndexArray) -> Float64Array:
        """Variance of one point at each `j`, from three points around it, (P,)."""
        if len(self.rows) == 1:
            return self.scale * float(self.rows[0, 0])
        last = len(self.rows) - 1
        around: Any = 0
        for row in (np.maximum(j - 1, 0), j, np.minimum(j + 1, last)):
            points = at(self.rows, row)
            around = around + (points if self.law is None else self.law(points))
        result: Float64Array = self.scale * (around / 3)
        return result

    def variance(self, rows: RowSet, j: IndexArray, own: Float64Array, weights: Three, lines: Three) -> Float64Array:
        """Variance of the weighted rows that belong to each `j`, whose points have it, minus weighted lines, (P,)."""
        of_lines = quadratic(self.forms.__getitem__, lines)
        result: Float64Array = own * rows.form(j, weights) + self.scale * of_lines
        return result


@dataclass(frozen=True)
class AmountErrors:
    """Noise of a block of P spectra that were put together from K spectra.

    Parameters
    ----------
    sources : ndarray, shape (K, M, P)
        Error of each amount from each of M independent sources.
    lines : ndarray, shape (3, K)
        Value at E0, slope and jump of the lines of each spectrum.
    """

    sources: Block
    lines: Float64Array

    def of_pixels(self, chosen: IndexArray, points: Block) -> AmountErrors:
        """Return the errors of some of the spectra."""
        return replace(self, sources=self.sources[:, :, chosen])

    def of_jump(self) -> Float64Array:
        """Variance of the lines' jump, (P,)."""
        result: Float64Array = np.sum(np.tensordot(self.lines[2], self.sources, 1) ** 2, axis=0)
        return result

    def row(self, j: IndexArray) -> Float64Array:
        """Variance of one point apart from the others, (P,): none, because amounts move all points together."""
        return np.zeros(j.size)

    def variance(self, rows: RowSet, j: IndexArray, own: Float64Array, weights: Three, lines: Three) -> Float64Array:
        """Variance of the weighted rows that belong to each `j` minus weighted lines, (P,)."""
        value, slope, jump = (
            np.multiply.outer(part, np.atleast_1d(w)) for part, w in zip(self.lines, lines, strict=True)
        )
        amounts = rows.amounts(j, weights) - (value + slope + jump)
        result: Float64Array = np.sum(np.einsum("kp,kmp->mp", amounts, self.sources) ** 2, axis=0)
        return result
