"""Calibration of a K-edge library of theory on a beamline: one energy shift and one width, from one known spectrum."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from napari_xanes._typing import Float64Array, IndexArray
from napari_xanes.spectrum import Spectrum, check_grid
from napari_xanes.theory.embedding.placement import background_columns
from napari_xanes.theory.library.model import Library

MAX_OFFSET = 8.0
"""Largest distance of a measured edge from the library's edge that is searched, in eV."""

WIDTHS = (0.5, 4.5)
"""Smallest and largest full width in eV of the Gaussian that is added. A larger width would fit some spectra better,
because it hides what the theory lacks, and would not improve the valences."""

_OFFSET_STEP = 0.5
_WIDTH_STEP = 1.0
_FINE_STEP = 0.25
"""Steps in eV: of the offsets and widths that are tried, and of the energies at which members are computed for that."""

_NAME_TOLERANCE = 0.1
"""A spectrum is of the member in its name if their valences differ by less."""

_VALENCE_TOLERANCE = 0.01

_MIN_ENERGIES = 12

_VALENCE_WEIGHT = 1e3
"""Weight of the condition that the mixture has the valence of the phase, relative to the spectrum."""


@dataclass(frozen=True)
class Calibration:
    """The shift and width of a library on a beamline.

    Parameters
    ----------
    offset : float
        Shift of the library to higher energies, in eV.
    broadening : float
        Full width of the added Gaussian, in eV.
    misfit : float
        Root mean square residual as a share of the edge jump.
    members : list of str
        The members that the phase is made of.
    phase_is_named : bool
        Whether the spectrum is named after the member.
    valence : float
        Valence of the phase.
    """

    offset: float
    broadening: float
    misfit: float
    members: list[str]
    phase_is_named: bool
    valence: float


def known_phase(library: Library, spectrum: Spectrum) -> tuple[IndexArray, bool, float]:
    """Find the phase of a calibration spectrum.

    The phase is the member whose name stands in the spectrum's name; else the members of the spectrum's valence; else
    a mixture of all members with this valence.

    Returns
    -------
    rows : ndarray of int
        Rows of the members that the phase is made of.
    phase_is_named : bool
        Whether the spectrum is named after the member.
    valence : float
        Valence of the phase.

    Raises
    ------
    ValueError
        If the spectrum has neither a valence nor the name of a member, or its valence is beyond the library.
    """
    names, charges = [str(name) for name in library.species], library.table["charge"]
    words = re.findall(r"[A-Za-z0-9]+", spectrum.name)
    rows_by_name = [row for row, name in enumerate(names) if name in words]
    valence = charges[rows_by_name[0]] if rows_by_name and spectrum.valence is None else spectrum.valence
    if valence is None:
        raise ValueError(
            f"calibration spectrum {spectrum.name!r} is of no known phase: give its valence, or name it after a member "
            f"of the library ({', '.join(names)})"
        )
    if not charges.min() - 1e-6 <= valence <= charges.max() + 1e-6:
        raise ValueError(
            f"calibration spectrum {spectrum.name!r} has valence {valence:g}, but library {library.name!r} holds "
            f"{charges.min():g} to {charges.max():g}: choose another phase"
        )
    rows_by_name = [row for row in rows_by_name if abs(charges[row] - valence) < _NAME_TOLERANCE][:1]
    rows_by_valence = np.flatnonzero(np.abs(charges - valence) < _VALENCE_TOLERANCE).tolist()
    rows = rows_by_name or rows_by_valence or list(range(len(library)))
    return np.array(rows), bool(rows_by_name), float(valence)


def calibrate(
    library: Library,
    spectrum: Spectrum,
    background: str,
    *,
    offset: float | None = None,
    broadening: float | None = None,
) -> Calibration:
    """Fit the shift and the width of a library to a measured spectrum of known phase.

    Parameters
    ----------
    library : Library
        Spectra of K edges.
    spectrum : Spectrum
        Raw or normalized: its height and background are fitted.
    background : {"linear", "constant", "none"}
        What is fitted beside the members.
    offset, broadening : float, optional
        Kept where given.

    Raises
    ------
    ValueError
        If the spectrum is of no known phase, misses the edge, or fits at no offset.
    """
    rows, phase_is_named, valence = known_phase(library, spectrum)
    energy, mu = _on_library(library, spectrum, MAX_OFFSET if offset is None else abs(offset))
    phase = _Phase(library, rows, valence, energy, mu, background_columns(energy, background))
    point = _grid_search(phase, offset, broadening)
    if point is None:
        raise ValueError(
            f"calibration spectrum {spectrum.name!r} fits no edge of library {library.name!r}: choose the library of "
            "its element and edge"
        )
    if offset is None or broadening is None:
        point = _simplex_search(phase, point, offset, broadening)
    final_offset, width = point
    fit = phase.fit(phase.members(final_offset, width))
    names = [str(library.species[row]) for row in rows]
    return Calibration(round(final_offset, 4), round(width, 4), fit.rms / fit.height, names, phase_is_named, valence)


