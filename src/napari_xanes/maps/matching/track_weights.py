"""How common each track of a library is on a stack.

A stack holds few chemical environments. All its pixels together tell which tracks occur; one pixel's noise does not.
"""

from __future__ import annotations

import numpy as np

from napari_xanes._typing import Float32Array, Float64Array, IndexArray
from napari_xanes.maps.matching.coarse_search import CoarseSearch
from napari_xanes.maps.matching.projection import Projection, project
from napari_xanes.maps.matching.refinement import refine
from napari_xanes.maps.matching.search_grid import MIN_TRACK_WEIGHT, SearchGrid

_MAX_SPECTRA = 512
_ROUNDS = 20


def estimate_track_weights(grid: SearchGrid, spectra: Float32Array) -> Float64Array:
    """Estimate the weight of each track, by maximum likelihood of a mixture of tracks (expectation maximization).

    The likelihoods are those of the best fit of each spectrum on each track of its species.

    Parameters
    ----------
    grid : SearchGrid
        The library on the stack's energies.
    spectra : ndarray, shape (E, P)
        A sample of the stack.

    Returns
    -------
    ndarray, shape (T,)
        1 for the commonest track of each species.
    """
    subset = spectra[:, :: max(1, spectra.shape[1] // _MAX_SPECTRA)].copy()
    projection = project(grid, subset)
    freedom = max(len(subset) - grid.background.shape[1] - 3, 1)
    queries = projection.queries()
    scores = [queries @ search.candidates.T for search in grid.searches]
    species = np.argmax([score.max(axis=1) for score in scores], axis=0)
    weights = np.ones(grid.tracks.start.size)
    for number, (search, score) in enumerate(zip(grid.searches, scores, strict=True)):
        pixels = np.flatnonzero(species == number)
        tracks = np.unique(search.track)
        if tracks.size > 1 and pixels.size > 0:
            cost = _cost_on_tracks(grid, search, score[pixels], projection.rows(np.tile(pixels, tracks.size)), freedom)
            shares = _mixture_shares(np.exp((cost.min(axis=0) - cost) / 2))
            weights[tracks] = np.maximum(shares / shares.max(), MIN_TRACK_WEIGHT)
    return weights


def _cost_on_tracks(
    grid: SearchGrid, search: CoarseSearch, scores: Float32Array, projection: Projection, freedom: int
) -> Float64Array:
    """Chi-square with the shift's penalty, (T, P), of the best fit of P spectra on each of T tracks.

    ``scores`` (P, C) are those of the candidates; ``projection`` holds the spectra T times.
    """
    _, starts = np.unique(search.track, return_index=True)
    candidates: IndexArray = np.concatenate(
        [
            start + track_scores.argmax(axis=1)
            for start, track_scores in zip(starts, np.split(scores, starts[1:], axis=1), strict=True)
        ]
    )
    fits = refine(grid, projection, search.nodes[candidates])
    squares, shifts = fits.squares.reshape(starts.size, -1), fits.shift.reshape(starts.size, -1)
    cost: Float64Array = squares / (squares.min(axis=0) / freedom) + (shifts / grid.spread) ** 2
    return cost


def _mixture_shares(likelihood: Float64Array) -> Float64Array:
    """The most likely shares (T,) of a mixture whose T parts have the likelihoods (T, P)."""
    shares = np.full(len(likelihood), 1 / len(likelihood))
    for _ in range(_ROUNDS):
        responsibility = shares[:, None] * likelihood
        shares = np.mean(responsibility / responsibility.sum(axis=0), axis=1)
    return shares
