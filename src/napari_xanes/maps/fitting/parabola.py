"""Vertices of parabolas through three rows of many spectra."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from napari_xanes._typing import Float32Array, Float64Array, IndexArray
from napari_xanes.edge.local_quadratic import rows_beside
from napari_xanes.maps.fitting.edge_noise import RowErrors, RowSet, Three, at
from napari_xanes.maps.fitting.edge_rivals import odds_of


class Rows(NamedTuple):
    """Rows of one kind, values or slopes: their energies, the three rows of each parabola, and errors of differences.

    ``steps`` are the variances of the differences from the row before and after, for noise of 1, (2, N).
    """

    axis: Float64Array
    rows: RowSet
    steps: Float64Array

    @classmethod
    def of(cls, axis: Float64Array, errors: RowErrors, distance: float) -> Rows:
        """Return the rows with parabolas that reach over a distance in eV."""
        before, after = rows_beside(axis, distance)
        number = np.arange(axis.size)
        beside = [np.clip(number + step, 1, axis.size - 2) for step in (-1, 1)]
        steps = [RowSet(errors, (number, number, other)).form(number, (1.0, 0.0, -1.0)) for other in beside]
        return cls(axis, RowSet(errors, (before, number, after)), np.stack(steps))

    def within(self, j: IndexArray) -> IndexArray:
        """Rows that are not at an end."""
        return np.minimum(np.maximum(j, 1), self.axis.size - 2)

    def nearest(self, position: Float64Array) -> IndexArray:
        """Rows nearest to positions in eV."""
        return self.within(np.searchsorted((self.axis[1:] + self.axis[:-1]) / 2, position))

    def distances(self, j: IndexArray) -> tuple[Float64Array, Float64Array]:
        """Distances in eV of the three rows of each parabola."""
        before, middle, after = (self.axis[row] for row in self.rows.rows)
        return (middle - before).take(j), (after - middle).take(j)

    def bend_weights(self, j: IndexArray) -> Three:
        """Weights of the three rows in how much a parabola bends down."""
        left, right = self.distances(j)
        return -1 / left, 1 / left + 1 / right, -1 / right


def spread_of_bases(
    kind: Rows, rows: Float32Array, j: IndexArray, offset: Float64Array, point: Float64Array
) -> Float64Array:
    """Return the variance of a vertex because noise may have moved it to the higher of its two neighbours."""
    lower, upper = kind.within(j - 1), kind.within(j + 1)
    up = at(rows, upper) > at(rows, lower)
    other = np.where(up, upper, lower)
    vertex, *_ = parabola(kind, rows, other)
    error = point * np.sqrt(np.where(up, kind.steps[1].take(j), kind.steps[0].take(j)))
    odds = odds_of((at(rows, j) - at(rows, other)) / error)
    result: Float64Array = np.where(np.isfinite(vertex + odds), odds / (1 + odds) * (vertex - offset) ** 2, 0)
    return result


def parabola(kind: Rows, rows: Float32Array, j: IndexArray) -> tuple[Float64Array, Three, Float64Array]:
    """Return the vertex of the parabola through three rows around `j`, its derivatives by the values, and its bend.

    With h the steps to the left and to the right and d the differences of neighbours over them, the vertex lies at
    ``x + (d_left * h_right + d_right * h_left) / (2 * (d_left - d_right))``.
    """
    y0, y1, y2 = (at(rows, row.take(j)).astype(np.float64) for row in kind.rows.rows)
    before, after = kind.distances(j)
    left, right = (y1 - y0) / before, (y2 - y1) / after
    bend = left - right
    shift = (left * after + right * before) / (2 * bend)
    by_left, by_right = (after / 2 - shift) / bend, (before / 2 + shift) / bend
    gradient = (-by_left / before, by_left / before - by_right / after, by_right / after)
    return np.where(bend > 0, kind.axis.take(j) + shift, np.nan), gradient, bend