def _on_library(library: Library, spectrum: Spectrum, margin: float) -> tuple[Float64Array, Float64Array]:
    """Finite energies and absorption of a spectrum, at least `margin` (eV) within the library."""
    low, high = library.span
    low, high = low + margin, high - margin
    inside = np.isfinite(spectrum.mu) & (spectrum.energy >= low) & (spectrum.energy <= high)
    n_inside = int(inside.sum())
    if n_inside < _MIN_ENERGIES:
        raise ValueError(
            f"calibration spectrum {spectrum.name!r} ({spectrum.energy[0]:g} to {spectrum.energy[-1]:g} eV) has "
            f"{n_inside} energies in the library {library.name!r} ({low:.0f} to {high:.0f} eV), but {_MIN_ENERGIES} "
            "are needed: give a spectrum of the library's edge"
        )
    return spectrum.energy[inside], spectrum.mu[inside]


class _PhaseFit(NamedTuple):
    """Root mean square residual and edge jump of a fitted mixture."""

    rms: float
    height: float


@dataclass(frozen=True)
class _Phase:
    """The measured spectrum ``mu`` (E,) of a phase that is a mixture of some members with a known valence."""

    library: Library
    rows: IndexArray
    valence: float
    energy: Float64Array
    mu: Float64Array
    background: Float64Array

    def members(self, offset: float, width: float) -> Float64Array:
        """The members (M, E) with an offset and a width in eV."""
        return self.library.at(self.energy, broadening=width, shift=offset, rows=self.rows)

    def fit(self, members: Float64Array) -> _PhaseFit:
        """Fit the best non-negative mixture of members (M, E) with the phase's valence."""
        difference = self.library.table["charge"][self.rows] - self.valence
        condition = _VALENCE_WEIGHT * np.linalg.norm(self.mu - self.mu.mean()) * difference
        amounts, norm = fit_mixture(members, self.mu, self.background, condition)
        return _PhaseFit(norm / np.sqrt(self.energy.size), float(amounts.sum()))


def fit_mixture(
    members: Float64Array, mu: Float64Array, background: Float64Array, condition: Float64Array | None = None
) -> tuple[Float64Array, float]:
    """Return the amounts (M,) of the non-negative mixture of members nearest to a spectrum, and the residual's norm.

    Parameters
    ----------
    members : ndarray, shape (M, E)
        Spectra of unit height.
    mu : ndarray, shape (E,)
        The measured spectrum.
    background : ndarray, shape (E, F)
        Orthonormal columns that are fitted beside the members.
    condition : ndarray, shape (M,), optional
        Its scalar product with the amounts should be 0; its size is the weight of that.
    """
    from scipy.optimize import nnls

    columns = members.T - background @ (background.T @ members.T)
    measured = mu - background @ (background.T @ mu)
    if condition is not None:
        columns, measured = np.vstack([columns, condition]), np.append(measured, 0.0)
    amounts, norm = nnls(columns, measured)
    return amounts, float(norm)


def _grid_search(phase: _Phase, offset: float | None, broadening: float | None) -> tuple[float, float] | None:
    """The best offset and width (eV) on a coarse grid; None if no mixture has a positive edge jump."""
    check_grid(*phase.library.span, _FINE_STEP, what=f"the library {phase.library.name!r}")
    fine = np.arange(*phase.library.span, _FINE_STEP)
    widths = [broadening] if broadening is not None else np.arange(*WIDTHS, _WIDTH_STEP)
    offsets = [offset] if offset is not None else np.arange(-MAX_OFFSET, MAX_OFFSET + _OFFSET_STEP / 2, _OFFSET_STEP)
    trials = []
    for width in widths:
        broadened = phase.library.at(fine, broadening=float(width), rows=phase.rows)
        for shift in offsets:
            fit = phase.fit(np.array([np.interp(phase.energy - shift, fine, member) for member in broadened]))
            trials.append((fit.rms if fit.height > 0 else np.inf, float(shift), float(width)))
    rms, best_offset, best_width = min(trials)
    return (best_offset, best_width) if np.isfinite(rms) else None


def _simplex_search(
    phase: _Phase, start: tuple[float, float], offset: float | None, broadening: float | None
) -> tuple[float, float]:
    """The best offset and width (eV) near a start point, by the method of Nelder and Mead."""
    from scipy.optimize import minimize

    def limited(point: Float64Array) -> tuple[float, float]:
        return (
            float(point[0]) if offset is None else offset,
            float(np.clip(point[1], *WIDTHS)) if broadening is None else broadening,
        )

    simplex = np.array(start) + np.array([[0, 0], [_OFFSET_STEP / 2, 0], [0, -_OFFSET_STEP / 2]])
    options = {"initial_simplex": simplex, "xatol": 2e-3, "fatol": 1e-7, "maxfev": 120}
    result = minimize(
        lambda point: phase.fit(phase.members(*limited(point))).rms, start, method="Nelder-Mead", options=options
    )
    return limited(result.x)
