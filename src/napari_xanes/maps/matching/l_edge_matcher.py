"""The kernel of `match_library` at L edges: species, 10Dq and shift of each pixel of a block, with their errors."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from napari_xanes._typing import Block, BoolArray, Float32Array, Float64Array, IndexArray
from napari_xanes.maps.matching.doubts import Doubt
from napari_xanes.maps.matching.fit_misfit import is_surely_above
from napari_xanes.maps.matching.l_edge_model_error import INDEPENDENT, ten_dq_growth, theory_squares
from napari_xanes.maps.matching.projection import Projection, project
from napari_xanes.maps.matching.refinement import RefinedFit, average_over_tracks, refine
from napari_xanes.maps.matching.search_grid import SearchGrid

_COMMON_TRACKS = 3
"""On how many common tracks of its species a spectrum is refined: the coarse search is too coarse to choose one."""

_MIN_EXCESS = 0.05
"""10Dq that ends less than this (eV) beyond the library is not doubtful."""


@dataclass(frozen=True)
class Limits:
    """Limits of what is assigned without doubt; see `match_library`. ``ambiguous`` has one flag per species."""

    min_signal: float | None
    max_misfit: float
    min_evidence: float
    ambiguous: BoolArray


class PixelMatch(NamedTuple):
    """The match of P spectra, all arrays (P,).

    ``doubt`` is 0 or a `Doubt`, ``species`` a position in the grid's species, ``node`` the nearest node. The other
    values are those of the maps of `match_library`; ``*_sigma`` are standard errors; ``white_variance`` is that of the
    noise, from neighbouring energies.
    """

    finite: BoolArray
    doubt: NDArray[Any]
    species: IndexArray
    node: IndexArray
    ten_dq: Float64Array
    ten_dq_noise: Float64Array
    ten_dq_model: Float64Array
    ten_dq_grid: Float64Array
    shift: Float64Array
    shift_sigma: Float64Array
    signal: Float64Array
    signal_sigma: Float64Array
    misfit: Float64Array
    margin: Float64Array
    white_variance: Float64Array


_VALUES = PixelMatch._fields[4:]


class SpeciesFits(NamedTuple):
    """The best fit of each of P spectra, and the squared residual with the next best species (infinite without one)."""

    best: RefinedFit
    next_squares: Float64Array


@dataclass
class Matcher:
    """Matches block after block of a stack into flat arrays, one value per pixel.

    Parameters
    ----------
    grid : SearchGrid
        The library on the stack's energies.
    frames : slice
        The frames of the stack that are used.
    limits : Limits
        When a pixel is doubtful.
    n_pixels : int
        Number of pixels of the stack.
    """

    grid: SearchGrid
    frames: slice
    limits: Limits
    n_pixels: int
    values: dict[str, Float32Array] = field(init=False)
    species: NDArray[np.int16] = field(init=False)
    doubt: NDArray[np.uint8] = field(init=False)

    fits_shift = True

    def __post_init__(self) -> None:
        self.values = {name: np.full(self.n_pixels, np.nan, np.float32) for name in _VALUES}
        self.species = np.full(self.n_pixels, -1, np.int16)
        self.doubt = np.zeros(self.n_pixels, np.uint8)

    def block(self, spectra: Block, pixels: slice) -> None:
        """Match the spectra (E, P) of some pixels and store the values."""
        match = self.match(spectra[self.frames])
        self.doubt[pixels] = np.where(match.finite, match.doubt, Doubt.NOT_FINITE)
        self.species[pixels] = np.where(match.finite, match.species, -1)
        for name, stored in self.values.items():
            stored[pixels] = np.where(match.finite, getattr(match, name), np.nan)

    def match(self, spectra: Block) -> PixelMatch:
        """Match spectra (E, P) on the energies of the grid."""
        measured = spectra.astype(np.float32)
        finite: BoolArray = np.asarray(np.isfinite(measured).all(axis=0))
        if not finite.all():
            measured[:, ~finite] = 0
        freedom = self._freedom
        projection = project(self.grid, measured)
        fits = self.fit_species(projection, freedom)
        return self._with_errors(fits, projection.white_variance, freedom, finite)

    @property
    def _n_energies(self) -> int:
        return len(self.grid.background)

    @property
    def _freedom(self) -> int:
        """Degrees of freedom of a fit."""
        return max(self._n_energies - int(self.grid.background.shape[1]) - 3, 1)

    def settle(self) -> None:
        """Weigh the evidence of all matched pixels again, with the misfit of the theory that they share.

        The noise of one pixel hides the misfit; that of a typical pixel is the median over the stack.
        """
        values = {name: self.values[name].astype(np.float64) for name in ("signal", "misfit", "margin")}
        good = (self.doubt != Doubt.WEAK) & (self.doubt != Doubt.NOT_FINITE) & np.isfinite(values["margin"])
        if not good.any():
            return
        signal, misfit, margin = (array[good] for array in values.values())
        squares = self._n_energies * (misfit * signal) ** 2
        white = self.values["white_variance"][good].astype(np.float64)
        common = max(float(np.median((squares - self._freedom * white) / signal**2)), 0.0)
        own = theory_squares(squares, white, self._freedom)
        theory = np.minimum(np.maximum(own, common * signal**2), squares)
        gap = squares * (1 / np.maximum(1 - margin, 1e-9) ** 2 - 1)
        ambiguous = good.copy()
        ambiguous[good] = gap / _uncertainty(squares, theory, self._freedom) < self.limits.min_evidence
        self.doubt[ambiguous & np.isin(self.doubt, (0, Doubt.BEYOND_LIBRARY))] = Doubt.AMBIGUOUS
        growth = ten_dq_growth(np.sqrt(own / self._n_energies) / signal)
        least = ten_dq_growth(np.sqrt(common / self._n_energies)) / growth
        self.values["ten_dq_model"][good] *= np.maximum(least, 1)

    def fit_species(self, projection: Projection, freedom: int) -> SpeciesFits:
        """Fit the two most similar species to each spectrum; `freedom` is the degrees of freedom of a fit."""
        grid, each = self.grid, np.arange(len(projection.scores))
        queries = projection.queries()
        candidates = [search.best(queries, 1) for search in grid.searches]
        scores, nodes = (np.concatenate(parts) for parts in zip(*candidates, strict=True))
        order = np.argsort(-scores, axis=0, kind="stable")
        first = refine(grid, projection, nodes[order[0], each])
        alternatives = self._on_common_tracks(projection, queries, first, order[0])
        best = average_over_tracks(grid, first, alternatives, freedom)
        if len(grid.searches) == 1:
            return SpeciesFits(best, np.full(each.size, np.inf))
        second = refine(grid, projection, nodes[order[1], each])
        swap = second.squares < best.squares
        next_squares = np.where(swap, best.squares, second.squares)
        best = RefinedFit(*(np.where(swap, b, a) for a, b in zip(best, second, strict=True)))
        return SpeciesFits(best, next_squares)

    def _on_common_tracks(
        self, projection: Projection, queries: Float32Array, first: RefinedFit, species: IndexArray
    ) -> list[tuple[IndexArray, RefinedFit]]:
        """Fits on other common tracks of the same species, each with the positions of its spectra."""
        grid, fits = self.grid, []
        for number, search in enumerate(grid.common_searches):
            pixels = np.flatnonzero(species == number)
            if pixels.size == 0 or grid.searches[number].n_tracks == 1:
                continue
            scores, nodes = search.best(queries[pixels], min(_COMMON_TRACKS, search.n_tracks))
            other_track = np.isfinite(scores) & (grid.track[nodes] != grid.track[first.node[pixels]])
            for rows, node in zip(other_track, nodes, strict=True):
                if rows.any():
                    fits.append((pixels[rows], refine(grid, projection.rows(pixels[rows]), node[rows])))
        return fits

    def _with_errors(self, fits: SpeciesFits, white: Float64Array, freedom: int, finite: BoolArray) -> PixelMatch:
        """The match with errors from the residual, and the doubtful pixels; `white` is the noise's variance."""
        grid, best = self.grid, fits.best
        nodes, variance = grid.nodes, best.squares / freedom
        height = nodes.height[best.node]
        signal, signal_sigma = best.amplitude * height, np.sqrt(variance) * height
        noise = np.sqrt(best.ten_dq_variance * variance)
        misfit = np.sqrt(best.squares / self._n_energies) / np.maximum(signal, 1e-30)
        species = grid.tracks.species[grid.track[best.node]]
        weak = ~(signal > (5 * signal_sigma if self.limits.min_signal is None else self.limits.min_signal))
        theory = theory_squares(best.squares, white, freedom)
        poor = is_surely_above(theory, white, self._n_energies * (self.limits.max_misfit * signal) ** 2)
        evidence = (fits.next_squares - best.squares) / _uncertainty(best.squares, theory, freedom)
        growth = ten_dq_growth(np.sqrt(theory / self._n_energies) / np.maximum(signal, 1e-30))
        margin = 1 - np.sqrt(best.squares / np.maximum(fits.next_squares, 1e-30))
        return PixelMatch(
            finite=finite,
            doubt=self._doubt(weak, poor, species, evidence, best.ten_dq_excess, noise),
            species=species,
            node=best.node,
            ten_dq=np.where(weak, np.nan, best.ten_dq),
            ten_dq_noise=noise,
            ten_dq_model=nodes.model_error[best.node] * growth,
            ten_dq_grid=nodes.grid_error[best.node],
            shift=np.where(weak, np.nan, best.shift),
            shift_sigma=np.sqrt(best.shift_variance * variance),
            signal=signal,
            signal_sigma=signal_sigma,
            misfit=np.where(weak, np.nan, misfit),
            margin=np.where(weak, np.nan, np.clip(margin, 0, 1)),
            white_variance=white,
        )

    def _doubt(
        self,
        weak: BoolArray,
        poor: BoolArray,
        species: IndexArray,
        evidence: Float64Array,
        ten_dq_excess: Float64Array,
        noise: Float64Array,
    ) -> NDArray[Any]:
        """The most important doubt about each pixel; `evidence` is how much worse the next species fits."""
        limits = self.limits
        ambiguous = np.asarray(limits.ambiguous[species]) | (evidence < limits.min_evidence)
        conditions = [weak, poor, ambiguous, ten_dq_excess > np.maximum(noise, _MIN_EXCESS)]
        return np.select(conditions, [Doubt.WEAK, Doubt.POOR, Doubt.AMBIGUOUS, Doubt.BEYOND_LIBRARY], 0)


def _uncertainty(squares: Float64Array, theory: Float64Array, freedom: int) -> Float64Array:
    """Variance against which evidence is weighed: the misfit of the theory is noise of few independent values."""
    result: Float64Array = (squares - theory) / freedom + theory / INDEPENDENT
    return result
