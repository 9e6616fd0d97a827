"""Where a theory's K edges lie on a beamline: one energy shift and one width, from one spectrum of a known phase."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_xanes._typing import Float64Array
from napari_xanes.spectrum import Spectrum
from napari_xanes.theory.embedding.placement import background_columns
from napari_xanes.theory.library.model import Library

REACH = 8.0
"""How far, in eV, an edge may lie from where the library has it."""

WIDTHS = (0.5, 4.5)
"""Full widths in eV of the Gaussian that may have to be added. More would fit some spectra better, by hiding what the
theory lacks, and give no better valences."""

_STEP = 0.5
_DRAWN = 0.25
_AGREE = 0.1
"""A spectrum is that of the member it is called after if its valence is within this."""

_FEWEST = 12


@dataclass(frozen=True)
class Calibration:
    """How far a library's energies have to be moved up and its Gaussian full width, in eV, and how well that fits.

    ``misfit`` is the root mean square residual as a share of the edge jump, ``members`` are those taken for the phase,
    ``named`` says whether it is one that the spectrum is called after, ``valence`` is that of the phase.
    """

    offset: float
    broadening: float
    misfit: float
    members: list[str]
    named: bool
    valence: float


def known_phase(library: Library, spectrum: Spectrum) -> tuple[NDArray[np.intp], bool, float]:
    """The members that a measured spectrum may be made of, whether it is called after it, and its valence.

    The member whose name stands in the spectrum's; else those of its valence; else all, as a mixture of its valence.

    Raises
    ------
    ValueError
        If it has neither a valence nor the name of a member, or its valence is beyond the library.
    """
    names, charges = [str(name) for name in library.species], library.table["charge"]
    words = re.findall(r"[A-Za-z0-9]+", spectrum.name)
    named = [row for row, name in enumerate(names) if name in words]
    valence = charges[named[0]] if named and spectrum.valence is None else spectrum.valence
    if valence is None:
        raise ValueError(
            f"calibration spectrum {spectrum.name!r} is of no known phase: give its valence, or call it as a member of "
            f"the library ({', '.join(names)})"
        )
    if not charges.min() - 1e-6 <= valence <= charges.max() + 1e-6:
        raise ValueError(
            f"calibration spectrum {spectrum.name!r} has valence {valence:g}, but library {library.name!r} holds "
            f"{charges.min():g} to {charges.max():g}: choose another phase"
        )
    named = [row for row in named if abs(charges[row] - valence) < _AGREE][:1]
    rows = named or np.flatnonzero(np.abs(charges - valence) < 0.01).tolist() or list(range(len(library)))
    return np.array(rows), bool(named), float(valence)


def calibrate(
    library: Library,
    spectrum: Spectrum,
    background: str,
    *,
    offset: float | None = None,
    broadening: float | None = None,
) -> Calibration:
    """The shift and width with which a library fits a measured spectrum of known phase.

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
        If the spectrum is of no known phase, misses the edge, or fits nowhere.
    """
    rows, named, valence = known_phase(library, spectrum)
    low, high = library.span
    reach = REACH if offset is None else abs(offset)
    finite = np.isfinite(spectrum.mu)
    inside = finite & (spectrum.energy >= low + reach) & (spectrum.energy <= high - reach)
    energy, mu = spectrum.energy[inside], spectrum.mu[inside]
    if energy.size < _FEWEST:
        raise ValueError(
            f"calibration spectrum {spectrum.name!r} ({spectrum.energy[0]:g} to {spectrum.energy[-1]:g} eV) has "
            f"{energy.size} energies in the library {library.name!r} ({low + reach:.0f} to {high - reach:.0f} eV), but "
            f"{_FEWEST} are needed: is it of another edge?"
        )
    free = background_columns(energy, background)
    steer = 1e3 * np.linalg.norm(mu - mu.mean()) * (library.table["charge"][rows] - valence)
    fine = np.arange(low, high, _DRAWN)

    def residual(drawn: Float64Array) -> tuple[float, float]:
        """Root mean square residual and height of the best mixture with the phase's valence."""
        from scipy.optimize import nnls

        clean = drawn.T - free @ (free.T @ drawn.T)
        measured = mu - free @ (free.T @ mu)
        amounts, rest = nnls(np.vstack([clean, steer]), np.append(measured, 0.0))
        return float(rest / np.sqrt(energy.size)), float(amounts.sum())

    tried = []
    for width in [broadening] if broadening is not None else np.arange(*WIDTHS, 2 * _STEP):
        wide = library.at(fine, broadening=float(width), rows=rows)
        for move in [offset] if offset is not None else np.arange(-REACH, REACH + _STEP / 2, _STEP):
            rms, height = residual(np.array([np.interp(energy - move, fine, one) for one in wide]))
            tried.append((rms if height > 0 else np.inf, float(move), float(width)))
    rms, move, width = min(tried)
    if not np.isfinite(rms):
        raise ValueError(f"calibration spectrum {spectrum.name!r} looks like no edge of library {library.name!r}")

    def at(point: Float64Array) -> tuple[float, float, Float64Array]:
        here = float(point[0]) if offset is None else offset
        wide = float(np.clip(point[1], *WIDTHS)) if broadening is None else broadening
        return here, wide, library.at(energy, broadening=wide, shift=here, rows=rows)

    best = np.array([move, width])
    if offset is None or broadening is None:
        from scipy.optimize import minimize

        simplex = best + np.array([[0, 0], [_STEP / 2, 0], [0, -_STEP / 2]])
        options = {"initial_simplex": simplex, "xatol": 2e-3, "fatol": 1e-7, "maxfev": 120}
        best = minimize(lambda point: residual(at(point)[2])[0], best, method="Nelder-Mead", options=options).x
    move, width, drawn = at(best)
    rms, height = residual(drawn)
    names = [str(library.species[row]) for row in rows]
    return Calibration(round(move, 4), round(width, 4), rms / height, names, named, valence)
