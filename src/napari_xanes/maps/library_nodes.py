"""A library made ready for one energy axis: compressed spectra at many 10Dq and shifts, and how they change there.

Every spectrum has the background projected out and is compressed to the patterns (principal components) that hold the
library and its slopes best. Between members that differ in 10Dq only, spectra are cubic splines in 10Dq.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_xanes.maps.library_search import Floats, Indices, Search, Singles, search_of
from napari_xanes.theory.library import Library
from napari_xanes.theory.placement import background_columns

FINE = 0.05
"""Spacing in eV of the nodes in 10Dq and in shift: from a node to where a pixel lies slopes are straight."""

_COARSE = 3
"""Every how many shifts are looked at first."""


@dataclass(frozen=True)
class Tracks:
    """Where the nodes of each track (members that differ in 10Dq only) lie, all (T,); nodes count shift fastest."""

    start: Indices
    n_fields: Indices
    first: Floats
    step: Floats
    species: Indices


@dataclass(frozen=True)
class Nodes:
    """The compressed library.

    ``free`` (E, F) spans the background, ``patterns`` (E, K) the library beside it. Per node (N): ``tangents``
    (N, 3, K), the unit spectrum and its derivatives by 10Dq and shift; ``metric`` (N, 3), their products; ``share``,
    how much of the whole norm the patterns hold; ``height``, peak to peak over norm; ``model`` and ``grid``, errors
    of 10Dq in eV from the theory and from drawing spectra between members; ``row``, the nearest member.
    """

    free: Singles
    patterns: Singles
    shifts: Floats
    tracks: Tracks
    track: Indices
    tangents: Singles
    metric: Floats
    share: Floats
    height: Floats
    model: Floats
    grid: Floats
    row: Indices
    species: list[str]
    searches: list[Search]


def prepare_nodes(
    library: Library,
    energy: Floats,
    *,
    offset: float,
    broadening: float,
    shift: float,
    spread: float,
    background: str,
    dimensions: int,
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
    """
    free = background_columns(energy, background)
    n_each_side = int(np.ceil(shift / FINE - 1e-9)) if shift > 0 else 0
    shifts: Floats = FINE * np.arange(-n_each_side, n_each_side + 1, dtype=np.float64)
    drawn = np.empty((shifts.size, len(library), energy.size), dtype=np.float32)
    for i, by in enumerate(shifts):
        spectra = library.at(energy, broadening=broadening, shift=offset + by)
        if i == n_each_side:
            height = np.ptp(spectra, axis=1)
        drawn[i] = spectra - (spectra @ free) @ free.T
    norms = np.sqrt(np.einsum("sme,sme->sm", drawn, drawn))
    if not (norms > 1e-6 * norms.max()).all():
        lost = int(np.flatnonzero((norms <= 1e-6 * norms.max()).any(axis=0))[0])
        raise ValueError(
            f"{library.label(lost)} of library {library.name!r} is nothing but background on these energies"
        )
    patterns = _patterns(drawn / norms[:, :, None], library, dimensions)
    compressed = (drawn @ patterns.astype(np.float32)).astype(np.float64)
    lost = np.maximum(norms.astype(np.float64) ** 2 - np.sum(compressed**2, axis=2), 0.0)
    looked = np.arange(n_each_side % _COARSE, shifts.size, _COARSE)
    looked = looked[np.abs(shifts[looked]) <= 3 * spread + 1e-9]
    return _assembled(library, free, patterns, shifts, looked, compressed, lost, height)


