"""Errors of what `EdgeFit` reads from a spectrum: noise of the points that are used, and of the two lines.

A result is, to first order, a weighted sum of three rows near each other (smoothed values, or slopes) and of the lines'
value at E0, slope and jump. The rows are sums of the spectrum's points. Noise of points is taken as equal within the
few points that make three rows, and points as independent of the lines, which lie elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from napari_xanes._typing import Block, BoolArray, Float64Array, IndexArray
from napari_xanes.edge import EdgeLines, Lines
from napari_xanes.noise import AmountNoise, PhotonNoise
from napari_xanes.parameter_map import ParameterMap
from napari_xanes.stack import UNITS, SpectralStack

Three = tuple[Any, Any, Any]
"""Weights of three rows, or of the lines' value, slope and jump; numbers or (P,)."""

Rows = tuple[IndexArray, IndexArray, IndexArray]
"""Three rows of each spectrum, (P,) each; the middle one is where noise is taken."""

_POOLED_FREEDOM = 20
"""Degrees of freedom that the noise of the stack counts for, beside those of the pixel's own residuals."""

_PAIRS = np.triu_indices(3)


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
        first, second = _PAIRS
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
        return quadratic([form.take(j) for form in self._forms], weights)

    def amounts(self, j: IndexArray, weights: Three) -> Float64Array:
        """Weighted rows that belong to each `j` of each spectrum that carries noise, (K, P)."""
        first, middle, last = self.rows
        return self._errors.amounts((first[j], middle[j], last[j]), weights)


def quadratic(forms: Any, weights: Three) -> Float64Array:
    """Return the variance of a weighted sum of three from the upper triangle of their covariance, (P,)."""
    x, y, z = weights
    xx, xy, xz, yy, yz, zz = forms
    result: Float64Array = x * (x * xx + 2 * (y * xy + z * xz)) + y * (y * yy + 2 * z * yz) + z * (z * zz)
    return result


def at(rows: Block, j: IndexArray) -> Block:
    """Return one row of each column, (P,)."""
    result: Block = rows.ravel().take(j * rows.shape[1] + np.arange(j.size))
    return result


@dataclass(frozen=True)
class BlockErrors:
    """Noise of a block of P spectra, in the unit of the stack.

    Parameters
    ----------
    rows : ndarray, shape (N, P) or (1, 1)
        Variance of the points at the searched energies.
    forms : ndarray, shape (6, P) or (6, 1)
        Covariance of the lines' value at E0, slope and jump, its upper triangle.
    scale : ndarray, shape (P,)
        Factor of all variances.
    """

    rows: Block
    forms: Block
    scale: Float64Array

    def row(self, j: IndexArray) -> Float64Array:
        """Variance of one point at each `j`, from three points around it, (P,)."""
        if len(self.rows) == 1:
            return self.scale * float(self.rows[0, 0])
        last = len(self.rows) - 1
        around = at(self.rows, np.maximum(j - 1, 0)) + at(self.rows, j) + at(self.rows, np.minimum(j + 1, last))
        result: Float64Array = self.scale * (around / 3)
        return result

    def variance(self, rows: RowSet, j: IndexArray, weights: Three, lines: Three) -> Float64Array:
        """Variance of the weighted rows that belong to each `j` minus weighted lines, (P,)."""
        result: Float64Array = self.row(j) * rows.form(j, weights) + self.scale * quadratic(self.forms, lines)
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

    def row(self, j: IndexArray) -> Float64Array:
        """Variance of one point apart from the others, (P,): none, because amounts move all points together."""
        return np.zeros(j.size)

    def variance(self, rows: RowSet, j: IndexArray, weights: Three, lines: Three) -> Float64Array:
        """Variance of the weighted rows that belong to each `j` minus weighted lines, (P,)."""
        value, slope, jump = (
            np.multiply.outer(part, np.atleast_1d(w)) for part, w in zip(self.lines, lines, strict=True)
        )
        amounts = rows.amounts(j, weights) - (value + slope + jump)
        result: Float64Array = np.sum(np.einsum("kp,kmp->mp", amounts, self.sources) ** 2, axis=0)
        return result


