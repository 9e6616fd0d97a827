"""The error of a valence from a K-edge library of theory, as measured on known oxides."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

import numpy as np

from napari_xanes._typing import Float64Array
from napari_xanes.maps.matching.k_edge_calibration import Calibration
from napari_xanes.theory.library.model import Library


class ModelErrors(NamedTuple):
    """Errors of the valence, calibrated on a phase of 3+ or more (``oxidized``) or of less (``reduced``)."""

    oxidized: float
    reduced: float


MODEL_ERRORS: Mapping[str, ModelErrors] = MappingProxyType(
    {"ni-k": ModelErrors(0.15, 0.15), "mn-k": ModelErrors(0.3, 0.5), "fe-k": ModelErrors(0.15, 0.33)}
)
"""The libraries whose valences were checked on measured spectra."""

_UNVALIDATED = 0.6
"""Ni(OH)2 and Ni2O3, which are no members, are wrong by up to 1.03 if one calibrates the other."""

_TYPICAL_MISFIT = 0.045
"""Misfit, as a share of the edge jump, up to which these errors hold; beyond, they grow. Members of the libraries fit
measured oxides to .024 to .06."""

_MIN_OXIDIZED = 2.95
_MAX_CALIBRATION_MISFIT = 0.1


def model_error(library: Library, calibration: Calibration | None) -> tuple[float, list[str]]:
    """Return the error of a valence from a library of theory, and warnings for the user.

    Parameters
    ----------
    library : Library
        A library of theory.
    calibration : Calibration, optional
        The calibration, None if offset and broadening were given.
    """
    error, warnings = _error(library, calibration)
    if calibration is not None and calibration.misfit > _MAX_CALIBRATION_MISFIT:
        warnings.append(
            f"the calibration fits its phase ({', '.join(calibration.members)}) poorly, to {calibration.misfit:.0%} of "
            "the edge jump: check that the phase is right and that the spectrum is not damped by thickness"
        )
    return error, warnings


def grown_error(error: float, misfit: Float64Array) -> Float64Array:
    """Return the error of a valence where the library misfits by more than it does on known oxides."""
    result: Float64Array = error * np.maximum(1, misfit / _TYPICAL_MISFIT)
    return result


def _error(library: Library, calibration: Calibration | None) -> tuple[float, list[str]]:
    if library.name not in MODEL_ERRORS:
        return _UNVALIDATED, [
            f"unvalidated: the valence of {library.name!r} has not been checked with measured spectra"
        ]
    if calibration is None or not calibration.phase_is_named:
        return _UNVALIDATED, [
            f"the valence is right to {_UNVALIDATED:g} only, because the calibration is not named after a member of "
            "the library: a phase that is not a member may be off by more (Ni(OH)2 by 1)"
        ]
    oxidized, reduced = MODEL_ERRORS[library.name]
    error = oxidized if calibration.valence >= _MIN_OXIDIZED else reduced
    if error <= oxidized:
        return error, []
    prefix = "unreliable: " if library.name == "fe-k" else ""
    return error, [f"{prefix}the valence is right to {error:g} only; calibrated on 3+ or more, {oxidized:g} is reached"]
