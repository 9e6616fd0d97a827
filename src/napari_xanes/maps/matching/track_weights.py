"""How common each track of a library is on a stack: a stack has few chemical environments, a pixel alone can't tell."""

from __future__ import annotations

import numpy as np

from napari_xanes._typing import Float32Array, Float64Array
from napari_xanes.maps.matching.refinement import refined, seen
from napari_xanes.maps.matching.search_grid import RAREST, Nodes

_SPECTRA = 512
_ROUNDS = 20


def track_weights(nodes: Nodes, spectra: Float32Array) -> Float64Array:
    """The weight of each track (T,), 1 for the commonest of its species.

    The shares of the tracks under which the spectra are most likely (maximum likelihood of a mixture, by expectation
    maximization), from the best fit of each spectrum on each track of its species.

    Parameters
    ----------
    nodes : Nodes
        The library on the stack's energies.
    spectra : ndarray, shape (E, P)
        A sample of the stack.
    """
    some = spectra[:, :: max(1, spectra.shape[1] // _SPECTRA)].copy()
    pixels = seen(nodes, some)
    freedom = max(len(some) - nodes.free.shape[1] - 3, 1)
    looks = pixels.looks()
    scores = [looks @ search.looks.T for search in nodes.searches]
    species = np.argmax([one.max(axis=1) for one in scores], axis=0)
    weights = np.ones(nodes.tracks.start.size)
    for number, (search, score) in enumerate(zip(nodes.searches, scores, strict=True)):
        own = np.flatnonzero(species == number)
        tracks, starts = np.unique(search.track, return_index=True)
        if tracks.size == 1 or own.size == 0:
            continue
        each = np.split(score[own], starts[1:], axis=1)
        looked = np.concatenate([start + one.argmax(axis=1) for start, one in zip(starts, each, strict=True)])
        fits = refined(nodes, pixels.rows(np.tile(own, tracks.size)), search.nodes[looked])
        squares, shifts = fits.squares.reshape(tracks.size, -1), fits.shift.reshape(tracks.size, -1)
        cost = squares / (squares.min(axis=0) / freedom) + (shifts / nodes.spread) ** 2
        shares = _shares(np.exp((cost.min(axis=0) - cost) / 2))
        weights[tracks] = np.maximum(shares / shares.max(), RAREST)
    return weights


def _shares(likelihood: Float64Array) -> Float64Array:
    """Shares (T,) of a mixture whose parts have some likelihoods (T, P)."""
    shares = np.full(len(likelihood), 1 / len(likelihood))
    for _ in range(_ROUNDS):
        parts = shares[:, None] * likelihood
        shares = np.mean(parts / parts.sum(axis=0), axis=1)
    return shares
