"""Vertices of parabolas through three rows of many spectra."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from napari_xanes._typing import BoolArray, Float32Array, Float64Array, IndexArray
from napari_xanes.edge.local_quadratic import rows_beside
from napari_xanes.maps.fitting.edge_errors import RowErrors, RowSet, Three, at
from napari_xanes.maps.fitting.edge_rivals import odds_of


class Rows(NamedTuple):
    """Rows of one kind, values or slopes: their energies, the three rows of each parabola, and errors of differences.

    ``sides`` (2, N) are the distances of the three rows in eV. ``bends`` (N,) are the variances of how much a parabola
    bends down, ``steps`` (2, N) those of the differences from the row before and after, for noise of 1.
    """

    axis: Float64Array
    rows: RowSet
    sides: Float64Array
    bends: Float64Array
    steps: Float64Array

    @classmethod
    def of(cls, axis: Float64Array, errors: RowErrors, distance: float) -> Rows:
        """Return the rows with parabolas that reach over a distance in eV."""
        before, after = rows_beside(axis, distance)
        number = np.arange(axis.size)
        left, right = axis - axis[before], axis[after] - axis
        rows = RowSet(errors, (before, number, after))
        with np.errstate(all="ignore"):
            bends = rows.form_of_rows((-1 / left, 1 / left + 1 / right, -1 / right))
        beside = [np.clip(number + step, 1, axis.size - 2) for step in (-1, 1)]
        steps = [RowSet(errors, (number, number, other)).form_of_rows((1.0, 0.0, -1.0)) for other in beside]
        return cls(axis, rows, np.stack([left, right]), bends, np.stack(steps))

    def within(self, j: IndexArray) -> IndexArray:
        """Rows that are not at an end."""
        return np.minimum(np.maximum(j, 1), self.axis.size - 2)

    def nearest(self, position: Float64Array) -> IndexArray:
        """Rows nearest to positions in eV."""
        return self.within(np.searchsorted((self.axis[1:] + self.axis[:-1]) / 2, position))

    def is_inside(self, top: IndexArray, j: IndexArray, offset: Float64Array) -> BoolArray:
        """Return whether a maximum is not at an end, and its vertex among the rows of its parabola `j`."""
        before, _, after = self.rows.rows
        inside: BoolArray = (top > 0) & (top < self.axis.size - 1)
        inside &= offset > self.axis[before].take(j)
        inside &= offset < self.axis[after].take(j)
        return inside


class Parabola(NamedTuple):
    """Parabolas through three rows: their vertex in eV, and from what it follows, (P,) each."""

    vertex: Float64Array
    shift: Float64Array
    bend: Float64Array
    before: Float64Array
    after: Float64Array

    def gradient(self) -> Three:
        """Derivatives of the vertex by the values of the three rows."""
        by_left, by_right = (self.after / 2 - self.shift) / self.bend, (self.before / 2 + self.shift) / self.bend
        by_left /= self.before
        by_right /= self.after
        return -by_left, by_left - by_right, by_right


def parabola(kind: Rows, rows: Float32Array, j: IndexArray) -> Parabola:
    """Return the parabola through three rows around `j`.

    With h the steps to the left and to the right and d the differences of neighbours over them, the vertex lies at
    ``x + (d_left * h_right + d_right * h_left) / (2 * (d_left - d_right))``.
    """
    y0, y1, y2 = (at(rows, row.take(j)).astype(np.float64) for row in kind.rows.rows)
    before, after = kind.sides[0].take(j), kind.sides[1].take(j)
    left, right = (y1 - y0) / before, (y2 - y1) / after
    bend = left - right
    shift = (left * after + right * before) / (2 * bend)
    return Parabola(np.where(bend > 0, kind.axis.take(j) + shift, np.nan), shift, bend, before, after)


def spread_of_bases(
    kind: Rows, rows: Float32Array, j: IndexArray, offset: Float64Array, point: Float64Array
) -> Float64Array:
    """Return the variance of a vertex because noise may have moved it to the higher of its two neighbours."""
    lower, upper = kind.within(j - 1), kind.within(j + 1)
    below, above = at(rows, lower), at(rows, upper)
    up = above > below
    vertex = parabola(kind, rows, np.where(up, upper, lower)).vertex
    error = point * np.sqrt(np.where(up, kind.steps[1].take(j), kind.steps[0].take(j)))
    odds = odds_of((at(rows, j) - np.where(up, above, below)) / error)
    result: Float64Array = np.where(np.isfinite(vertex + odds), odds / (1 + odds) * (vertex - offset) ** 2, 0)
    return result


def highest(rows: Float32Array, number: NDArray[Any]) -> IndexArray:
    """Return the last of the largest rows of each column; `number` (N, 1) counts rows in a small type.

    Passes along rows are much faster than numpy's argmax.
    """
    return last_true(rows == rows.max(axis=0), number[: len(rows)])


def last_true(flags: BoolArray, number: NDArray[Any]) -> IndexArray:
    """Return the largest `number` (N, 1) among the rows where a column is True, 0 if there is none."""
    result: IndexArray = (flags * number).max(axis=0).astype(np.intp)
    return result
