"""How far simulated L edges are off on measured spectra of known compounds, and what follows for a match.

A residual has two parts: noise, which differs from energy to energy, and the misfit of the theory, which does not. The
misfit of the theory shifts charge, valence and 10Dq, so it is part of their errors, and a charge is told from the next
one only if the next fits worse by more than the theory misfits anyway.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from napari_xanes._typing import Float64Array
from napari_xanes.theory.library.building import MODEL_FLOOR
from napari_xanes.theory.library.model import Library


class LEdgeError(NamedTuple):
    """The error of a mixture's valence: ``least``, and ``per_misfit`` times the misfit of the theory.

    The misfit is a root mean square, as a share of the spectrum's height. ``tested`` names the measured spectra.
    """

    least: float
    per_misfit: float
    tested: str

    def valence(self, misfit: Float64Array) -> Float64Array:
        """Return the error of a valence at some misfits of the theory."""
        result: Float64Array = np.hypot(self.least, self.per_misfit * misfit)
        return result


L_EDGE_ERRORS: Mapping[str, LEdgeError] = MappingProxyType(
    {
        "Mn": LEdgeError(0.1, 11.0, "MnO, LaMnO3 and SrMnO3, digitised for MnEdgeNet"),
        "Fe": LEdgeError(0.1, 15.0, "LiFePO4 and FePO4, STXM at ALS 11.0.2"),
    }
)
"""The elements whose L edges were tested, each on an axis moved by up to 0.3 eV. Twice ``per_misfit`` times the misfit
covers the largest error that was found (Mn4+: 0.66 at a misfit of 2.9 %; Fe2+: 0.53 at 1.8 %)."""

UNTESTED = LEdgeError(0.5, 22.0, "")
"""Elements of which no measured L edge has tested the theory."""

TIED_RATIO = 1.4
"""On a calibrated axis a charge is certain if the squared misfit of the next charge is this many times larger. A
wrong charge fitted up to 1.3 times better than the right one (SrMnO3 by the crystal field alone, axis 0.3 eV off)."""

_FREE_RATIOS = (9.0, 3.0)
"""The same where the energy offset is searched, by the crystal field alone and with charge transfer. Wrong charges
fitted up to 2.04 times better than the right one (LiFePO4 as Fe4+, 2.5 eV away), and 9 times if the truth was simulated
with strong charge transfer (Mn3+ as Mn2+)."""

_LEAST_MIXTURE_RATIO = 5.0
"""The same for mixtures, which fit wrong offsets better: up to 4 times better than the right one (SrMnO3)."""

TIED = 0.3
"""A calibrated energy axis may be off by this many eV."""

INDEPENDENT = 9.0 / (TIED_RATIO - 1)
"""Number of independent values in a misfit of the theory: a charge is then told at an evidence of 9."""

_TYPICAL_MISFIT = 0.03
"""Misfit of the theory above which the error of 10Dq grows; the errors in a library hold for fits up to it."""

_NOISE_SPREAD = 2 * np.sqrt(3.0)
"""Two standard errors of a noise variance from second differences, times the root of the number of energies."""


def error_of(library: Library) -> LEdgeError | None:
    """Return the error of valences by a simulated library, or None for a library of measured spectra."""
    element = _element(library)
    return L_EDGE_ERRORS.get(element, UNTESTED) if element else None


def free_ratio(library: Library, *, mixture: bool = False) -> float:
    """Return by how much squares beyond noise must be larger to tell a charge whose energies may be 2 eV off."""
    is_crystal_field = bool(_element(library)) and not np.isfinite(library.column("delta")).any()
    ratio = _FREE_RATIOS[0 if is_crystal_field else 1]
    return max(ratio, _LEAST_MIXTURE_RATIO) if mixture else ratio


def has_tested_energies(library: Library) -> bool:
    """Whether the energies of the charges were compared with measured spectra, or are those of measured spectra."""
    element = _element(library)
    return not element or element in L_EDGE_ERRORS


def untested_warnings(library: Library) -> list[str]:
    """Return a warning if no measured spectrum has tested the theory for this element."""
    if has_tested_energies(library):
        return []
    element = _element(library)
    return [
        f"untested: no measured L edge of {element} has tested this theory, whose energies may be 3 eV off; charges "
        "are told by shape only, and valences have an error of 0.5 or more"
    ]


def _element(library: Library) -> str:
    """The element of a simulated library, empty for measured spectra."""
    elements = library.table.get("element")
    simulated = np.isfinite(library.column("ten_dq")).any()
    return str(elements[0]) if elements is not None and simulated else ""


def white_variance(residual: NDArray[Any]) -> Float64Array:
    """Variance of the noise in residuals (E, P), from second differences between neighbouring energies, (P,)."""
    curvature = np.diff(residual, 2, axis=0)
    result: Float64Array = np.einsum("ep,ep->p", curvature, curvature).astype(np.float64) / (6 * len(curvature))
    return result


def theory_squares(squares: Float64Array, white: Float64Array, freedom: int) -> Float64Array:
    """Return the part of squared residuals that noise does not explain.

    Parameters
    ----------
    squares : ndarray, shape (P,)
        Squared residuals.
    white : ndarray, shape (P,)
        Variance of the noise.
    freedom : int
        Degrees of freedom of the residuals.
    """
    result: Float64Array = np.maximum(squares - (freedom + _NOISE_SPREAD * np.sqrt(freedom)) * white, 0)
    return result


def ten_dq_growth(misfit: Any) -> Any:
    """Factor on the model error of 10Dq at some misfits of the theory."""
    return np.maximum(1, misfit / _TYPICAL_MISFIT)


def ten_dq_errors(library: Library) -> Float64Array:
    """Model error of 10Dq of each member in eV, at least `MODEL_FLOOR`; 0 where a library has none."""
    from napari_xanes.theory.multiplet.atomic import find_ion

    sigma = library.column("ten_dq_sigma")
    if not np.isfinite(sigma).any():
        return np.zeros(len(library))
    element, charges = _element(library), library.table["charge"]
    floors = {c: MODEL_FLOOR.get(find_ion(element, int(c)).n_3d, 0.0) for c in np.unique(charges[np.isfinite(charges)])}
    least = np.array([floors.get(charge, 0.0) for charge in charges])
    return np.where(np.isfinite(sigma), np.maximum(sigma, least), 0.0)
