"""The first look: which of many compressed spectra is most like each pixel's."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]
Indices = NDArray[np.intp]

_MOST_DIRECT = 600
"""With more first looks than this per species they are grouped into cells."""

_PER_CELL = 3
"""How many times its own share of the nodes a cell lists, so that noise at its border loses nothing."""


@dataclass(frozen=True)
class Search:
    """First looks of one species: compressed spectra (C, K + 1), their nodes, and cells of them if there are many.

    The last column is minus the square of the shift in eV², for a penalty on it.
    """

    looks: Singles
    nodes: Indices
    centres: Singles | None
    cells: list[Indices]

    def best(self, a: Singles) -> tuple[Singles, Indices]:
        """Highest score and its node for each row of `a` (P, K + 1)."""
        if self.centres is None:
            scores = a @ self.looks.T
            found = scores.argmax(axis=1)
            return scores[np.arange(len(a)), found], self.nodes[found]
        cell = (a @ self.centres.T).argmax(axis=1)
        order = np.argsort(cell, kind="stable")
        bounds = np.flatnonzero(np.diff(cell[order])) + 1
        score, node = np.empty(len(a), np.float32), np.empty(len(a), np.intp)
        for rows in np.split(order, bounds):
            members = self.cells[cell[rows[0]]]
            scores = a[rows] @ self.looks[members].T
            found = scores.argmax(axis=1)
            score[rows], node[rows] = scores[np.arange(rows.size), found], self.nodes[members[found]]
        return score, node


def search_of(unit: Singles, nodes: Indices, shifts: Floats) -> Search:
    """First looks, grouped into cells by k-means where there are many."""
    penalty = -(shifts[nodes % shifts.size] ** 2)
    looks = np.concatenate([unit[nodes], penalty[:, None]], axis=1).astype(np.float32)
    if nodes.size <= _MOST_DIRECT:
        return Search(np.ascontiguousarray(looks), nodes, None, [])
    n_cells = int(np.clip(np.sqrt(nodes.size), 16, 160))
    centres, own = _cells(looks[:, :-1], n_cells)
    close = looks[:, :-1] @ centres.T
    size = min(nodes.size, _PER_CELL * nodes.size // n_cells)
    cells = [
        np.union1d(np.argpartition(-close[:, i], size - 1)[:size], np.flatnonzero(own == i)) for i in range(n_cells)
    ]
    # A cell holds many shifts, so the penalty on them waits for its members.
    joined = np.concatenate([centres, np.zeros((n_cells, 1))], axis=1).astype(np.float32)
    return Search(np.ascontiguousarray(looks), nodes, joined, cells)


def _cells(unit: Singles, n_cells: int) -> tuple[Singles, Indices]:
    """Spherical k-means from evenly spaced seeds: unit centres (C, K), and the cell of each row."""
    centres = unit[np.linspace(0, len(unit) - 1, n_cells).astype(int)]
    for _ in range(8):
        own = (unit @ centres.T).argmax(axis=1)
        sums = np.zeros_like(centres)
        np.add.at(sums, own, unit)
        norms = np.linalg.norm(sums, axis=1, keepdims=True)
        centres = np.where(norms > 0, sums / np.maximum(norms, 1e-9), centres)
    return centres, (unit @ centres.T).argmax(axis=1)
