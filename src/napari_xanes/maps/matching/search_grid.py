"""A library prepared for one energy axis: a grid of compressed spectra over tracks, 10Dq and shift.

The background is projected out of every spectrum. A track is a set of members that differ in 10Dq only; between its
members spectra are cubic splines in 10Dq. A node of the grid is a track at one 10Dq and one shift.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from napari_xanes._typing import BoolArray, Float32Array, Float64Array, IndexArray
from napari_xanes.maps.matching.coarse_search import CoarseSearch, coarse_search
from napari_xanes.maps.matching.grid_nodes import SPACING, GridNodes, grid_nodes
from napari_xanes.maps.matching.library_compression import compress
from napari_xanes.maps.matching.ten_dq_splines import ten_dq_splines
from napari_xanes.theory.embedding.placement import background_columns
from napari_xanes.theory.library.model import Library

_COARSE_STEP = 3
"""The coarse search uses every third shift."""

_MIN_SPREAD = 1e-3
"""Least spread of shifts in eV, so that no prior divides by zero."""

MIN_TRACK_WEIGHT = float(np.exp(-4.5))
"""Least weight of a track. It costs 9 of chi-square (3 sigma), which a rare phase can overcome."""


@dataclass(frozen=True)
class Tracks:
    """Where the nodes of T tracks lie in the grid, all arrays (T,).

    ``start`` is the first node, ``n_ten_dq`` the number of 10Dq, ``first_ten_dq`` and ``ten_dq_step`` are in eV,
    ``species`` is a position in `SearchGrid.species`, ``weight`` the prior weight of the track, 1 for the commonest of
    its species.
    """

    start: IndexArray
    n_ten_dq: IndexArray
    first_ten_dq: Float64Array
    ten_dq_step: Float64Array
    species: IndexArray
    weight: Float64Array


@dataclass(frozen=True)
class SearchGrid:
    """The compressed library.

    Parameters
    ----------
    background : ndarray, shape (E, F)
        Orthonormal columns of the background.
    components : ndarray, shape (E, K)
        Orthonormal principal components of the library.
    shifts : ndarray, shape (S,)
        Shifts of the nodes in eV.
    spread : float
        Standard deviation of the pixels' shifts in eV.
    tracks : Tracks
        Where the nodes of each track lie.
    track : ndarray of int, shape (N,)
        The track of each node.
    nodes : GridNodes
        The N nodes.
    species : list of str
        Names of the species, such as Mn2+.
    searches : list of CoarseSearch
        For each species, the search among all its tracks.
    common_searches : list of CoarseSearch
        For each species, the search among its common tracks, see `is_common`.
    """

    background: Float32Array
    components: Float32Array
    shifts: Float64Array
    spread: float
    tracks: Tracks
    track: IndexArray
    nodes: GridNodes
    species: list[str]
    searches: list[CoarseSearch]
    common_searches: list[CoarseSearch]


def is_common(weights: Float64Array) -> BoolArray:
    """Return which track weights are above the least one."""
    result: BoolArray = weights > 1.01 * MIN_TRACK_WEIGHT
    return result


def checked_weights(library: Library, weights: Sequence[float] | None) -> Float64Array:
    """Return the weight of each track of a library, 1 for all tracks by default.

    Raises
    ------
    ValueError
        If there are more or fewer weights than tracks.
    """
    n_tracks = len(library.tracks)
    if weights is not None and len(weights) != n_tracks:
        raise ValueError(
            f"{len(weights)} track_weights, but library {library.name!r} has {n_tracks} tracks: give one per track, or "
            "leave track_weights out"
        )
    return np.ones(n_tracks) if weights is None else np.array(weights, dtype=np.float64)


def build_search_grid(
    library: Library,
    energy: Float64Array,
    *,
    offset: float,
    broadening: float,
    shift: float,
    spread: float,
    background: str,
    n_components: int,
    weights: Sequence[float] | None = None,
    tracks: IndexArray | None = None,
) -> SearchGrid:
    """Compress a library for an energy axis.

    Parameters
    ----------
    library : Library
        The library to match.
    energy : ndarray, shape (E,)
        Photon energies in eV.
    offset : float
        How much too high the stack's energies read, in eV.
    broadening : float
        Full width of the instrument's Gaussian in eV.
    shift : float
        Largest shift of a pixel, in eV.
    spread : float
        Standard deviation of the pixels' shifts in eV; the coarse search leaves out shifts beyond three of them.
    background : {"none", "constant", "linear"}
        What is projected out.
    n_components : int
        How many principal components to keep.
    weights : sequence of float, optional
        Weight of each of the library's tracks, relative to the commonest of its species; 1 by default.
    tracks : ndarray of int, optional
        Which of the library's tracks to keep; all by default.

    Raises
    ------
    ValueError
        If a member is nothing but background on these energies, or there are more or fewer weights than tracks.
    """
    columns = background_columns(energy, background)
    shifts, coarse_shifts = _shifts(shift, spread)
    numbers = np.arange(len(library.tracks)) if tracks is None else tracks
    kept_tracks = [library.tracks[number] for number in numbers]
    compressed = compress(
        library, kept_tracks, energy, columns, shifts, broadening=broadening, offset=offset, n_components=n_components
    )
    groups = _grouped_by_ten_dq(library, kept_tracks)
    species = list(dict.fromkeys(library.species[int(rows[0])] for rows in kept_tracks))
    layout = _layout(library, kept_tracks, groups, species, shifts.size, checked_weights(library, weights)[numbers])
    row_groups = {ten_dq: [kept_tracks[number] for number in members] for ten_dq, members in groups.items()}
    nodes = grid_nodes(library, row_groups, compressed, shifts.size)
    order = np.argsort(layout.start)
    track = np.repeat(order, layout.n_ten_dq[order] * shifts.size)
    spread = max(spread, _MIN_SPREAD)
    penalty = np.tile((shifts / spread) ** 2, track.size // shifts.size) - 2 * np.log(layout.weight[track])
    searches, common_searches = _searches(
        nodes, layout, track, penalty, _coarse_nodes(groups, layout, len(species), shifts.size, coarse_shifts)
    )
    return SearchGrid(
        background=columns.astype(np.float32),
        components=compressed.components,
        shifts=shifts,
        spread=spread,
        tracks=layout,
        track=track,
        nodes=nodes,
        species=species,
        searches=searches,
        common_searches=common_searches,
    )


def _shifts(largest: float, spread: float) -> tuple[Float64Array, IndexArray]:
    """All shifts in eV, and the positions of those of the coarse search."""
    n_each_side = int(np.ceil(largest / SPACING - 1e-9)) if largest > 0 else 0
    shifts: Float64Array = SPACING * np.arange(-n_each_side, n_each_side + 1, dtype=np.float64)
    coarse = np.arange(n_each_side % _COARSE_STEP, shifts.size, _COARSE_STEP)
    return shifts, coarse[np.abs(shifts[coarse]) <= 3 * spread + 1e-9]


def _grouped_by_ten_dq(library: Library, tracks: list[IndexArray]) -> dict[tuple[float, ...], list[int]]:
    """Positions of the tracks, grouped by the 10Dq of their members: each group shares its splines."""
    ten_dq = np.nan_to_num(library.column("ten_dq"))
    groups: dict[tuple[float, ...], list[int]] = {}
    for number, rows in enumerate(tracks):
        groups.setdefault(tuple(ten_dq[rows].round(6)), []).append(number)
    return groups


def _layout(
    library: Library,
    tracks: list[IndexArray],
    groups: dict[tuple[float, ...], list[int]],
    species: list[str],
    n_shifts: int,
    weight: Float64Array,
) -> Tracks:
    """Where the nodes of each track lie, when the groups follow each other."""
    start, n_ten_dq = np.zeros(len(tracks), np.intp), np.zeros(len(tracks), np.intp)
    first, step = np.zeros(len(tracks)), np.zeros(len(tracks))
    total = 0
    for ten_dq, numbers in groups.items():
        fine = ten_dq_splines(ten_dq, SPACING).ten_dq
        size = fine.size * n_shifts
        start[numbers] = total + size * np.arange(len(numbers))
        n_ten_dq[numbers], first[numbers] = fine.size, ten_dq[0]
        step[numbers] = fine[1] - fine[0] if fine.size > 1 else 0.0
        total += size * len(numbers)
    species_index = np.array([species.index(library.species[int(rows[0])]) for rows in tracks], dtype=np.intp)
    return Tracks(start, n_ten_dq, first, step, species_index, weight)


def _coarse_nodes(
    groups: dict[tuple[float, ...], list[int]],
    layout: Tracks,
    n_species: int,
    n_shifts: int,
    coarse_shifts: IndexArray,
) -> list[IndexArray]:
    """For each species the nodes of the coarse search: those nearest to members, at the coarse shifts."""
    nodes: list[list[IndexArray]] = [[] for _ in range(n_species)]
    for ten_dq, numbers in groups.items():
        points = ten_dq_splines(ten_dq, SPACING).nearest_point
        within_track = (points[:, None] * n_shifts + coarse_shifts).ravel()
        for number in numbers:
            nodes[layout.species[number]].append(layout.start[number] + within_track)
    return [np.concatenate(parts) for parts in nodes]


def _searches(
    nodes: GridNodes, layout: Tracks, track: IndexArray, penalty: Float64Array, coarse: list[IndexArray]
) -> tuple[list[CoarseSearch], list[CoarseSearch]]:
    """For each species the coarse search among all tracks, and among the common tracks."""
    unit = nodes.tangents[:, 0]
    searches = [coarse_search(unit, track, penalty, candidates) for candidates in coarse]
    common = [candidates[is_common(layout.weight[track[candidates]])] for candidates in coarse]
    common_searches = [
        search if candidates.size == search.nodes.size else coarse_search(unit, track, penalty, candidates)
        for search, candidates in zip(searches, common, strict=True)
    ]
    return searches, common_searches
