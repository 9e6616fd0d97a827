"""Charge and 10Dq from the nearest members in an embedding of few dimensions, as Suzuki et al. (2018) placed spectra.

For comparison with the matcher: two dimensions hold four fifths of what tells the members apart, and shifts of the
energy, backgrounds and noise move a spectrum across branches.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_xanes.maps.matching.l_edge import Limits, Matcher
from napari_xanes.maps.matching.search_grid import Nodes
from napari_xanes.theory.embedding.embed import Embedding, embed_spectra
from napari_xanes.theory.embedding.placement import place
from napari_xanes.theory.library.model import Library

_NEIGHBOURS = 4


class Neighbours(Matcher):
    """A `Matcher` that looks members up in an embedding; pixels have no shift of their own."""

    fits_shift = False

    def __init__(
        self,
        nodes: Nodes,
        frames: slice,
        limits: Limits,
        n_pixels: int,
        library: Library,
        method: Any,
        dimensions: int,
    ) -> None:
        super().__init__(nodes, frames, limits, n_pixels)
        self._ten_dq = library.column("ten_dq")
        names = list(dict.fromkeys(library.species))
        self._kind = np.array([names.index(name) for name in library.species])
        # The node of each member at no shift; its spectrum as the embedding sees it is what the patterns hold of it.
        middle = nodes.shifts.size // 2
        still = np.arange(nodes.row.size) % nodes.shifts.size == middle
        candidates = np.flatnonzero(still)
        away = np.abs(self._ten_dq_of(candidates) - self._ten_dq[nodes.row[candidates]])
        order = np.lexsort((np.nan_to_num(away), nodes.row[candidates]))
        first = np.unique(nodes.row[candidates][order], return_index=True)[1]
        self._node = candidates[order][first]
        self._embedding: Embedding = embed_spectra(nodes.tangents[self._node, 0].astype(np.float64), method, dimensions)

    def _ten_dq_of(self, node: NDArray[np.intp]) -> NDArray[np.float64]:
        tracks = self.nodes.tracks
        track = self.nodes.track[node]
        result: NDArray[np.float64] = (
            tracks.first[track] + (node - tracks.start[track]) // self.nodes.shifts.size * tracks.step[track]
        )
        return result

    def match(self, spectra: NDArray[Any]) -> dict[str, NDArray[Any]]:
        """As `Matcher.match`, with charge and 10Dq of the nearest members."""
        found = super().match(spectra)
        y = np.where(found["finite"], spectra, 0).astype(np.float32)
        y -= self.nodes.free @ (self.nodes.free.T @ y)
        a = (self.nodes.patterns.T @ y).T
        norm = np.linalg.norm(a, axis=1, keepdims=True)
        at = place(self._embedding, a / np.maximum(norm, 1e-12))
        known = self._embedding.coordinates
        squares = np.sum(at**2, axis=1)[:, None] - 2 * at @ known.T + np.sum(known**2, axis=1)
        near = np.argpartition(squares, _NEIGHBOURS - 1, axis=1)[:, :_NEIGHBOURS]
        weight = 1 / (np.maximum(np.take_along_axis(squares, near, axis=1), 0) + 1e-9)
        votes = np.stack([(weight * (self._kind[near] == i)).sum(axis=1) for i in range(self._kind.max() + 1)])
        species = votes.argmax(axis=0)
        weight = weight * (self._kind[near] == species[:, None])
        share = weight / weight.sum(axis=1, keepdims=True)
        ten_dq = np.nansum(share * self._ten_dq[near], axis=1)
        scatter = np.sqrt(np.nansum(share * (self._ten_dq[near] - ten_dq[:, None]) ** 2, axis=1))
        closest = np.take_along_axis(near, share.argmax(axis=1)[:, None], axis=1)[:, 0]
        same = self._kind[closest] == found["species"]
        # Doubts about charge and 10Dq are those of the matcher where both agree; where not, nothing is certain.
        doubt = np.where(same | (found["doubt"] == 1), found["doubt"], 3)
        strong = np.isfinite(found["ten_dq"])
        return found | {
            "species": species,
            "row": closest,
            "doubt": doubt,
            "ten_dq": np.where(strong, ten_dq, np.nan),
            "ten_dq_noise": np.hypot(found["ten_dq_noise"], scatter),
        }
