"""The members of a library, one per species, that mix to the spectra of a stack, and how certain their charges are."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

import numpy as np

from napari_xanes._typing import Float64Array, IndexArray
from napari_xanes.maps.fitting.active_set import ActiveSets
from napari_xanes.maps.matching.energy_window import EnergyWindow
from napari_xanes.maps.matching.fit_state import MAX_OFFSET, FitState, is_at_the_end
from napari_xanes.maps.matching.l_edge_model_error import (
    free_ratio,
    has_tested_energies,
    theory_squares,
    white_variance,
)
from napari_xanes.maps.matching.mean_misfit import NARROWEST, WIDEST
from napari_xanes.maps.matching.pixel_sample import PixelSample
from napari_xanes.theory.embedding.placement import background_columns
from napari_xanes.theory.library.model import Library

_MAX_SPECTRA = 256
"""So many spectra are enough to choose end members."""

_MAX_MEMBERS, _FEW_MEMBERS = 120, 24
"""So many members of each species are tried as end members, and as those of other energy offsets."""

_SWEEPS = 3

_OFFSETS: Float64Array = np.linspace(-MAX_OFFSET, MAX_OFFSET, 9)
"""Offsets in eV at which mixtures are compared."""

_WIDTHS: Float64Array = np.geomspace(NARROWEST, WIDEST, 9)
"""Full widths of the instrument in eV at which mixtures are compared, before the best one is refined."""

_MIN_GAIN = 0.01
"""An end member is dropped if the sum of squared residuals grows by less than this share without it."""

_CERTAIN_VALENCE = 0.25
"""Valences that differ by less at different offsets are certain; a larger difference makes the charges ambiguous."""

MIN_SHARE = 0.1
"""A charge with a smaller share of a mixture does not count."""


class Mixtures(NamedTuple):
    """The mixtures that fit P spectra best: rows of K members, shares of atoms (K, P), and residuals (E, P)."""

    rows: list[int]
    shares: Float64Array
    residual: Float64Array


@dataclass(frozen=True)
class EndmemberSearch:
    """Looks for the end members of some spectra.

    Parameters
    ----------
    library : Library
        The library.
    energy : ndarray, shape (E,)
        Photon energies in eV.
    spectra : ndarray, shape (E, P)
        Spectra of the stack.
    free : ndarray, shape (E, F)
        Orthonormal columns of the background.
    broadening : float
        Full width of the instrument's Gaussian in eV.
    """

    library: Library
    energy: Float64Array
    spectra: Float64Array
    free: Float64Array
    broadening: float

    def endmembers(self, offset: float) -> list[int]:
        """Return the rows of the members, one per species, whose mixtures fit best at an energy offset in eV.

        One species after the other, the member is exchanged for the one whose non-negative mixtures have the least
        residual. Then species that hardly matter are dropped.
        """
        return self._mixtures(offset, _MAX_MEMBERS).rows

    def ambiguous_charges(self, offsets: Float64Array, offset: float) -> list[float]:
        """Return the charges in mixtures whose valence depends on an energy offset that is not known well enough.

        An offset is possible if its squared residual is larger than that of the best one by at most what the theory
        misfits, times `free_ratio` - 1, and three standard errors of the noise.
        """
        charges = self.library.table["charge"]
        if not np.isfinite(charges).all():
            return []
        best = self._mixtures(offset, _FEW_MEMBERS)
        white, squares = white_variance(best.residual), np.sum(best.residual**2, axis=0)
        freedom = max(self.energy.size - self.free.shape[1] - len(best.rows), 1)
        ratio = free_ratio(self.library, mixture=True)
        allowance = np.sum((ratio - 1) * theory_squares(squares, white, freedom) + 9 * white)
        ambiguous: set[float] = set()
        for trial_offset in offsets:
            other = self._mixtures(float(trial_offset), _FEW_MEMBERS)
            if np.sum(other.residual**2) > squares.sum() + allowance:
                continue
            apart = np.abs(charges[other.rows] @ other.shares - charges[best.rows] @ best.shares) > _CERTAIN_VALENCE
            for mixtures in (best, other):
                held = np.flatnonzero((mixtures.shares[:, apart] > MIN_SHARE).any(axis=1))
                ambiguous |= {float(charges[mixtures.rows[k]]) for k in held}
        return sorted(ambiguous)

    def width(self, offset: float) -> float:
        """Return the full width (eV) of the instrument with which mixtures fit best at an energy offset in eV.

        A single member fits a mixture best if it is much too broad: lines of one charge stand for those of others.
        """
        from scipy.optimize import minimize_scalar

        trials = [replace(self, broadening=float(width))._mixtures(offset, _FEW_MEMBERS) for width in _WIDTHS]
        best = int(np.argmin([np.sum(trial.residual**2) for trial in trials]))
        rows = trials[best].rows

        def squares(log_width: float) -> float:
            members = self._without_background(rows, offset, float(np.exp(log_width)))
            return float(np.sum(_mixed(members, self._unit_spectra)[1] ** 2))

        low, high = np.log(_WIDTHS[[max(best - 1, 0), min(best + 1, _WIDTHS.size - 1)]])
        found = minimize_scalar(squares, bounds=(low, high), method="bounded", options={"xatol": 0.01})
        return float(np.exp(found.x))

    @cached_property
    def _unit_spectra(self) -> Float64Array:
        """The spectra without background, of unit length."""
        spectra = self.spectra - self.free @ (self.free.T @ self.spectra)
        result: Float64Array = spectra / np.linalg.norm(spectra, axis=0)
        return result

    def _without_background(self, rows: IndexArray | list[int], offset: float, width: float) -> Float64Array:
        """Some members (M, E) without background, at an offset and a width in eV."""
        members = self.library.at(self.energy, broadening=width, shift=offset, rows=rows)
        result: Float64Array = members - (members @ self.free) @ self.free.T
        return result

    def _mixtures(self, offset: float, n_members: int) -> Mixtures:
        """The best mixtures at an energy offset in eV, from up to about so many members of each species."""
        candidates = _candidates(self.library, n_members)
        rows = np.concatenate(list(candidates.values()))
        members, spectra = self._without_background(rows, offset, self.broadening), self._unit_spectra
        position = {name: np.flatnonzero(np.isin(rows, own)) for name, own in candidates.items()}
        chosen = list(_chosen(members, spectra, position).values())
        amounts, residual = _mixed(members[chosen], spectra)
        shares = amounts / np.maximum(amounts.sum(axis=0), 1e-30)
        return Mixtures([int(row) for row in rows[chosen]], shares, residual)


def _candidates(library: Library, n_members: int) -> dict[str, IndexArray]:
    """Rows of up to about so many evenly spaced members of each species."""
    species = np.array(library.species)
    rows_of_species = {name: np.flatnonzero(species == name) for name in dict.fromkeys(library.species)}
    return {name: rows[:: max(1, rows.size // n_members)] for name, rows in rows_of_species.items()}


def _chosen(members: Float64Array, spectra: Float64Array, candidates: dict[str, IndexArray]) -> dict[str, int]:
    """The member of each needed species that mixes best to spectra of unit length."""
    cosines = (members / np.linalg.norm(members, axis=1, keepdims=True)) @ spectra
    chosen = {name: int(rows[np.percentile(cosines[rows], 90, axis=1).argmax()]) for name, rows in candidates.items()}
    for _ in range(_SWEEPS):
        before = dict(chosen)
        for name, rows in candidates.items():
            trials = [_residual_squares(members, spectra, chosen | {name: int(row)}) for row in rows]
            chosen[name] = int(rows[int(np.argmin(trials))])
        if chosen == before:
            break
    return _without_needless(members, spectra, chosen)


def _without_needless(members: Float64Array, spectra: Float64Array, chosen: dict[str, int]) -> dict[str, int]:
    """The end members without those that hardly lower the residual; the least useful is dropped first."""
    while len(chosen) > 1:
        squares = _residual_squares(members, spectra, chosen)
        without = {
            name: _residual_squares(members, spectra, {other: row for other, row in chosen.items() if other != name})
            for name in chosen
        }
        name = min(without, key=lambda name: without[name])
        if without[name] > (1 + _MIN_GAIN) * squares:
            break
        chosen = {other: row for other, row in chosen.items() if other != name}
    return chosen


def _residual_squares(members: Float64Array, spectra: Float64Array, chosen: dict[str, int]) -> float:
    """Sum of squared residuals of spectra (E, P) with non-negative mixtures of some members."""
    q, r = np.linalg.qr(members[list(chosen.values())].T)
    projected = q.T @ spectra
    amounts, _ = ActiveSets(r, nonnegative=True, sum_to_one=False).solve(projected)
    return float(np.sum((projected - r @ amounts) ** 2) + np.sum(spectra**2) - np.sum(projected**2))


def _mixed(members: Float64Array, spectra: Float64Array) -> tuple[Float64Array, Float64Array]:
    """Non-negative amounts (K, P) of members (K, E) in spectra, and residuals (E, P)."""
    q, r = np.linalg.qr(members.T)
    amounts, _ = ActiveSets(r, nonnegative=True, sum_to_one=False).solve(q.T @ spectra)
    return amounts, spectra - members.T @ amounts


def mixture_state(
    library: Library,
    window: EnergyWindow,
    sample: PixelSample,
    state: FitState,
    background: str,
    endmembers: list[float] | None,
    *,
    tied: bool,
) -> tuple[list[float], list[float]]:
    """Return the end members of a stack's mixtures, searched where none are given, and their ambiguous charges.

    Where no single charge is sure, a mixture may be, and a mixture of the sure charges may fit at other offsets.
    """
    search = _search(library, window, sample, state.broadening, background)
    rows = [float(row) for row in search.endmembers(state.offset)] if endmembers is None else endmembers
    if tied and has_tested_energies(library):
        return rows, []
    if is_at_the_end(state.offset) and not tied:
        return rows, state.ambiguous
    means = replace(search, spectra=sample.means)
    return rows, means.ambiguous_charges(state.offset * tied + _OFFSETS, state.offset)


def mixture_width(
    library: Library, window: EnergyWindow, sample: PixelSample, state: FitState, background: str
) -> float:
    """Return the full width (eV) of the instrument with which mixtures fit a stack best."""
    return _search(library, window, sample, state.broadening, background).width(state.offset)


def _search(
    library: Library, window: EnergyWindow, sample: PixelSample, width: float, background: str
) -> EndmemberSearch:
    """Look for end members among some of the sampled spectra."""
    every = max(1, sample.spectra.shape[1] // _MAX_SPECTRA)
    spectra = sample.spectra[:, ::every].astype(np.float64)
    return EndmemberSearch(library, window.energy, spectra, background_columns(window.energy, background), width)
