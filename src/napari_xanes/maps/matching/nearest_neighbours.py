"""Charge and 10Dq from the nearest members in an embedding of few dimensions, as Suzuki et al. (2018) placed spectra.

This is for comparison with `Matcher`. Two dimensions hold four fifths of the differences between members, and energy
shifts, backgrounds and noise move a spectrum from one branch to another.
"""

from __future__ import annotations

import numpy as np

from napari_xanes._typing import Block, Float64Array, IndexArray
from napari_xanes.maps.matching.doubts import Doubt
from napari_xanes.maps.matching.energy_window import EnergyWindow
from napari_xanes.maps.matching.l_edge_matcher import Limits, Matcher, PixelMatch
from napari_xanes.maps.matching.search_grid import SearchGrid
from napari_xanes.stack import SpectralStack
from napari_xanes.theory.embedding.embed import embed_spectra
from napari_xanes.theory.embedding.methods import EmbeddingMethod
from napari_xanes.theory.embedding.model import Embedding
from napari_xanes.theory.embedding.placement import place
from napari_xanes.theory.library.model import Library

_N_NEIGHBOURS = 4
_EMBEDDING_DIMENSIONS = 2


class NearestNeighbourMatcher(Matcher):
    """A `Matcher` that takes charge and 10Dq from an embedding; pixels have no shift of their own."""

    fits_shift = False

    def __init__(
        self,
        grid: SearchGrid,
        frames: slice,
        limits: Limits,
        n_pixels: int,
        library: Library,
        method: EmbeddingMethod,
        dimensions: int,
    ) -> None:
        super().__init__(grid, frames, limits, n_pixels)
        self._ten_dq = library.column("ten_dq")
        names = list(dict.fromkeys(library.species))
        self._species = np.array([names.index(name) for name in library.species])
        # The embedding holds the members as the grid's components describe them.
        unit = grid.nodes.tangents[self._nodes_of_members(), 0].astype(np.float64)
        self._embedding: Embedding = embed_spectra(unit, method, dimensions)

    def _nodes_of_members(self) -> IndexArray:
        """The node without shift that is nearest to each member in 10Dq."""
        grid = self.grid
        n_shifts = grid.shifts.size
        nodes = np.flatnonzero(np.arange(grid.track.size) % n_shifts == n_shifts // 2)
        track, member = grid.track[nodes], grid.nodes.member[nodes]
        steps = (nodes - grid.tracks.start[track]) // n_shifts
        ten_dq = grid.tracks.first_ten_dq[track] + steps * grid.tracks.ten_dq_step[track]
        order = np.lexsort((np.nan_to_num(np.abs(ten_dq - self._ten_dq[member])), member))
        first = np.unique(member[order], return_index=True)[1]
        result: IndexArray = nodes[order][first]
        return result

    def match(self, spectra: Block) -> PixelMatch:
        """Match spectra (E, P) as `Matcher.match` does, with charge and 10Dq of the nearest members."""
        match = super().match(spectra)
        rows, squared_distance = self._nearest_members(np.where(match.finite, spectra, 0).astype(np.float32))
        weight = 1 / (np.maximum(squared_distance, 0) + 1e-9)
        votes = [(weight * (self._species[rows] == i)).sum(axis=1) for i in range(self._species.max() + 1)]
        species = np.stack(votes).argmax(axis=0)
        weight = weight * (self._species[rows] == species[:, None])
        share = weight / weight.sum(axis=1, keepdims=True)
        ten_dq = np.nansum(share * self._ten_dq[rows], axis=1)
        scatter = np.sqrt(np.nansum(share * (self._ten_dq[rows] - ten_dq[:, None]) ** 2, axis=1))
        # Where both methods agree on the species, the doubts of the matcher hold; elsewhere the pixel is ambiguous.
        keep_doubt = (species == match.species) | (match.doubt == Doubt.WEAK)
        return match._replace(
            species=species,
            doubt=np.where(keep_doubt, match.doubt, Doubt.AMBIGUOUS),
            ten_dq=np.where(np.isfinite(match.ten_dq), ten_dq, np.nan),
            ten_dq_noise=np.hypot(match.ten_dq_noise, scatter),
        )

    def _nearest_members(self, spectra: Block) -> tuple[IndexArray, Float64Array]:
        """Rows of the nearest members of each spectrum and their squared distances, (P, N)."""
        spectra -= self.grid.background @ (self.grid.background.T @ spectra)
        scores = (self.grid.components.T @ spectra).T
        norm = np.linalg.norm(scores, axis=1, keepdims=True)
        points = place(self._embedding, scores / np.maximum(norm, 1e-12))
        members = self._embedding.coordinates
        squares = np.sum(points**2, axis=1)[:, None] - 2 * points @ members.T + np.sum(members**2, axis=1)
        rows = np.argpartition(squares, _N_NEIGHBOURS - 1, axis=1)[:, :_N_NEIGHBOURS]
        return rows, np.take_along_axis(squares, rows, axis=1)


def matcher_of(
    stack: SpectralStack,
    library: Library,
    grid: SearchGrid,
    window: EnergyWindow,
    limits: Limits,
    embedding: EmbeddingMethod,
    dimensions: int | None,
) -> Matcher:
    """Return the matcher that compares pixels and library where `embedding` says: in components or few dimensions."""
    n_pixels = int(np.prod(stack.shape[1:]))
    if embedding == "pca":
        return Matcher(grid, window.frames, limits, n_pixels)
    n_dimensions = dimensions or _EMBEDDING_DIMENSIONS
    return NearestNeighbourMatcher(grid, window.frames, limits, n_pixels, library, embedding, n_dimensions)
