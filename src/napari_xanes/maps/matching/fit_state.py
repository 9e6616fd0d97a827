"""What `match_library` has to know of a whole stack: offset, broadening, how pixels shift, what can't be told."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from napari_xanes._typing import Float32Array, Float64Array, IndexArray
from napari_xanes.maps.matching.compare import NARROWEST, WIDEST, Comparison
from napari_xanes.maps.matching.l_edge import Limits, Matcher
from napari_xanes.maps.matching.projection import Sample, Window
from napari_xanes.maps.matching.refinement import seen
from napari_xanes.maps.matching.search_grid import RAREST, Nodes, checked_weights, prepare_nodes
from napari_xanes.maps.matching.track_weights import track_weights
from napari_xanes.theory.embedding.placement import background_columns
from napari_xanes.theory.library.model import Library

REACH = 2.0
"""How far, in eV, the energies of a stack may be off when nobody says by how much."""

_MEMBERS = 240
"""How many members are enough to find the offset with."""

_WIDTHS = (0.2, 0.4, 0.8)
_AS_GOOD = 1.5
"""Another offset explains the stack too if its misfit (sum of squares) is at most this many times the best."""

_FACTORS = (1.25, 1.1, 1.05)
"""The sample is matched so often at most, each time with a better offset and width, tried at these factors."""

_AS_WIDE = 0.03
"""Widths whose logarithms differ by less are as good."""

_WEIGHED_AS_WIDE = 0.07
"""By what share the width may change before the tracks are weighed again."""

_ALIKE = 0.06
"""Pixels whose shift is that of the stack, within this many eV, are averaged to find the broadening."""

_MEANS, _BIN = 24, 0.05
"""Of how many of the commonest 10Dq means are made, and what counts as the same 10Dq, in eV."""


@dataclass(frozen=True)
class Settled:
    """Offset, broadening and spread of shifts of a stack in eV, the weights of tracks, charges that can't be told."""

    offset: float
    broadening: float
    spread: float
    weights: list[float]
    unsure: list[float]


