"""The kernel of `match_library`: species, 10Dq and shift of each pixel of a block, and their errors."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_xanes._typing import Float32Array, Float64Array, IndexArray
from napari_xanes.maps.matching.refinement import Refined, Seen, averaged, refined, seen
from napari_xanes.maps.matching.search_grid import Nodes

CANDIDATES = 3
"""On how many common tracks of its species a spectrum is refined and averaged: the first look is too coarse for one."""

DOUBTS = {
    1: "weak signal",
    2: "poor fit",
    3: "ambiguous",
    4: "10Dq beyond the library",
    5: "no finite spectrum",
}
"""Why a pixel is not assigned."""


@dataclass(frozen=True)
class Limits:
    """What makes a pixel doubtful: see `match_library`."""

    min_signal: float | None
    max_misfit: float
    min_evidence: float
    ambiguous: NDArray[np.bool_]


@dataclass
class Matcher:
    """Matches block after block of a stack into flat arrays, one value per pixel.

    Parameters
    ----------
    nodes : Nodes
        The library on the stack's energies.
    frames : slice
        The stack's frames that are used.
    limits : Limits
        When to doubt.
    n_pixels : int
        Number of pixels of the stack.
    """

    nodes: Nodes
    frames: slice
    limits: Limits
    n_pixels: int
    values: dict[str, NDArray[np.float32]] = field(init=False)
    species: NDArray[np.int16] = field(init=False)
    doubt: NDArray[np.uint8] = field(init=False)
    row: NDArray[np.int32] = field(init=False)

    fits_shift = True
    NAMES = (
        "ten_dq",
        "ten_dq_noise",
        "ten_dq_model",
        "ten_dq_grid",
        "shift",
        "shift_sigma",
        "signal",
        "signal_sigma",
        "misfit",
        "margin",
    )

    def __post_init__(self) -> None:
        self.values = {name: np.full(self.n_pixels, np.nan, np.float32) for name in self.NAMES}
        self.species = np.full(self.n_pixels, -1, np.int16)
        self.doubt = np.zeros(self.n_pixels, np.uint8)
        self.row = np.full(self.n_pixels, -1, np.int32)

    def block(self, spectra: NDArray[Any], pixels: slice) -> None:
        """Match the spectra (E, P) of some pixels."""
        found = self.match(spectra[self.frames])
        finite, _ = found.pop("finite"), found.pop("node")
        self.doubt[pixels] = np.where(finite, found.pop("doubt"), 5)
        self.species[pixels] = np.where(finite, found.pop("species"), -1)
        self.row[pixels] = np.where(finite, found.pop("row"), -1)
        for name, values in found.items():
            self.values[name][pixels] = np.where(finite, values, np.nan)

    def match(self, spectra: NDArray[Any]) -> dict[str, NDArray[Any]]:
        """Everything about the spectra (E, P) of some pixels; see `NAMES`."""
        nodes, n_energies = self.nodes, spectra.shape[0]
        y = spectra.astype(np.float32)
        finite: NDArray[np.bool_] = np.asarray(np.isfinite(y).all(axis=0))
        if not finite.all():
            y[:, ~finite] = 0
        freedom = max(n_energies - nodes.free.shape[1] - 3, 1)
        best, margin, other = self.fitted(seen(nodes, y), freedom)
        return self._judged(best, margin, other, n_energies, freedom, finite)

    def fitted(self, pixels: Seen, freedom: int) -> tuple[Refined, Float64Array, Float64Array]:
        """The best fit of each spectrum, by how much the next species fits worse, and the squares that it leaves."""
        nodes, n_pixels = self.nodes, pixels.left.size
        looks, each = pixels.looks(), np.arange(n_pixels)
        looked = [search.best(looks, 1) for search in nodes.searches]
        scores, places = (np.concatenate(found) for found in zip(*looked, strict=True))
        order = np.argsort(-scores, axis=0, kind="stable")
        first = refined(nodes, pixels, places[order[0], each])
        best = averaged(nodes, first, self._others(pixels, looks, first, order[0]), freedom)
        if len(nodes.searches) > 1:
            second = refined(nodes, pixels, places[order[1], each])
            swap = second.squares < best.squares
            other = np.where(swap, best.squares, second.squares)
            best = Refined(*(np.where(swap, b, f) for f, b in zip(best, second, strict=True)))
            margin = 1 - np.sqrt(best.squares / np.maximum(other, 1e-30))
        else:
            margin, other = np.ones(n_pixels), np.full(n_pixels, np.inf)
        return best, margin, other

    def _others(
        self, pixels: Seen, looks: Float32Array, first: Refined, species: IndexArray
    ) -> list[tuple[IndexArray, Refined]]:
        """Fits on other common tracks of the same species, each with the pixels (Q,) that have it."""
        nodes, fits = self.nodes, []
        for number, search in enumerate(nodes.common):
            own = np.flatnonzero(species == number)
            if own.size == 0 or nodes.searches[number].n_tracks == 1:
                continue
            scores, places = search.best(looks[own], min(CANDIDATES, search.n_tracks))
            new = np.isfinite(scores) & (nodes.track[places] != nodes.track[first.node[own]])
            for rows, node in zip(new, places, strict=True):
                if rows.any():
                    fits.append((own[rows], refined(nodes, pixels.rows(own[rows]), node[rows])))
        return fits

    def _judged(
        self,
        best: Refined,
        margin: Float64Array,
        other: Float64Array,
        n_energies: int,
        freedom: int,
        finite: NDArray[np.bool_],
    ) -> dict[str, NDArray[Any]]:
        """Errors from the misfit, and which pixels to doubt."""
        nodes, limits = self.nodes, self.limits
        variance = best.squares / freedom
        height = nodes.height[best.node]
        signal, signal_sigma = best.amplitude * height, np.sqrt(variance) * height
        noise = np.sqrt(best.ten_dq_variance * variance)
        misfit = np.sqrt(best.squares / n_energies) / np.maximum(signal, 1e-30)
        species = nodes.tracks.species[nodes.track[best.node]]
        least = 5 * signal_sigma if limits.min_signal is None else limits.min_signal
        weak = ~(signal > least)
        unclear = np.asarray(limits.ambiguous[species]) | ((other - best.squares) / variance < limits.min_evidence)
        doubt = np.select(
            [weak, misfit > limits.max_misfit, unclear, best.beyond > np.maximum(noise, 0.05)], [1, 2, 3, 4], 0
        )
        return {
            "finite": finite,
            "doubt": doubt,
            "species": species,
            "node": best.node,
            "row": nodes.row[best.node],
            "ten_dq": np.where(weak, np.nan, best.ten_dq),
            "ten_dq_noise": noise,
            "ten_dq_model": nodes.model[best.node],
            "ten_dq_grid": nodes.grid[best.node],
            "shift": np.where(weak, np.nan, best.shift),
            "shift_sigma": np.sqrt(best.shift_variance * variance),
            "signal": signal,
            "signal_sigma": signal_sigma,
            "misfit": np.where(weak, np.nan, misfit),
            "margin": np.where(weak, np.nan, np.clip(margin, 0, 1)),
        }
