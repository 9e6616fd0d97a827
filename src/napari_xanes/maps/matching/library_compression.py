"""Library spectra compressed to the principal components that describe them, their shifts and their 10Dq best."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from napari_xanes._typing import Float32Array, Float64Array, IndexArray
from napari_xanes.maps.matching.low_rank_library import low_rank
from napari_xanes.theory.library.model import Library


@dataclass(frozen=True)
class CompressedLibrary:
    """Members of a library at several shifts, in K principal components.

    Parameters
    ----------
    components : ndarray, shape (E, K)
        Orthonormal principal components, orthogonal to the background.
    index : ndarray of int
        For each row of the whole library its index among the M compressed members.
    scores : ndarray, shape (M, S, K)
        The members at each shift.
    residual_squares : ndarray, shape (M, S)
        Squared norm of what the components do not describe.
    height : ndarray, shape (M,)
        Peak-to-peak height of each member without shift.
    """

    components: Float32Array
    index: IndexArray
    scores: Float32Array
    residual_squares: Float64Array
    height: Float32Array


def compress(
    library: Library,
    tracks: list[IndexArray],
    energy: Float64Array,
    background: Float64Array,
    shifts: Float64Array,
    *,
    broadening: float,
    offset: float,
    n_components: int,
) -> CompressedLibrary:
    """Compress the members of some tracks.

    The principal components are those of the unit spectra and of their steps in shift and in 10Dq. The norms and the
    residual are computed at the first, the middle and the last shift: they change little with the shift.

    Parameters
    ----------
    library : Library
        The library.
    tracks : list of ndarrays of int
        Rows of the members of each track, by increasing 10Dq.
    energy : ndarray, shape (E,)
        Photon energies in eV.
    background : ndarray, shape (E, F)
        Orthonormal columns that are projected out.
    shifts : ndarray, shape (S,)
        Shifts in eV, evenly spaced around 0.
    broadening, offset : float
        Full width of the instrument's Gaussian, and how much too high the energies read, in eV.
    n_components : int
        Number of components K to keep.

    Raises
    ------
    ValueError
        If a member is nothing but background on these energies.
    """
    rows = np.concatenate(tracks)
    reduced = low_rank(library).members(rows)
    raw = reduced.at(energy, shifts, broadening=broadening, offset=offset)
    clean = raw - ((raw @ background) @ background.T).astype(np.float32)
    middle = shifts.size // 2
    at_shifts = sorted({0, middle, shifts.size - 1})
    spectra = [reduced.weights @ clean[i] for i in at_shifts]
    squares = np.stack([np.einsum("me,me->m", part, part) for part in spectra], axis=1).astype(np.float64)
    _check_norms(library, rows, np.sqrt(squares))
    index = np.zeros(len(library), np.intp)
    index[rows] = np.arange(rows.size)
    unit = [part / np.sqrt(squares)[:, i : i + 1].astype(np.float32) for i, part in enumerate(spectra)]
    components = _components(unit, at_shifts.index(middle), [index[track] for track in tracks], n_components)
    scores = np.matmul(reduced.weights, clean @ components).swapaxes(0, 1)
    described = np.einsum("msk,msk->ms", scores[:, at_shifts], scores[:, at_shifts])
    residual = _over_shifts(np.maximum(squares - described, 0), shifts.size)
    return CompressedLibrary(components, index, scores, residual, np.ptp(reduced.weights @ raw[middle], axis=1))


def _check_norms(library: Library, rows: IndexArray, norms: Float64Array) -> None:
    """Raise an error for the first member whose norm (M, 3) vanishes."""
    empty = (norms <= 1e-6 * norms.max()).any(axis=1)
    if empty.any():
        row = int(rows[empty][0])
        raise ValueError(
            f"{library.label(row)} of library {library.name!r} is nothing but background on these energies: measure or "
            "keep energies at its edge"
        )


def _components(unit: list[Float32Array], middle: int, tracks: list[IndexArray], n_components: int) -> Float32Array:
    """Strongest principal components (E, K) of unit spectra (M, E) at one or three shifts."""
    unshifted = unit[middle]
    steps = [unshifted[track[1:]] - unshifted[track[:-1]] for track in tracks if track.size > 1]
    if len(unit) > 1:
        steps += [unit[1] - unit[0], unit[2] - unit[1]]
    parts = (*unit, *([np.concatenate(steps)] if steps else []))
    gram = sum((part.T @ part).astype(np.float64) for part in parts)
    components: Float32Array = np.linalg.eigh(gram)[1][:, ::-1][:, :n_components].astype(np.float32)
    return components


def _over_shifts(values: Float64Array, n_shifts: int) -> Float64Array:
    """Interpolate values (M, 3) at the first, middle and last shift by a parabola; none is negative."""
    if n_shifts == 1:
        return values
    middle = n_shifts // 2
    at = (np.arange(n_shifts) - middle) / middle
    parabola = np.stack([at * (at - 1) / 2, 1 - at**2, at * (at + 1) / 2])
    return np.maximum(values @ parabola, 0)