def settle(
    library: Library,
    window: Window,
    sample: Sample,
    *,
    offset: float | None,
    broadening: float | None,
    spread: float | None,
    weights: Sequence[float] | None,
    shift: float,
    background: str,
    dimensions: int,
) -> Settled:
    """What the data decide of what is None.

    First the offset and width with which means of like pixels fit best. Then, up to three times, the library's tracks
    are weighed, and pixels are matched one by one with the common ones, which gives their shifts; those without one are
    averaged and give the width anew, because shifts blur other means.

    Raises
    ------
    ValueError
        If there are more or fewer weights than tracks.
    """

    def at(offset: float, width: float, *, shift: float, spread: float, tracks: IndexArray | None = None) -> Nodes:
        return prepare_nodes(
            library,
            window.energy,
            offset=offset,
            broadening=width,
            shift=shift,
            spread=spread,
            background=background,
            dimensions=dimensions,
            tracks=tracks,
        )

    rows = np.arange(0, len(library), max(1, len(library) // _MEMBERS))
    free = background_columns(window.energy, background)
    compare = Comparison(library, rows, window.energy, free, sample.means, sample.weights)
    offsets = np.arange(-REACH, REACH + 0.01, 0.2)
    found, width = compare.searched(offsets if offset is None else np.array([offset]), _WIDTHS, broadening)
    shares = checked_weights(library, weights).tolist()
    measured, weighed, still = (shift if spread is None else spread), np.inf, None
    for factor in _FACTORS:
        if weights is None and abs(width / weighed - 1) > _WEIGHED_AS_WIDE:
            nodes = at(found, width, shift=shift, spread=measured)
            shares, weighed = track_weights(nodes, sample.spectra).round(4).tolist(), width
        if offset is not None and broadening is not None and spread is not None:
            break
        near = np.flatnonzero(np.array(shares) > 1.01 * RAREST)
        nodes = at(found, width, shift=shift, spread=shift, tracks=near)
        common, beyond_noise, still = _matched(nodes, sample.spectra, shift)
        measured = beyond_noise if spread is None else spread
        if still is None:
            break
        common, before = (0.0 if offset is not None else common), width
        found += common
        if broadening is None:
            nodes_at = partial(at, found, shift=min(shift, _ALIKE), spread=_ALIKE, tracks=near)
            width = _width(nodes_at, *still, width, factor)
        if abs(np.log(width / before)) < _AS_WIDE and abs(common) < 0.005:
            break
    unsure = []
    if offset is None:
        means, counts = (sample.means, sample.weights) if still is None else still
        every = Comparison(library, np.arange(len(library)), window.energy, free, means, counts)
        unsure = every.unsure(offsets, found, width, _AS_GOOD)
    return Settled(found, width, measured, shares, unsure)


def _matched(
    nodes: Nodes, spectra: Float32Array, shift: float
) -> tuple[float, float, tuple[Float64Array, Float64Array] | None]:
    """Of spectra (E, P) the mean shift and its spread beyond noise (eV), and means at that shift."""
    none = np.zeros(len(nodes.species), dtype=bool)
    matcher = Matcher(nodes, slice(None), Limits(None, 1.0, 0.0, none), spectra.shape[1])
    found = matcher.match(spectra)
    good = (found["doubt"] == 0) & (np.abs(found["shift"]) <= shift)
    if good.sum() < 1:
        return 0.0, shift / 3, None
    shifts, errors = found["shift"][good], found["shift_sigma"][good]
    common = float(np.average(shifts, weights=1 / (errors**2 + np.var(shifts) + 1e-12)))
    spread = np.sqrt(max(0.0, float(np.mean((shifts - common) ** 2) - np.mean(errors**2))))
    if good.sum() < 20:
        spread = shift / 3
    alike = np.flatnonzero(good)[np.abs(shifts - common) <= _ALIKE]
    bins = np.nan_to_num(found["ten_dq"][alike] / _BIN).round() + 1e3 * nodes.track[found["node"][alike]]
    means = _means(spectra[:, alike], bins, nodes.free) if alike.size else None
    return common, float(np.round(spread, 6)), means


def _means(spectra: Float32Array, kind: Float64Array, free: Float32Array) -> tuple[Float64Array, Float64Array]:
    """Unit means (E, G) of the spectra of a kind, of the commonest kinds, and how many each stands for."""
    kinds, counts = np.unique(kind, return_counts=True)
    chosen = np.argsort(-counts, kind="stable")[:_MEANS]
    means = np.stack([spectra[:, kind == one].mean(axis=1) for one in kinds[chosen]], axis=1)
    means -= free @ (free.T @ means)
    return (means / np.linalg.norm(means, axis=0)).astype(np.float64), counts[chosen].astype(np.float64)


def _width(
    nodes_at: Callable[[float], Nodes], means: Float64Array, weights: Float64Array, width: float, factor: float
) -> float:
    """The width at which means are most likely, each with its own noise: the vertex of a parabola.

    Means, for with the noise of single spectra, whose 10Dq and shift are free, narrow lines fit better than true ones.
    """
    steps = np.log(factor) * np.array([-1.0, 0.0, 1.0])
    cost = []
    for step in steps:
        nodes = nodes_at(width * float(np.exp(step)))
        matcher = Matcher(nodes, slice(None), Limits(None, 1.0, 0.0, np.zeros(0, bool)), weights.size)
        squares = matcher.fitted(seen(nodes, means.astype(np.float32)), len(means))[0].squares
        cost.append(float(np.average(np.log(squares), weights=weights)))
    curve, slope, _ = np.polyfit(steps, cost, 2)
    move = -slope / (2 * curve) if curve > 0 else -np.sign(slope) * 2 * steps[2]
    return float(np.clip(width * np.exp(np.clip(move, -2 * steps[2], 2 * steps[2])), NARROWEST, WIDEST))
