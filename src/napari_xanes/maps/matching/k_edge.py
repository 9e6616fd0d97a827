"""Valence of each pixel of a K edge, from the mixture of a library's members that fits it best."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from napari_xanes import blocks
from napari_xanes._typing import Float32Array, Float64Array
from napari_xanes.beam_jumps import told_about_lazy_drift
from napari_xanes.edge import raise_if_frame_empty
from napari_xanes.hidden_noise import on_hidden_noise
from napari_xanes.maps.fitting.design import Design, build_design
from napari_xanes.maps.fitting.error_learning import learn_errors
from napari_xanes.maps.fitting.linear_fit import LinearFit
from napari_xanes.maps.fitting.result import ReferenceFit
from napari_xanes.maps.matching.axis_check import AXIS_UNKNOWN, axis_error, axis_part, axis_trial, better_place
from napari_xanes.maps.matching.doubts import NO_SIGNAL, Doubt, doubt_maps
from napari_xanes.maps.matching.fit_misfit import is_poorly_fitted, misfit_beyond_noise
from napari_xanes.maps.matching.k_edge_calibration import calibrate
from napari_xanes.maps.matching.k_edge_model_error import grown_error, model_error
from napari_xanes.maps.matching.result import LibrarySettings
from napari_xanes.parameter_map import MapSet, ParameterMap
from napari_xanes.progress import Progress
from napari_xanes.spectrum import Spectrum
from napari_xanes.stack import SpectralStack
from napari_xanes.theory.library.model import Library

_BEFORE, _AFTER = 3.0, 15.0
"""The range of a K edge that a stack must cover, in eV before and after its half height."""


def k_edge_state(
    stack: SpectralStack,
    library: Library,
    calibration: Spectrum | None,
    offset: float | None,
    broadening: float | None,
    background: str,
) -> Mapping[str, float]:
    """Return ``offset`` and ``broadening`` (eV) of a library on a stack's beamline, calibrated where they are None.

    Raises
    ------
    ValueError
        If neither they nor a calibration are given for a library of theory, or the edge is not in the stack.
    """
    if calibration is None and library.needs_calibration and (offset is None or broadening is None):
        raise ValueError(
            f"library {library.name!r} is theory, whose K edges lie right to some eV only: give calibration, one "
            "spectrum measured on the stack's energy axis whose phase is known (a standard, or the mean of a region), "
            f"with its valence or named after a member of the library ({', '.join(library.species)})"
        )
    if calibration is not None:
        calibrated = calibrate(library, calibration, background, offset=offset, broadening=broadening)
        offset, broadening = calibrated.offset, calibrated.broadening
    state = {"offset": offset or 0.0, "broadening": broadening or 0.0}
    _members_on_stack(stack, library, state["offset"], state["broadening"])
    return state


def k_edge_maps(
    stack: SpectralStack,
    library: Library,
    *,
    calibration: Spectrum | None,
    offset: float,
    broadening: float,
    background: str,
    min_signal: float | None,
    max_misfit: float,
    progress: Progress | None,
) -> MapSet:
    """Return the maps that `match_library` gives at a K edge; the parameters are those of `match_library`."""
    members = _members_on_stack(stack, library, offset, broadening)
    covered = _frames_of(stack, members[0].energy)
    design = build_design(
        covered,
        members,
        None,
        constant=background != "none",
        slope=background == "linear",
        nonnegative=True,
        sum_to_one=stack.quantity == "normalized",
        normalize_references="never",
    )
    # Measured members fit so well that residuals tell an axis that is off; those of theory tell the theory's misfit.
    learned = None if library.needs_calibration else learn_errors(covered, design, min_signal)
    fit = LinearFit(design, covered, fractions=True, min_jump=min_signal, errors=learned)
    blocks.over_pixels(fit.block, covered.data, progress=progress, message="matching the library")
    if not fit.finite.any():
        raise_if_frame_empty(stack)
    accuracy = _accuracy(library, calibration, background, offset, broadening)
    misfit = misfit_beyond_noise(fit, np.abs(fit.jump))
    doubt = _doubt(fit, max_misfit).reshape(stack.shape[1:])
    settings = LibrarySettings(library.name, offset, broadening, calibration=accuracy.calibration)
    curve = ReferenceFit(design.energy, design.matrix, [*design.names, *design.backgrounds], fractions=True)
    told = [*accuracy.warnings, *(learned.warnings if learned else ()), *_warnings(doubt)]
    metadata: dict[str, Any] = {
        "name": stack.name,
        "warnings": [*design.warnings, *told, *on_hidden_noise(stack), *told_about_lazy_drift(stack)],
        "library": settings,
        "fit": curve,
    }
    model = None
    if accuracy.model_error is not None:
        error = grown_error(accuracy.model_error, misfit)
        trial = axis_trial(
            library,
            covered,
            fit.good & fit.finite,
            offset=offset,
            broadening=broadening,
            background=background,
        )
        if trial is not None:
            error = np.hypot(error, axis_part(trial, axis_error(stack, calibration)))
            place = better_place(trial, _typical_error(fit, error))
            if place is not None:
                error = np.hypot(error, place.valence[1] - place.valence[0])
                metadata["warnings"].append(place.warning)
        elif fit.good.any():
            metadata["warnings"].append(AXIS_UNKNOWN)
        model = error.astype(np.float32)
    maps = _maps(stack, design, fit, doubt, model)
    return MapSet(maps, pixel_size=stack.pixel_size, metadata=metadata)


def _frames_of(stack: SpectralStack, energy: Float64Array) -> SpectralStack:
    """Return the frames of a stack at these neighbouring energies.

    Libraries cover an edge and no more. That other energies are not used is no reason for a warning.
    """
    first = int(np.searchsorted(stack.energy, energy[0]))
    return stack.isel(frames=slice(first, first + energy.size))


class _Accuracy(NamedTuple):
    """The model error (None for measured libraries), warnings, and what is told about the calibration."""

    model_error: float | None
    warnings: list[str]
    calibration: Mapping[str, Any] | None


def _accuracy(
    library: Library, calibration: Spectrum | None, background: str, offset: float, broadening: float
) -> _Accuracy:
    if not library.needs_calibration:
        return _Accuracy(None, [], None)
    if calibration is None:
        return _Accuracy(*model_error(library, None), None)
    result = calibrate(library, calibration, background, offset=offset, broadening=broadening)
    facts = {"phase": result.members, "valence": result.valence, "misfit": result.misfit}
    return _Accuracy(*model_error(library, result), facts)


def _members_on_stack(stack: SpectralStack, library: Library, offset: float, broadening: float) -> list[Spectrum]:
    """The members of a library on the energies of the stack that the library covers.

    Raises
    ------
    ValueError
        If the library covers none of them, the edge is not among them, or no member has a valence.
    """
    axis = stack.energy
    low, high = library.span
    charges = library.table["charge"]
    if not np.isfinite(charges).any():
        raise ValueError(f"library {library.name!r} has no valences; give its spectra valences")
    inside = axis[(axis >= low + offset) & (axis <= high + offset)]
    mean = library.at(library.energy + library.table["offset"].mean()).mean(axis=0)
    half_height = float(library.energy[np.argmax(mean > 0.5 * mean[-1])] + library.table["offset"].mean() + offset)
    if inside.size == 0 or inside[0] > half_height - _BEFORE or inside[-1] < half_height + _AFTER:
        raise ValueError(
            f"the stack has {axis.size} energies, {axis[0]:g} to {axis[-1]:g} eV, but a valence from library "
            f"{library.name!r} needs {half_height - _BEFORE:.0f} to {half_height + _AFTER:.0f} eV at least: choose the "
            "library of the element and edge that was measured"
        )
    spectra = library.at(inside, broadening=broadening, shift=offset)
    return [
        Spectrum(name, inside, mu, None if np.isnan(charge) else float(charge), metadata={"normalized": True})
        for name, mu, charge in zip(library.species, spectra, charges, strict=True)
    ]


def _typical_error(fit: LinearFit, model: Float64Array) -> float:
    """The median standard error of the valence, by noise and by theory."""
    with np.errstate(all="ignore"):
        total = np.hypot(fit.valence_sigma, model)[fit.good & np.isfinite(fit.valence)]
    return float(np.median(total)) if total.size else np.inf


def _misfit(fit: LinearFit) -> Float32Array:
    """Residual of each pixel as a share of its edge jump."""
    with np.errstate(all="ignore"):
        misfit: Float32Array = np.divide(fit.rms, np.abs(fit.jump), dtype=np.float32)
    return misfit


def _doubt(fit: LinearFit, max_misfit: float) -> NDArray[np.uint8]:
    """Why each pixel is not assigned, 0 where it is."""
    if fit.errors.photon_noise is None:  # noise and misfit of one pixel can't be told apart
        poor = _misfit(fit) > max_misfit
    else:
        poor = is_poorly_fitted(fit, np.abs(fit.jump), max_misfit)
    doubt = np.where(poor, Doubt.POOR, 0)
    return np.where(fit.finite, np.where(fit.good, doubt, Doubt.WEAK), Doubt.NOT_FINITE).astype(np.uint8)


def _maps(
    stack: SpectralStack, design: Design, fit: LinearFit, doubt: NDArray[np.uint8], model: Float32Array | None
) -> dict[str, ParameterMap]:
    """The arrays of a fit as maps; `model` (P,) is the error of the valence by the theory."""
    shape = stack.shape[1:]
    signal = fit.good.reshape(shape)

    def map_of(values: Any, unit: str = "1", sigma: Any = None, mask: Any = signal, **options: Any) -> ParameterMap:
        sigma = None if sigma is None else sigma.reshape(shape)
        return ParameterMap(values.reshape(shape), unit, sigma, mask, **options)

    total, has_valence = fit.valence_sigma, np.isfinite(fit.valence)
    noise = np.sqrt(np.maximum(total**2 - fit.valence_model**2, 0))
    assigned = (doubt == 0) & has_valence.reshape(shape)
    if model is not None:
        total = np.hypot(total, model)
    elif fit.valence_model.any():
        model = fit.valence_model
    maps = {"valence": map_of(fit.valence, sigma=total, mask=assigned)}
    if model is not None:
        maps["valence_noise"] = map_of(noise, mask=assigned, companion="valence")
        maps["valence_model"] = map_of(np.where(has_valence, model, np.nan), mask=assigned, companion="valence")
    maps["edge_jump"] = map_of(fit.jump, stack.unit, fit.jump_sigma)
    maps["misfit"] = map_of(_misfit(fit), companion="valence")
    maps |= doubt_maps(doubt, "valence")
    for i, name in enumerate(design.names):
        maps[name] = map_of(fit.contributions[i], "1", fit.contribution_sigma[i], companion="members")
    units = {"constant": stack.unit, "slope": f"{stack.unit}/eV"}
    for i, name in enumerate(design.backgrounds):
        maps[name] = map_of(fit.background[i], units[name], companion="fit")
    return maps


def _warnings(doubt: NDArray[np.uint8]) -> list[str]:
    """What a user should know about the pixels."""
    n_signal = int(np.isin(doubt, (0, Doubt.POOR)).sum())
    n_poor = int((doubt == Doubt.POOR).sum())
    if n_signal == 0:
        return [NO_SIGNAL]
    if n_poor > 0.05 * n_signal:
        return [f"{n_poor} of {n_signal} pixels fit no mixture of the library to max_misfit: not assigned"]
    return []