class EdgeNoise:
    """The noise of a stack, for block after block.

    Parameters
    ----------
    edge : EdgeLines
        The lines of each spectrum.
    stack : SpectralStack
        The stack; its quantity and noise are used here.
    searched : slice
        Frames of the rows.
    scale : float, optional
        Noise over that of the photons, or where they are not known, its standard deviation: for an optical depth
        without a sample; for fluorescence, of a signal of 1. Each pixel's own residuals by default.
    """

    def __init__(self, edge: EdgeLines, stack: SpectralStack, searched: slice, scale: float | None = None) -> None:
        self._edge, self._searched, self._scale = edge, searched, scale
        noise = stack.noise
        self._is_normalized = stack.quantity == "normalized"
        self._photons = noise if isinstance(noise, PhotonNoise) else None
        self._amounts = noise if isinstance(noise, AmountNoise) else None
        self._variance = self._variance_like(stack)
        unit = edge.measure(np.eye(stack.energy.size))
        self._lines = np.stack([unit.low, unit.low_slope, unit.jump])
        first, second = _PAIRS
        self._pairs = self._lines[first] * self._lines[second]
        self._pre, _ = edge.frames
        self._freedom = max(1, stack.energy[self._pre].size - 2)

    @property
    def columns(self) -> Float64Array | None:
        """The spectra whose amounts carry all noise, (E, K), if the stack was put together from amounts."""
        return None if self._amounts is None else np.asarray(self._amounts.columns, dtype=np.float64)

    def _variance_like(self, stack: SpectralStack) -> Callable[[Block, Lines, slice], Block | None]:
        """Give the variance of each point, up to the scale; None where it is the same for all."""
        photons = self._photons
        if photons is not None:
            return lambda block, lines, pixels: photons.variance(block, pixels)
        if stack.quantity == "optical_depth":
            flat = np.float32(1 / float(np.mean(stack.corrections.frames_per_flat)))
            return lambda block, lines, pixels: np.exp(block) + flat
        if stack.quantity == "fluorescence":
            return lambda block, lines, pixels: np.maximum(block, (_FLOOR * lines.jump).astype(np.float32))
        jump = stack.metadata.get("edge_jump")
        if (
            not isinstance(jump, ParameterMap)
            or jump.unit != UNITS["optical_depth"]
            or jump.data.shape != stack.shape[1:]
        ):
            return lambda block, lines, pixels: None
        # The optical depth was normalized; how much of it is not the edge is not known any more.
        jumps = jump.data.ravel()
        return lambda block, lines, pixels: np.exp(block * jumps[pixels]) + np.float32(1)

    def of_block(self, block: Block, lines: Lines, pixels: slice) -> BlockErrors | AmountErrors:
        """Return the noise of a block (E, P)."""
        if self._amounts is not None:
            columns = self._amounts.columns
            sources = self._amounts.sources(np.linalg.pinv(columns).T, pixels)
            return AmountErrors(sources, self._lines @ columns)
        variance = self._variance(block, lines, pixels)
        if variance is None:
            return BlockErrors(np.ones((1, 1)), self._pairs.sum(axis=1)[:, None], self._scales(lines.noise**2))
        own = lines.noise**2 / variance[self._pre].mean(axis=0)
        return BlockErrors(variance[self._searched], self._pairs.astype(np.float32) @ variance, self._scales(own))

    def of_points(self, block: Block, lines: Lines) -> Block | None:
        """Return the variance of each point of the spectra (E, P) of a stack; None if amounts carry all noise."""
        if self._amounts is not None:
            return None
        variance = self._variance(block, lines, slice(None))
        own = lines.noise**2 if variance is None else lines.noise**2 / variance[self._pre].mean(axis=0)
        result: Block = self._scales(own) * (np.ones((len(block), 1)) if variance is None else variance)
        return result

    def typical(self, block: Block, lines: Lines) -> Float64Array:
        """Return the standard error of a point near E0 as a share of the jump, of each spectrum (E, P) of a stack."""
        jump = np.ones_like(lines.jump) if self._is_normalized else lines.jump
        errors = self.of_block(block, lines, slice(None))
        at_e0 = int(np.abs(self._edge.energy[self._searched] - self._edge.e0).argmin())
        sigma: Float64Array = np.sqrt(errors.row(np.full(jump.size, at_e0, dtype=np.intp))) / jump
        return sigma

    def _scales(self, own: Float64Array) -> Float64Array:
        """Factor of the variances of each pixel, from its own residuals and from the stack's."""
        if self._scale is None:
            return own
        pooled = np.full_like(own, self._scale**2)
        if self._photons is not None:
            return pooled
        return (_POOLED_FREEDOM * pooled + self._freedom * own) / (_POOLED_FREEDOM + self._freedom)

    def pooled(self, block: Block, lines: Lines, chosen: BoolArray) -> float:
        """Return the scale that the residuals of chosen spectra of a stack (E, P) give, at least 1 for known photons.

        Their median is robust against spectra that are not like the others; of squares with few degrees of freedom it
        is smaller than the mean (Wilson & Hilferty, PNAS 17, 684, 1931).
        """
        variance = self._variance(block, lines, slice(None))
        own = lines.noise**2 / (1.0 if variance is None else variance[self._pre].mean(axis=0))
        own = own[chosen & np.isfinite(own)]
        if own.size == 0:
            return 1.0 if self._photons is not None else 0.0
        scale = float(np.sqrt(np.median(own) / (1 - 2 / (9 * self._freedom)) ** 3))
        return scale if self._photons is None else _at_least_photons(scale)


_FLOOR = 0.02
"""Share of the edge jump below which the variance of fluorescence does not fall."""

_OF_PHOTONS = 1.15
"""Noise up to this multiple of that of the photons is taken as theirs."""


def _at_least_photons(scale: float) -> float:
    return scale if scale > _OF_PHOTONS else 1.0
