"""The first look: which of many compressed spectra are most like each pixel's."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_xanes._typing import Float32Array, Float64Array, IndexArray

_MOST_DIRECT = 600
"""With more first looks than this per species they are grouped into cells."""

_PER_CELL = 3
"""How many times its own share of the nodes a cell lists, so that noise at its border loses nothing."""

_ROUNDS = 4
"""Rounds of k-means: cells need not be the best, only about equal."""


@dataclass(frozen=True)
class Search:
    """First looks of one species: compressed spectra (C, K + 1), their nodes and tracks, and cells if there are many.

    The last column is minus what a node costs beforehand, in units of chi-square.
    """

    looks: Float32Array
    nodes: IndexArray
    track: NDArray[np.int32]
    n_tracks: int
    centres: Float32Array | None
    cells: list[IndexArray]

    def best(self, a: Float32Array, count: int) -> tuple[Float32Array, IndexArray]:
        """Highest scores and their nodes, each of another track, for each row of `a` (P, K + 1): both (count, P).

        Where there are fewer tracks near a row, the last scores are minus infinity.
        """
        if self.centres is None:
            return self._best(a @ self.looks.T, slice(None), count)
        score, node = np.empty((count, len(a)), np.float32), np.empty((count, len(a)), np.intp)
        cell = (a @ self.centres.T).argmax(axis=1)
        order = np.argsort(cell, kind="stable")
        bounds = np.flatnonzero(np.diff(cell[order])) + 1
        for rows in np.split(order, bounds):
            members = self.cells[cell[rows[0]]]
            score[:, rows], node[:, rows] = self._best(a[rows] @ self.looks[members].T, members, count)
        return score, node

    def _best(self, scores: Float32Array, members: IndexArray | slice, count: int) -> tuple[Float32Array, IndexArray]:
        track, nodes, each = self.track[members], self.nodes[members], np.arange(len(scores))
        score, node = np.empty((count, len(scores)), np.float32), np.empty((count, len(scores)), np.intp)
        for i in range(count):
            found = scores.argmax(axis=1)
            score[i], node[i] = scores[each, found], nodes[found]
            if i + 1 < count:
                np.copyto(scores, -np.inf, where=track == track[found][:, None])
        return score, node


def search_of(unit: Float32Array, track: IndexArray, cost: Float64Array, nodes: IndexArray) -> Search:
    """First looks at some nodes, grouped into cells by k-means where there are many.

    Parameters
    ----------
    unit : ndarray, shape (N, K)
        Unit spectra of all nodes.
    track : ndarray of int, shape (N,)
        The track of each.
    cost : ndarray, shape (N,)
        What each costs beforehand, in units of chi-square.
    nodes : ndarray of int, shape (C,)
        Which to look at.
    """
    tracks = track[nodes].astype(np.int32)
    n_tracks = int(np.unique(tracks).size)
    looks = np.concatenate([unit[nodes], -cost[nodes, None]], axis=1).astype(np.float32)
    if nodes.size <= _MOST_DIRECT:
        return Search(looks, nodes, tracks, n_tracks, None, [])
    n_cells = int(np.clip(np.sqrt(nodes.size), 16, 160))
    centres, own = _cells(looks[:, :-1], n_cells)
    close = centres @ looks[:, :-1].T
    size = min(nodes.size, _PER_CELL * nodes.size // n_cells)
    nearest = np.argpartition(-close, size - 1, axis=1)[:, :size]
    cells = [np.union1d(nearest[i], np.flatnonzero(own == i)) for i in range(n_cells)]
    # A cell holds many tracks and shifts, so what they cost waits for its members.
    joined = np.concatenate([centres, np.zeros((n_cells, 1))], axis=1).astype(np.float32)
    return Search(looks, nodes, tracks, n_tracks, joined, cells)


def _cells(unit: Float32Array, n_cells: int) -> tuple[Float32Array, IndexArray]:
    """Spherical k-means from evenly spaced seeds: unit centres (C, K), and the cell of each row."""
    centres = unit[np.linspace(0, len(unit) - 1, n_cells).astype(int)]
    for _ in range(_ROUNDS):
        own = (unit @ centres.T).argmax(axis=1)
        members = (own == np.arange(n_cells)[:, None]).astype(np.float32)
        sums = members @ unit
        norms = np.linalg.norm(sums, axis=1, keepdims=True)
        centres = np.where(norms > 0, sums / np.maximum(norms, 1e-9), centres)
    return centres, (unit @ centres.T).argmax(axis=1)
