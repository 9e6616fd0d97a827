"""The nodes of a search grid: compressed spectra at many 10Dq and shifts, with their derivatives."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from napari_xanes._typing import Float32Array, Float64Array, IndexArray
from napari_xanes.maps.matching.l_edge_model_error import ten_dq_errors
from napari_xanes.maps.matching.library_compression import CompressedLibrary
from napari_xanes.maps.matching.ten_dq_splines import interpolation_error, ten_dq_splines
from napari_xanes.theory.library.model import Library

SPACING = 0.05
"""Spacing in eV of the nodes in 10Dq and in shift. Between nodes the spectra are linear in both."""


@dataclass(frozen=True)
class GridNodes:
    """N nodes, each a library spectrum at one 10Dq and one shift.

    Parameters
    ----------
    tangents : ndarray, shape (N, 3, K)
        Unit spectrum in K components, and its derivatives by 10Dq and by shift, made orthogonal to the spectrum.
    gram : ndarray, shape (N, 3)
        Products of the derivatives: 10Dq with itself, 10Dq with shift, shift with itself.
    norm_fraction : ndarray, shape (N,)
        Norm in the components over the norm of the whole spectrum.
    height : ndarray, shape (N,)
        Peak-to-peak height over the norm of the whole spectrum.
    model_error, grid_error : ndarray, shape (N,)
        Errors of 10Dq in eV: from the theory, and from the interpolation between members.
    member : ndarray of int, shape (N,)
        Row of the nearest member of the library.
    """

    tangents: Float32Array
    gram: Float64Array
    norm_fraction: Float64Array
    height: Float64Array
    model_error: Float64Array
    grid_error: Float64Array
    member: IndexArray


def grid_nodes(
    library: Library,
    track_groups: dict[tuple[float, ...], list[IndexArray]],
    compressed: CompressedLibrary,
    n_shifts: int,
) -> GridNodes:
    """Return the nodes of all tracks, one track after the other; within a track the shift varies fastest.

    Parameters
    ----------
    library : Library
        The library.
    track_groups : dict of tuple of float to list of ndarrays of int
        Rows of the tracks, grouped by the 10Dq (eV) of their members.
    compressed : CompressedLibrary
        The members of the tracks.
    n_shifts : int
        Number of shifts.
    """
    sigma = ten_dq_errors(library)
    parts = [
        _nodes_of_group(ten_dq, np.stack(tracks), compressed, sigma, n_shifts)
        for ten_dq, tracks in track_groups.items()
    ]
    return GridNodes(
        **{field.name: np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(GridNodes)}
    )


def _nodes_of_group(
    ten_dq: tuple[float, ...], rows: IndexArray, compressed: CompressedLibrary, sigma: Float64Array, n_shifts: int
) -> GridNodes:
    """The nodes of tracks with equal 10Dq; `rows` (T, Q) are their members."""
    splines, index = ten_dq_splines(ten_dq, SPACING), compressed.index[rows]
    scores = compressed.scores[index]
    squares, tangents = _unit_tangents(ten_dq, scores)
    by_ten_dq, by_shift = tangents[:, 1], tangents[:, 2]
    pairs = ((by_ten_dq, by_ten_dq), (by_ten_dq, by_shift), (by_shift, by_shift))
    gram = np.stack([np.einsum("nk,nk->n", *pair) for pair in pairs], axis=1).astype(np.float64)
    residual = np.maximum(splines.values @ compressed.residual_squares[index], 0).ravel()
    norm = np.sqrt(squares + residual)

    def interpolated(member_values: Float64Array) -> Float64Array:
        result: Float64Array = np.repeat((splines.linear @ member_values[:, :, None]).ravel(), n_shifts)
        return result

    return GridNodes(
        tangents=tangents,
        gram=gram,
        norm_fraction=np.sqrt(squares) / norm,
        height=interpolated(compressed.height[index].astype(np.float64)) / norm,
        model_error=interpolated(sigma[rows]),
        grid_error=interpolated(interpolation_error(ten_dq, scores[:, :, n_shifts // 2].astype(np.float64))),
        member=np.repeat(rows[:, splines.nearest_member].ravel(), n_shifts),
    )


def _unit_tangents(ten_dq: tuple[float, ...], scores: Float32Array) -> tuple[Float32Array, Float32Array]:
    """Squared norms (N,) of the spectra, and unit spectra with their orthogonal derivatives (N, 3, K).

    The members (T, Q, S, K) are interpolated in 10Dq by splines; derivatives by shift are finite differences.
    """
    splines = ten_dq_splines(ten_dq, SPACING)
    n_tracks, n_members, n_shifts, n_components = scores.shape
    flat = scores.reshape(n_tracks, n_members, -1)
    spectra = (splines.values @ flat).reshape(-1, n_shifts, n_components)
    by_ten_dq = (splines.slopes @ flat).reshape(spectra.shape)
    by_shift = np.gradient(spectra, SPACING, axis=1, edge_order=2) if n_shifts > 2 else np.zeros_like(spectra)
    tangents = np.stack([spectra, by_ten_dq, by_shift], axis=2).reshape(-1, 3, n_components)
    squares = np.einsum("nk,nk->n", tangents[:, 0], tangents[:, 0])
    tangents /= np.sqrt(squares)[:, None, None]
    along = np.einsum("nik,nk->ni", tangents[:, 1:], tangents[:, 0])
    tangents[:, 1:] -= along[:, :, None] * tangents[:, :1]
    return squares, tangents