def _patterns(unit: Singles, library: Library, dimensions: int) -> Floats:
    """The principal directions of the spectra and of their steps in shift and 10Dq, which tell 10Dq apart."""
    sets = [unit[unit.shape[0] // 2 :: 2]]
    if unit.shape[0] > 1:
        sets.append(np.diff(unit, axis=0)[::2] * 2)
    for rows in library.tracks:
        if rows.size > 1:
            sets.append(np.diff(unit[unit.shape[0] // 2][rows], axis=0)[None])
    gram = np.zeros((unit.shape[2],) * 2)
    for one in sets:
        flat = one.reshape(-1, unit.shape[2])
        gram += (flat.T @ flat).astype(np.float64)
    directions: Floats = np.linalg.eigh(gram)[1][:, ::-1][:, :dimensions]
    return directions


def _assembled(
    library: Library,
    free: Floats,
    patterns: Floats,
    shifts: Floats,
    looked: Indices,
    compressed: Floats,
    lost: Floats,
    height: Floats,
) -> Nodes:
    """Nodes of all tracks behind each other."""
    from scipy.interpolate import CubicSpline

    names = list(dict.fromkeys(library.species))
    ten_dq, sigma = library.column("ten_dq"), np.nan_to_num(library.column("ten_dq_sigma"))
    start, n_fields, first, step, kind = [], [], [], [], []
    parts: list[tuple[NDArray[Any], ...]] = []
    looks: list[list[Indices]] = [[] for _ in names]
    total = 0
    for rows in library.tracks:
        fields = ten_dq[rows]
        if rows.size > 1:
            per = max(1, int(np.ceil(np.diff(fields).min() / FINE - 1e-6)))
            fine = np.linspace(fields[0], fields[-1], per * round((fields[-1] - fields[0]) / np.diff(fields).min()) + 1)
            curve = CubicSpline(fields, compressed[:, rows], axis=1)
            spectra, by_field = curve(fine), curve(fine, 1)
            whole = np.maximum(CubicSpline(fields, lost[:, rows], axis=1)(fine), 0.0)
            near = np.abs(fine[:, None] - fields).argmin(axis=1)
            at_member = np.unique(np.abs(fields[:, None] - fine).argmin(axis=1))
            model, tall = np.interp(fine, fields, sigma[rows]), np.interp(fine, fields, height[rows])
            grid = np.interp(fine, fields, _between_members(fields, compressed[shifts.size // 2, rows]))
        else:
            fine, near, at_member = np.nan_to_num(fields), np.zeros(1, np.intp), np.zeros(1, np.intp)
            spectra, by_field, whole = compressed[:, rows], np.zeros_like(compressed[:, rows]), lost[:, rows]
            model, tall, grid = sigma[rows], height[rows], np.zeros(1)
        by_shift = np.gradient(spectra, FINE, axis=0, edge_order=2) if shifts.size > 2 else np.zeros_like(spectra)
        parts.append(_tangents(spectra, by_field, by_shift, whole, model, tall, grid, rows[near]))
        start.append(total)
        n_fields.append(fine.size)
        first.append(fine[0])
        step.append(fine[1] - fine[0] if fine.size > 1 else 0.0)
        number = names.index(library.species[rows[0]])
        kind.append(number)
        looks[number].append((total + at_member[:, None] * shifts.size + looked).ravel())
        total += fine.size * shifts.size
    tangents, metric, share, tall_, model_, grid_, row = (np.concatenate(items) for items in zip(*parts, strict=True))
    tracks = Tracks(np.array(start), np.array(n_fields), np.array(first), np.array(step), np.array(kind))
    track = np.repeat(np.arange(len(start)), tracks.n_fields * shifts.size)
    searches = [search_of(tangents[:, 0], np.concatenate(nodes), shifts) for nodes in looks]
    return Nodes(
        free=free.astype(np.float32),
        patterns=patterns.astype(np.float32),
        shifts=shifts,
        tracks=tracks,
        track=track,
        tangents=tangents,
        metric=metric,
        share=share,
        height=tall_,
        model=model_,
        grid=grid_,
        row=row.astype(np.intp),
        species=names,
        searches=searches,
    )


def _tangents(
    spectra: Floats,
    by_field: Floats,
    by_shift: Floats,
    lost: Floats,
    model: Floats,
    height: Floats,
    grid: Floats,
    rows: Indices,
) -> tuple[NDArray[Any], ...]:
    """Unit spectra and their slopes, at right angles to them, of (S, Q, K) in the order of the nodes."""
    n_shifts = spectra.shape[0]
    flat = [np.swapaxes(one, 0, 1).reshape(-1, spectra.shape[2]) for one in (spectra, by_field, by_shift)]
    norm = np.linalg.norm(flat[0], axis=1, keepdims=True)
    whole = np.sqrt(norm[:, 0] ** 2 + lost.T.ravel())
    unit, *slopes = (one / norm for one in flat)
    slopes = [one - np.sum(one * unit, axis=1, keepdims=True) * unit for one in slopes]
    q, s = slopes
    metric = np.stack([np.sum(q * q, axis=1), np.sum(q * s, axis=1), np.sum(s * s, axis=1)], axis=1)
    tangents = np.stack([unit, q, s], axis=1).astype(np.float32)
    tall, spread, between, row = (np.repeat(one, n_shifts) for one in (height, model, grid, rows))
    return tangents, metric, norm[:, 0] / whole, tall / whole, spread, between, row


def _between_members(fields: Floats, spectra: Floats) -> Floats:
    """By how much 10Dq may be wrong because spectra are drawn between members, per member (Q,) in eV.

    Every second member is left out and drawn from the others; the error of a cubic spline goes with the fourth power of
    the step, so a sixteenth of what is found remains. That holds across a change of the ground state too: it is large.
    """
    from scipy.interpolate import CubicSpline

    if fields.size < 6:
        return np.full(fields.size, float(np.diff(fields).max()) / 4)
    wrong = np.zeros(fields.size)
    for first in (0, 1):
        curve = CubicSpline(fields[first::2], spectra[first::2])
        left_out = slice(1 - first, None, 2)
        slope = curve(fields[left_out], 1)
        off = curve(fields[left_out]) - spectra[left_out]
        wrong[left_out] = np.abs(np.sum(off * slope, axis=1)) / np.maximum(np.sum(slope**2, axis=1), 1e-30) / 16
    return np.minimum(wrong, float(np.diff(fields).max()) / 2)
