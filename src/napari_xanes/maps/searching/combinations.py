"""Combinations of up to three spectra that fit one spectrum with amounts of at least 0.

Singles are tried at all shifts. For pairs, each of the best singles of a shift is tried with all others, and all pairs
at the shifts that fit best. For triples, each of the best pairs is tried with all thirds; then, in each of the best
triples, one spectrum after the other is exchanged for any other: the next pairs are those of the best triples that
were not tried before, so that the search leaves triples that no single exchange makes better. What another spectrum
adds to a pair is a closed form of products of columns (Gram matrix), so all partners are one matrix product. A
combination with a negative amount is none: its best fit within the bounds has fewer spectra.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from napari_xanes._typing import Float32Array, Float64Array, IndexArray
from napari_xanes.maps.searching.columns import Projected

KEPT = 600
"""So many combinations of each size are kept."""

_SINGLES = 20
"""At each shift, so many spectra are tried with all others."""

_SHIFTS_OF_ALL_PAIRS = 1
_MOST_OF_ALL_PAIRS = 1500
"""All pairs are tried in libraries up to this size; larger ones hold spectra that are alike."""

_BLOCK = 128
"""So many columns are tried with all others at once: their products fit the cache of a processor."""

_PAIRS = 200
_CHANGED_SINGLES = 60
_MOVED = 40
_ROUNDS = 4
"""All thirds are tried beside so many pairs, so often at most; so many triples are moved to other shifts."""

_ALIKE = 1e-5
"""Columns whose independent part has less than this share of their squares are one column."""

_MOST_COLUMNS = 1 << 18


class Found(NamedTuple):
    """Combinations (M, K) of columns, the numbers of their shifts (M,), and what they explain of the squares (M,)."""

    rows: IndexArray
    places: IndexArray
    gains: Float64Array

    def best(self, count: int) -> Found:
        """Return the best of each combination, best first."""
        order = np.argsort(-self.gains, kind="stable")
        rows = np.sort(self.rows[order], axis=1)
        _, first = np.unique(_keys(Found(rows, np.zeros_like(self.places), self.gains)), return_index=True)
        first = np.sort(first)[:count]
        return Found(rows[first], self.places[order][first], self.gains[order][first])

    def joined(self, other: Found) -> Found:
        """Return both together."""
        return Found(*(np.concatenate(pair) for pair in zip(self, other, strict=True)))


class Units(NamedTuple):
    """Columns of length 1 (S, N, D), and their products with the spectrum (S, N)."""

    values: Float32Array
    own: Float32Array


def combinations(data: Projected, most: int) -> list[Found]:
    """Return the best combinations of 1, 2 ... up to `most` columns, at most three."""
    lengths = np.sqrt(np.einsum("snd,snd->sn", data.values, data.values))
    values = data.values / np.maximum(lengths, np.finfo(np.float32).tiny)[..., None]
    units = Units(values, values @ data.target.astype(np.float32))
    single = np.maximum(units.own, 0).astype(np.float64) ** 2
    places, every = single.argmax(axis=0), np.arange(single.shape[1])
    found = [Found(every[:, None], places, single[places, every]).best(KEPT)]
    if most > 1 and every.size > 1:
        found.append(_pairs(units, single))
    if most > 2 and every.size > 2:
        best = found[1].best(_PAIRS)
        found.append(_exchanged(units, _extended(units, best, _Pool(3)), best, _PAIRS))
    return [part for part in found if part.gains.size]


def _pairs(units: Units, single: Float64Array) -> Found:
    """Return the best pairs of all shifts."""
    n, pool = single.shape[1], _Pool(2)
    for place in np.argsort(-single.max(axis=1)).tolist():
        first = np.argsort(-single[place])[:_SINGLES]
        pool.add(first[:, None], place, partners(units, place, first[:, None]))
    if _SINGLES < n <= _MOST_OF_ALL_PAIRS:
        for place in list(dict.fromkeys(pool.found.places.tolist()))[:_SHIFTS_OF_ALL_PAIRS]:
            for start in range(0, n, _BLOCK):
                first = np.arange(start, min(start + _BLOCK, n))
                pool.add(first[:, None], place, partners(units, place, first[:, None]))
    none = Found(np.empty((0, 1), np.intp), np.empty(0, np.intp), np.empty(0))
    return _exchanged(units, pool, none, _CHANGED_SINGLES)


def _extended(units: Units, start: Found, pool: _Pool) -> _Pool:
    """Try all columns beside some combinations."""
    for place in np.unique(start.places).tolist():
        rows = start.rows[start.places == place]
        pool.add(rows, place, partners(units, place, rows))
    return pool


def _exchanged(units: Units, pool: _Pool, start: Found, count: int) -> Found:
    """Exchange one column of the best combinations for any other; `start` was tried, and so many more are each time."""
    tried = _keys(start)
    for _ in range(_ROUNDS):
        better = moved(units, pool.found.best(_MOVED))
        pool.found = found = pool.found.joined(better).best(KEPT)
        k = found.rows.shape[1]
        fewer = np.concatenate([np.delete(found.rows, i, axis=1) for i in range(k)])
        start = Found(fewer, np.tile(found.places, k), np.tile(found.gains, k)).best(KEPT)
        new = np.flatnonzero(~np.isin(_keys(start), tried))[:count]
        if not new.size:
            break
        start = Found(start.rows[new], start.places[new], start.gains[new])
        _extended(units, pool=pool, start=start)
        tried = np.concatenate([tried, _keys(start)])
    return pool.found


def moved(units: Units, found: Found) -> Found:
    """Return combinations at the shifts that suit them best."""
    values = units.values[:, found.rows].astype(np.float64)
    own = units.own[:, found.rows].astype(np.float64)
    gram = values @ values.swapaxes(-1, -2)
    # Columns that are alike have no amounts of their own; a little of the identity keeps the equations solvable.
    amounts = np.linalg.solve(gram + 1e-9 * np.eye(gram.shape[-1]), own[..., None])[..., 0]
    gains = np.where((amounts > 0).all(axis=-1), np.sum(amounts * own, axis=-1), 0.0)
    places, every = gains.argmax(axis=0), np.arange(len(found.rows))
    better = gains[places, every] > found.gains
    return Found(
        found.rows, np.where(better, places, found.places), np.where(better, gains[places, every], found.gains)
    )


class _Pool:
    """The best combinations among those that were tried."""

    def __init__(self, size: int) -> None:
        self.found = Found(np.empty((0, size), np.intp), np.empty(0, np.intp), np.empty(0))

    def add(self, rows: IndexArray, place: int, gains: Float32Array) -> None:
        """Add what combinations (M, K) and each further column gain (M, N) at a shift."""
        enough = self.found.gains[-1] if len(self.found.gains) == KEPT else 0.0
        flat = np.flatnonzero(gains > enough)
        if flat.size > 3 * KEPT:
            flat = flat[np.argpartition(-gains.ravel()[flat], 3 * KEPT)[: 3 * KEPT]]
        row, column = np.divmod(flat, gains.shape[1])
        joined = np.concatenate([rows[row], column[:, None]], axis=1)
        more = Found(joined, np.full(flat.size, place), gains[row, column].astype(np.float64))
        self.found = self.found.joined(more).best(KEPT)


def partners(units: Units, place: int, rows: IndexArray) -> Float32Array:
    """Return what combinations (M, K) of one or two columns explain of the squares together with each column (M, N).

    It is 0 where an amount is not positive, or where the columns are not independent.
    """
    values, own = units.values[place], units.own[place]
    cross = [values[column] @ values.T for column in rows.T]
    mine = [own[column][:, None] for column in rows.T]
    if len(cross) == 1:
        moved, amounts, usable = cross, mine, np.ones((len(rows), 1), bool)
    else:
        alike = np.einsum("md,md->m", values[rows[:, 0]], values[rows[:, 1]])[:, None]
        left = 1 - alike * alike
        usable = left > _ALIKE
        scale = 1 / np.maximum(left, _ALIKE)
        moved = [(cross[0] - alike * cross[1]) * scale, (cross[1] - alike * cross[0]) * scale]
        amounts = [(mine[0] - alike * mine[1]) * scale, (mine[1] - alike * mine[0]) * scale]
    before = sum(x * amount for x, amount in zip(mine, amounts, strict=True))
    free = 1 - sum(p * m for p, m in zip(cross, moved, strict=True))
    rest = own - sum(p * amount for p, amount in zip(cross, amounts, strict=True))
    good = (rest > 0) & (free > _ALIKE) & usable
    another = rest / np.maximum(free, _ALIKE)
    for m, amount in zip(moved, amounts, strict=True):
        good &= m * another < amount
    gains: Float32Array = np.where(good, before + rest * another, np.float32(0))
    return gains


def _keys(found: Found) -> IndexArray:
    """Return one number for the columns and the shift of each combination."""
    key = found.places.astype(np.int64)
    for column in found.rows.T:
        key = key * _MOST_COLUMNS + column
    return key
