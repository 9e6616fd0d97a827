"""All combinations of up to three spectra that fit one spectrum with amounts of at least 0.

Singles are tried at all shifts. For pairs, each of the best singles of a shift is tried with all others, and all pairs
at the shifts that fit best; for triples, all thirds beside the best pairs. Then one spectrum of a combination after
the other is exchanged for any other, at the same and the neighbouring shifts. Least squares of two or three columns is
a closed form of their products (Gram matrix), so all partners are one matrix product. A combination with a negative
amount is none: its best fit within the bounds has fewer spectra.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from napari_xanes._typing import BoolArray, Float64Array, IndexArray
from napari_xanes.maps.searching.columns import Projected

_SINGLES = 30
"""At each shift, so many spectra are tried with all others."""

_SHIFTS_OF_ALL_PAIRS = 2
_MOST_OF_ALL_PAIRS = 1500
"""All pairs are tried in libraries up to this size; larger ones hold spectra that are alike."""

_BLOCK = 64
"""So many columns are tried with all others at once: their products fit the cache of a processor."""

_PAIRS = 300
_KEPT = 40
_EXCHANGED = 10
_ROUNDS = 2
_ALIKE = 1e-6
"""Columns whose independent part has less than this share of their squares are one column."""


_MOST_COLUMNS = 1 << 20


class Found(NamedTuple):
    """Combinations (M, K) of columns, the numbers of their shifts (M,), and what they explain of the squares (M,)."""

    rows: IndexArray
    places: IndexArray
    gains: Float64Array

    def best(self, count: int) -> Found:
        """Return the best of each combination, best first."""
        order = np.argsort(-self.gains, kind="stable")
        rows = np.sort(self.rows[order], axis=1)
        key = np.zeros(len(rows), np.int64)
        for column in rows.T:
            key = key * _MOST_COLUMNS + column
        _, first = np.unique(key, return_index=True)
        first = np.sort(first)[:count]
        return Found(rows[first], self.places[order][first], self.gains[order][first])

    def joined(self, other: Found) -> Found:
        """Return both together."""
        return Found(*(np.concatenate(pair) for pair in zip(self, other, strict=True)))


def _nothing(size: int) -> Found:
    return Found(np.empty((0, size), np.intp), np.empty(0, np.intp), np.empty(0))


def combinations(data: Projected, most: int) -> list[Found]:
    """Return the best combinations of 1, 2 ... up to `most` columns, at most three."""
    products = data.values @ data.target
    squares = np.einsum("snd,snd->sn", data.values, data.values)
    single = np.maximum(products, 0) ** 2 / np.maximum(squares, np.finfo(float).tiny)
    places = single.argmax(axis=0)
    n = single.shape[1]
    every = Found(np.arange(n)[:, None], places, single[places, np.arange(n)])
    found = [every.best(_KEPT)]
    if most > 1 and n > 1:
        pairs = _pairs(data, products, squares, single)
        found.append(_exchanged(data, products, squares, pairs.best(_EXCHANGED)).joined(pairs).best(_KEPT))
    if most > 2 and n > 2:
        triples = _with_another(data, products, squares, pairs.best(_PAIRS))
        if len(triples.gains):
            better = _exchanged(data, products, squares, triples.best(_EXCHANGED))
            found.append(better.joined(triples).best(_KEPT))
    return found


def _pairs(data: Projected, products: Float64Array, squares: Float64Array, single: Float64Array) -> Found:
    """Return the best pairs of all shifts."""
    n, found = single.shape[1], _nothing(2)
    order = np.argsort(-single.max(axis=1)).tolist()
    for place in order:
        first = np.argsort(-single[place])[:_SINGLES]
        found = _better_pairs(data, products, squares, found, first, place)
    if _SINGLES < n <= _MOST_OF_ALL_PAIRS:
        for place in list(dict.fromkeys(found.places.tolist()))[:_SHIFTS_OF_ALL_PAIRS]:
            for start in range(0, n, _BLOCK):
                first = np.arange(start, min(start + _BLOCK, n))
                found = _better_pairs(data, products, squares, found, first, place)
    return found


def _better_pairs(
    data: Projected, products: Float64Array, squares: Float64Array, found: Found, first: IndexArray, place: int
) -> Found:
    """Try some columns with all columns of a shift; keep the best pairs of these and those that were found before."""
    values = data.values[place]
    gram = (values[first] @ values.T).astype(np.float32)
    a, b = squares[place, first].astype(np.float32)[:, None], squares[place].astype(np.float32)[None, :]
    x, y = products[place, first].astype(np.float32)[:, None], products[place].astype(np.float32)[None, :]
    left, right, free = x * b - y * gram, y * a - x * gram, a * b
    least = _ALIKE * free
    free -= gram * gram
    np.maximum(free, least, out=free)
    gains = (x * left + y * right) / free
    enough = found.gains[-1] if len(found.gains) == _PAIRS else 0.0
    flat = np.flatnonzero((gains > enough) & (left > 0) & (right > 0) & (free > least))
    row, column = np.divmod(flat, gains.shape[1])
    more = Found(
        np.stack([first[row], column], axis=1), np.full(flat.size, place), gains[row, column].astype(np.float64)
    )
    return found.joined(more).best(_PAIRS)


def _with_another(data: Projected, products: Float64Array, squares: Float64Array, found: Found) -> Found:
    """Add each column to combinations; keep the best of each."""
    result = _nothing(found.rows.shape[1] + 1)
    for place in np.unique(found.places).tolist():
        result = result.joined(_partners(data, products, squares, found.rows[found.places == place], place))
    return result


def _partners(data: Projected, products: Float64Array, squares: Float64Array, rows: IndexArray, place: int) -> Found:
    """Return combinations (M, K) with their best further columns at a shift."""
    values, b, g = data.values[place], products[place], squares[place]
    k = rows.shape[1]
    gram = values[rows] @ values[rows].swapaxes(1, 2)
    usable = np.linalg.cond(gram) < 1 / _ALIKE
    rows, gram = rows[usable], gram[usable]
    if not len(rows):
        return _nothing(k + 1)
    inverse = np.linalg.inv(gram)
    own = b[rows]
    amounts = np.einsum("mkl,ml->mk", inverse, own)
    before = np.einsum("mk,mk->m", own, amounts)
    single = values.astype(np.float32)
    cross = (single[rows.ravel()] @ single.T).reshape(len(rows), k, len(values))
    moved = np.matmul(inverse.astype(np.float32), cross)
    free = g.astype(np.float32) - (cross * moved).sum(axis=1)
    rest = b.astype(np.float32) - np.matmul(own.astype(np.float32)[:, None, :], moved)[:, 0]
    good: BoolArray = (rest > 0) & (free > _ALIKE * g.astype(np.float32))
    another = rest / np.where(good, free, 1)
    for i in range(k):
        good &= moved[:, i] * another < amounts[:, i, None].astype(np.float32)
    gains = np.where(good, before[:, None] + rest * another, 0.0)
    count = min(4, gains.shape[1])
    best = np.argpartition(-gains, count - 1, axis=1)[:, :count]
    row = np.repeat(np.arange(len(rows)), count)
    column = best.ravel()
    kept = gains[row, column] > 0
    row, column = row[kept], column[kept]
    joined = np.concatenate([rows[row], column[:, None]], axis=1)
    return Found(joined, np.full(len(joined), place), gains[row, column].astype(np.float64))


def _exchanged(data: Projected, products: Float64Array, squares: Float64Array, found: Found) -> Found:
    """Exchange one column after the other for any other, at the same and neighbouring shifts, while it helps."""
    k, n_shifts = found.rows.shape[1], len(data.values)
    everything, current = found, found
    for _ in range(_ROUNDS if len(found.gains) else 0):
        before = current.gains[0]
        fewer = [np.delete(current.rows, i, axis=1) for i in range(k)]
        starts = Found(np.concatenate(fewer), np.tile(current.places, k), np.tile(current.gains, k)).best(
            2 * _EXCHANGED
        )
        rows, places = starts.rows, starts.places
        tried = found
        for move in (-1, 0, 1):
            near = np.clip(places + move, 0, n_shifts - 1)
            tried = tried.joined(_with_another(data, products, squares, Found(rows, near, np.zeros(len(rows)))))
        everything = everything.joined(tried)
        current = everything.best(len(found.gains))
        if not current.gains[0] > before:
            break
    return everything
