"""A library made ready for one energy axis: compressed spectra at many 10Dq and shifts, and how they change there.

Every spectrum has the background projected out and is compressed to the patterns (principal components) that hold the
library and its slopes best. Between members that differ in 10Dq only, spectra are cubic splines in 10Dq.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from napari_xanes._typing import Float32Array, Float64Array, IndexArray
from napari_xanes.maps.matching.basis import basis_of
from napari_xanes.maps.matching.coarse_search import Search, search_of
from napari_xanes.maps.matching.splines import between_members, splines_of
from napari_xanes.theory.embedding.placement import background_columns
from napari_xanes.theory.library.model import Library

FINE = 0.05
"""Spacing in eV of the nodes in 10Dq and in shift: from a node to where a pixel lies slopes are straight."""

_COARSE = 3
"""Every how many shifts are looked at first."""

_LEAST_SPREAD = 1e-3
"""In eV: shifts that spread less are one."""


RAREST = float(np.exp(-4.5))
"""The least weight of a track: 9 of chi-square, 3 sigma, are enough for a pixel of a phase that no other pixel has."""


@dataclass(frozen=True)
class Tracks:
    """Where the nodes of each track (members that differ in 10Dq only) lie, all (T,); nodes count shift fastest.

    ``weight`` is how common a track is, beside the commonest of its species.
    """

    start: IndexArray
    n_fields: IndexArray
    first: Float64Array
    step: Float64Array
    species: IndexArray
    weight: Float64Array


@dataclass(frozen=True)
class Nodes:
    """The compressed library.

    ``free`` (E, F) spans the background, ``patterns`` (E, K) the library beside it; ``spread`` is that of the shifts in
    eV. Per node (N): ``tangents`` (N, 3, K), the unit spectrum and its derivatives by 10Dq and shift; ``metric``
    (N, 3), their products; ``share``, how much of the whole norm the patterns hold; ``height``, peak to peak over norm;
    ``model`` and ``grid``, errors of 10Dq in eV from the theory and from drawing spectra between members; ``row``, the
    nearest member. Per species: ``searches`` among all tracks, and ``common``, among those above `RAREST`.
    """

    free: Float32Array
    patterns: Float32Array
    shifts: Float64Array
    spread: float
    tracks: Tracks
    track: IndexArray
    tangents: Float32Array
    metric: Float64Array
    share: Float64Array
    height: Float64Array
    model: Float64Array
    grid: Float64Array
    row: IndexArray
    species: list[str]
    searches: list[Search]
    common: list[Search]


def checked_weights(library: Library, weights: Sequence[float] | None) -> Float64Array:
    """How common each track of a library is, all as common by default.

    Raises
    ------
    ValueError
        If there are more or fewer weights than tracks.
    """
    n_tracks = len(library.tracks)
    if weights is not None and len(weights) != n_tracks:
        raise ValueError(f"{len(weights)} track_weights, but library {library.name!r} has {n_tracks} tracks")
    return np.ones(n_tracks) if weights is None else np.array(weights, dtype=np.float64)


class _Members(NamedTuple):
    """Per member: ``compressed`` (M, S, K), ``lost`` (M, S), the square of what lies beside the patterns, ``height``.

    ``place`` (M of the library,) says where among them a member of the library is.
    """

    place: IndexArray
    compressed: Float32Array
    lost: Float64Array
    height: Float64Array


def prepare_nodes(
    library: Library,
    energy: Float64Array,
    *,
    offset: float,
    broadening: float,
    shift: float,
    spread: float,
    background: str,
    dimensions: int,
    weights: Sequence[float] | None = None,
    tracks: IndexArray | None = None,
) -> Nodes:
    """Compress a library for an energy axis.

    Parameters
    ----------
    library : Library
        What to match.
    energy : ndarray, shape (E,)
        Photon energies in eV.
    offset : float
        How far the stack's energies read too high, in eV.
    broadening : float
        Full width of the instrument's Gaussian in eV.
    shift : float
        Largest shift of a pixel, in eV.
    spread : float
        Standard deviation of the pixels' shifts in eV; the first look leaves out shifts beyond three of them.
    background : {"none", "constant", "linear"}
        What is projected out.
    dimensions : int
        How many patterns to keep.
    weights : sequence of float, optional
        How common each of the library's tracks is, beside the commonest of its species; all as common by default.
    tracks : ndarray of int, optional
        Which of the library's tracks to keep; all by default.

    Raises
    ------
    ValueError
        If a member is nothing but background on these energies, or there are more or fewer weights than tracks.
    """
    free = background_columns(energy, background)
    n_each_side = int(np.ceil(shift / FINE - 1e-9)) if shift > 0 else 0
    shifts: Float64Array = FINE * np.arange(-n_each_side, n_each_side + 1, dtype=np.float64)
    looked = np.arange(n_each_side % _COARSE, shifts.size, _COARSE)
    looked = looked[np.abs(shifts[looked]) <= 3 * spread + 1e-9]
    chosen = np.arange(len(library.tracks)) if tracks is None else tracks
    kept, common = [library.tracks[number] for number in chosen], checked_weights(library, weights)[chosen]
    basis = basis_of(library).members(np.concatenate(kept))
    raw = basis.at(energy, shifts, broadening=broadening, offset=offset)
    clean = raw - ((raw @ free) @ free.T).astype(np.float32)
    patterns, members = _compressed(library, kept, basis.weights, raw, clean, dimensions)
    return _assembled(library, kept, free, patterns, shifts, max(spread, _LEAST_SPREAD), looked, members, common)


def _compressed(
    library: Library,
    tracks: list[IndexArray],
    weights: Float32Array,
    raw: Float32Array,
    clean: Float32Array,
    dimensions: int,
) -> tuple[Float32Array, _Members]:
    """The principal directions (E, K) of the spectra and of their steps in shift and 10Dq, and the members there.

    What is left beside the directions changes little with the shift: three shifts tell it for all.
    """
    n_shifts, middle = len(clean), len(clean) // 2
    rows = np.concatenate(tracks)
    place = np.zeros(len(library), np.intp)
    place[rows] = np.arange(rows.size)
    places = sorted({0, middle, n_shifts - 1})
    whole = [weights @ clean[i] for i in places]
    squares = np.stack([np.einsum("me,me->m", one, one) for one in whole], axis=1).astype(np.float64)
    norms = np.sqrt(squares)
    if not (norms > 1e-6 * norms.max()).all():
        empty = int(rows[(norms <= 1e-6 * norms.max()).any(axis=1)][0])
        raise ValueError(
            f"{library.label(empty)} of library {library.name!r} is nothing but background on these energies"
        )
    unit = [one / norms[:, i : i + 1].astype(np.float32) for i, one in enumerate(whole)]
    still = unit[places.index(middle)]
    steps = [still[place[one[1:]]] - still[place[one[:-1]]] for one in tracks if one.size > 1]
    if n_shifts > 1:
        steps += [unit[1] - unit[0], unit[2] - unit[1]]
    gram = sum((one.T @ one).astype(np.float64) for one in (*unit, *([np.concatenate(steps)] if steps else [])))
    patterns = np.linalg.eigh(gram)[1][:, ::-1][:, :dimensions].astype(np.float32)
    compressed = np.matmul(weights, clean @ patterns).swapaxes(0, 1)
    inside = np.einsum("msk,msk->ms", compressed[:, places], compressed[:, places])
    lost = np.maximum(squares - inside, 0)
    if n_shifts > 1:
        at = (np.arange(n_shifts) - middle) / middle
        lost = lost @ np.stack([at * (at - 1) / 2, 1 - at**2, at * (at + 1) / 2])
    return patterns, _Members(place, compressed, np.maximum(lost, 0), np.ptp(weights @ raw[middle], axis=1))


def _assembled(
    library: Library,
    kept: list[IndexArray],
    free: Float64Array,
    patterns: Float32Array,
    shifts: Float64Array,
    spread: float,
    looked: IndexArray,
    members: _Members,
    weight: Float64Array,
) -> Nodes:
    """Nodes of all tracks behind each other, those with the same steps of 10Dq together."""
    names = list(dict.fromkeys(library.species[int(rows[0])] for rows in kept))
    kinds = {name: i for i, name in enumerate(names)}
    ten_dq = np.nan_to_num(library.column("ten_dq"))
    alike: dict[tuple[float, ...], list[int]] = {}
    for number, rows in enumerate(kept):
        alike.setdefault(tuple(ten_dq[rows].round(6)), []).append(number)
    n_tracks = len(kept)
    start, n_fields, species = (np.zeros(n_tracks, np.intp) for _ in range(3))
    first, step = np.zeros(n_tracks), np.zeros(n_tracks)
    parts, owners, total = [], [], 0
    looks: list[list[IndexArray]] = [[] for _ in names]
    for fields, numbers in alike.items():
        splines = splines_of(fields, FINE)
        rows = np.stack([kept[number] for number in numbers])
        parts.append(_tangents(fields, rows, members, np.nan_to_num(library.column("ten_dq_sigma")), shifts.size))
        size = splines.fine.size * shifts.size
        start[numbers] = total + size * np.arange(len(numbers))
        n_fields[numbers], first[numbers] = splines.fine.size, fields[0]
        species[numbers] = [kinds[library.species[row]] for row in rows[:, 0]]
        step[numbers] = splines.fine[1] - splines.fine[0] if splines.fine.size > 1 else 0.0
        owners.append(np.repeat(numbers, size))
        total += size * len(numbers)
        at = (splines.at_member[:, None] * shifts.size + looked).ravel()
        for number in numbers:
            looks[species[number]].append(start[number] + at)
    tangents, metric, share, height, model, grid, row = (np.concatenate(x) for x in zip(*parts, strict=True))
    tracks, track = Tracks(start, n_fields, first, step, species, weight), np.concatenate(owners)
    penalty = np.tile((shifts / spread) ** 2, track.size // shifts.size) - 2 * np.log(weight[track])
    every = [np.concatenate(nodes) for nodes in looks]
    searches = [search_of(tangents[:, 0], track, penalty, nodes) for nodes in every]
    often = [nodes[weight[track[nodes]] > 1.01 * RAREST] for nodes in every]
    common = [
        search if nodes.size == some.size else search_of(tangents[:, 0], track, penalty, some)
        for search, nodes, some in zip(searches, every, often, strict=True)
    ]
    return Nodes(
        free=free.astype(np.float32),
        patterns=patterns,
        shifts=shifts,
        spread=spread,
        tracks=tracks,
        track=track,
        tangents=tangents,
        metric=metric,
        share=share,
        height=height,
        model=model,
        grid=grid,
        row=row,
        species=names,
        searches=searches,
        common=common,
    )


def _tangents(
    fields: tuple[float, ...], rows: IndexArray, members: _Members, sigma: Float64Array, n_shifts: int
) -> tuple[np.ndarray, ...]:
    """Unit spectra and their slopes, at right angles to them, of the nodes of like tracks with members (T, Q)."""
    splines, at = splines_of(fields, FINE), members.place[rows]
    own = members.compressed[at]
    flat = own.reshape(*rows.shape, -1)
    spectra = (splines.values @ flat).reshape(-1, n_shifts, own.shape[-1])
    by_field = (splines.slopes @ flat).reshape(spectra.shape)
    by_shift = np.gradient(spectra, FINE, axis=1, edge_order=2) if n_shifts > 2 else np.zeros_like(spectra)
    lost = np.maximum(splines.values @ members.lost[at], 0).ravel()
    tangents = np.stack([spectra, by_field, by_shift], axis=2).reshape(-1, 3, own.shape[-1])
    squares = np.einsum("nk,nk->n", tangents[:, 0], tangents[:, 0])
    tangents /= np.sqrt(squares)[:, None, None]
    along = np.einsum("nik,nk->ni", tangents[:, 1:], tangents[:, 0])
    tangents[:, 1:] -= along[:, :, None] * tangents[:, :1]
    q, s = tangents[:, 1], tangents[:, 2]
    metric = np.stack([np.einsum("nk,nk->n", *pair) for pair in ((q, q), (q, s), (s, s))], axis=1).astype(np.float64)
    whole = np.sqrt(squares + lost)
    between = between_members(fields, own[:, :, n_shifts // 2].astype(np.float64))
    drawn = [
        np.repeat((splines.straight @ one[:, :, None]).ravel(), n_shifts)
        for one in (members.height[at].astype(np.float64), sigma[rows], between)
    ]
    height, model, grid = drawn
    nearest = np.repeat(rows[:, splines.near].ravel(), n_shifts)
    return tangents, metric, np.sqrt(squares) / whole, height / whole, model, grid, nearest
