"""Coarse search: which of many compressed library spectra are most similar to each pixel's spectrum."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_xanes._typing import Float32Array, Float64Array, IndexArray

_MAX_WITHOUT_CELLS = 600
"""With more candidates than this per species, the candidates are grouped into cells."""

_CELL_OVERLAP = 3
"""A cell lists this many times its own share of the candidates, so that noise at its border loses none."""

_K_MEANS_ROUNDS = 4
"""The cells only have to be about equal in size, so a few rounds of k-means are enough."""


@dataclass(frozen=True)
class CoarseSearch:
    """The candidates of one species.

    Parameters
    ----------
    candidates : ndarray, shape (C, K + 1)
        Unit spectra in K components; the last column is minus the penalty of the candidate, in units of chi-square.
    nodes : ndarray of int, shape (C,)
        The node of the search grid that each candidate stands for.
    track : ndarray of int, shape (C,)
        The track of each candidate.
    n_tracks : int
        Number of different tracks.
    centres : ndarray, shape (J, K + 1), optional
        Centres of the cells, None without cells.
    cells : list of J ndarrays of int
        The candidates in each cell. Cells overlap.
    """

    candidates: Float32Array
    nodes: IndexArray
    track: NDArray[np.int32]
    n_tracks: int
    centres: Float32Array | None
    cells: list[IndexArray]

    def best(self, queries: Float32Array, count: int) -> tuple[Float32Array, IndexArray]:
        """Return the highest scores of each query and their nodes, each node of a different track.

        Parameters
        ----------
        queries : ndarray, shape (P, K + 1)
            See `Projection.queries`.
        count : int
            How many nodes to return for each query.

        Returns
        -------
        scores, nodes : ndarray, shape (count, P)
            Where fewer tracks are near a query, the last scores are minus infinity.
        """
        if self.centres is None:
            return self._best_of(queries @ self.candidates.T, slice(None), count)
        scores, nodes = np.empty((count, len(queries)), np.float32), np.empty((count, len(queries)), np.intp)
        cell = (queries @ self.centres.T).argmax(axis=1)
        order = np.argsort(cell, kind="stable")
        bounds = np.flatnonzero(np.diff(cell[order])) + 1
        for rows in np.split(order, bounds):
            members = self.cells[cell[rows[0]]]
            products = queries[rows] @ self.candidates[members].T
            scores[:, rows], nodes[:, rows] = self._best_of(products, members, count)
        return scores, nodes

    def _best_of(
        self, products: Float32Array, members: IndexArray | slice, count: int
    ) -> tuple[Float32Array, IndexArray]:
        """The best of some candidates from their scores (P, C), which are overwritten."""
        track, member_nodes, each = self.track[members], self.nodes[members], np.arange(len(products))
        scores, nodes = np.empty((count, len(products)), np.float32), np.empty((count, len(products)), np.intp)
        for i in range(count):
            highest = products.argmax(axis=1)
            scores[i], nodes[i] = products[each, highest], member_nodes[highest]
            if i + 1 < count:
                np.copyto(products, -np.inf, where=track == track[highest][:, None])
        return scores, nodes


def coarse_search(unit: Float32Array, track: IndexArray, penalty: Float64Array, nodes: IndexArray) -> CoarseSearch:
    """Prepare a search among some nodes; many nodes are grouped into cells by k-means.

    Parameters
    ----------
    unit : ndarray, shape (N, K)
        Unit spectra of all nodes.
    track : ndarray of int, shape (N,)
        The track of each node.
    penalty : ndarray, shape (N,)
        The penalty of each node, in units of chi-square.
    nodes : ndarray of int, shape (C,)
        The nodes to search.
    """
    tracks = track[nodes].astype(np.int32)
    n_tracks = int(np.unique(tracks).size)
    candidates = np.concatenate([unit[nodes], -penalty[nodes, None]], axis=1).astype(np.float32)
    if nodes.size <= _MAX_WITHOUT_CELLS:
        return CoarseSearch(candidates, nodes, tracks, n_tracks, None, [])
    n_cells = int(np.clip(np.sqrt(nodes.size), 16, 160))
    centres, cell = _k_means(candidates[:, :-1], n_cells)
    similarity = centres @ candidates[:, :-1].T
    size = min(nodes.size, _CELL_OVERLAP * nodes.size // n_cells)
    nearest = np.argpartition(-similarity, size - 1, axis=1)[:, :size]
    cells = [np.union1d(nearest[i], np.flatnonzero(cell == i)) for i in range(n_cells)]
    # The members of a cell differ in track and shift, so the penalty is only applied to the members.
    extended = np.concatenate([centres, np.zeros((n_cells, 1))], axis=1).astype(np.float32)
    return CoarseSearch(candidates, nodes, tracks, n_tracks, extended, cells)


def _k_means(unit: Float32Array, n_cells: int) -> tuple[Float32Array, IndexArray]:
    """Spherical k-means from evenly spaced start points: unit centres (J, K), and the cell of each row."""
    centres = unit[np.linspace(0, len(unit) - 1, n_cells).astype(int)]
    for _ in range(_K_MEANS_ROUNDS):
        cell = (unit @ centres.T).argmax(axis=1)
        members = (cell == np.arange(n_cells)[:, None]).astype(np.float32)
        sums = members @ unit
        norms = np.linalg.norm(sums, axis=1, keepdims=True)
        centres = np.where(norms > 0, sums / np.maximum(norms, 1e-9), centres)
    return centres, (unit @ centres.T).argmax(axis=1)
