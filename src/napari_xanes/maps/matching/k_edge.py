"""Valence of each pixel of a K edge, from the mixture of a library's members that fits it best."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_xanes import blocks
from napari_xanes.edge import raise_if_frame_empty
from napari_xanes.maps.fitting.linear_fit import Design, LinearFit, prepare
from napari_xanes.maps.matching.k_edge_calibration import Calibration, calibrate
from napari_xanes.maps.matching.l_edge_maps import NO_SIGNAL, doubt_maps
from napari_xanes.parameter_map import MapSet, ParameterMap
from napari_xanes.progress import Progress
from napari_xanes.spectrum import Spectrum
from napari_xanes.stack import SpectralStack
from napari_xanes.theory.library.model import Library

MODEL_ERRORS: Mapping[str, tuple[float, float]] = MappingProxyType(
    {"ni-k": (0.15, 0.15), "mn-k": (0.3, 0.5), "fe-k": (0.15, 0.33)}
)
"""What the valence from a library of theory is off by, as measured on known oxides: calibrated on one of 3+ or more,
or of less."""

_UNVALIDATED = 0.5
_OXIDIZED = 2.95
_POOR_CALIBRATION = 0.1
_BEFORE, _AFTER = 3.0, 15.0
"""What a stack must hold at least of a K edge: from so many eV below its half height to so many above."""

_WEAK, _POOR, _EMPTY = 1, 2, 5


def settle_valence(
    stack: SpectralStack,
    library: Library,
    calibration: Spectrum | None,
    offset: float | None,
    broadening: float | None,
    background: str,
) -> Mapping[str, float]:
    """The energy shift and the width of a library on a stack's beamline, as far as they are not given.

    Raises
    ------
    ValueError
        If neither they nor a calibration are given for a library of theory, or the edge is not in the stack.
    """
    if calibration is None and library.needs_calibration and (offset is None or broadening is None):
        raise ValueError(
            f"library {library.name!r} is a theory's, whose K edges lie right to some eV only: give calibration, one "
            "spectrum measured on the stack's energy axis whose phase is known (a standard, or the mean of a region), "
            f"with its valence or called as a member of the library ({', '.join(library.species)})"
        )
    if calibration is not None:
        found = calibrate(library, calibration, background, offset=offset, broadening=broadening)
        offset, broadening = found.offset, found.broadening
    settled = {"offset": offset or 0.0, "broadening": broadening or 0.0}
    _drawn(stack, library, settled["offset"], settled["broadening"])
    return settled


def valence_maps(
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
    """The maps that `match_library` gives at a K edge."""
    design = prepare(
        stack,
        _drawn(stack, library, offset, broadening),
        None,
        constant=background != "none",
        slope=background == "linear",
        nonnegative=True,
        sum_to_one=stack.quantity == "normalized",
        normalize_references="never",
    )
    fit = LinearFit(design, stack, fractions=True, min_jump=min_signal)
    blocks.over_pixels(fit.block, stack.data, progress=progress, message="matching the library")
    if not fit.finite.any():
        raise_if_frame_empty(stack)
    about: dict[str, Any] = {"name": library.name, "offset_eV": offset, "broadening_eV": broadening}
    model, warnings = None, list(design.warnings)
    if library.needs_calibration:
        known = None
        if calibration is not None:
            known = calibrate(library, calibration, background, offset=offset, broadening=broadening)
        model, told = model_error(library, known)
        warnings += told
        if known is not None:
            about["calibration"] = {"phase": known.members, "valence": known.valence, "misfit": known.misfit}
    maps, doubt = _maps(stack, design, fit, model, max_misfit)
    warnings += _told(doubt)
    metadata = {"name": stack.name, "warnings": warnings, "library": about, "fit": _curve(design)}
    return MapSet(maps, pixel_size=stack.pixel_size, metadata=metadata)


def model_error(library: Library, calibration: Calibration | None) -> tuple[float, list[str]]:
    """How far off a valence from a library of theory may be, and what to say about that."""
    if library.name not in MODEL_ERRORS:
        error = _UNVALIDATED
        told = [f"unvalidated: no measured spectra were there to check the valence of {library.name!r} with"]
    elif calibration is None or not calibration.named:
        error = _UNVALIDATED
        told = [
            f"the valence is right to {error:g} only, because the calibration is no member of the library by name: a "
            "phase that is not among them may be off by more (Ni(OH)2 by 1)"
        ]
    else:
        oxidized, reduced = MODEL_ERRORS[library.name]
        error = oxidized if calibration.valence >= _OXIDIZED else reduced
        kind = "unreliable: " if library.name == "fe-k" else ""
        say = f"{kind}the valence is right to {error:g} only; calibrated on 3+ or more, {oxidized:g} is reached"
        told = [say] if error > oxidized else []
    if calibration is not None and calibration.misfit > _POOR_CALIBRATION:
        told.append(
            f"the calibration fits its phase ({', '.join(calibration.members)}) poorly, to {calibration.misfit:.0%} of "
            "the edge jump: is the phase right, and the spectrum not damped by thickness?"
        )
    return error, told


def _drawn(stack: SpectralStack, library: Library, offset: float, broadening: float) -> list[Spectrum]:
    """The members on the stack's energies that the library covers.

    Raises
    ------
    ValueError
        If it covers none, the edge is not among them, or no member has a valence.
    """
    axis = stack.energy
    low, high = library.span
    charges = library.table["charge"]
    if not np.isfinite(charges).any():
        raise ValueError(f"library {library.name!r} has no valences; give its spectra valences")
    here = f"the stack has {axis.size} energies, {axis[0]:g} to {axis[-1]:g} eV"
    inside = axis[(axis >= low + offset) & (axis <= high + offset)]
    mean = library.at(library.energy + library.table["offset"].mean()).mean(axis=0)
    half = float(library.energy[np.argmax(mean > 0.5 * mean[-1])] + library.table["offset"].mean() + offset)
    if inside.size == 0 or inside[0] > half - _BEFORE or inside[-1] < half + _AFTER:
        raise ValueError(
            f"{here}, but a valence from library {library.name!r} needs {half - _BEFORE:.0f} to {half + _AFTER:.0f} eV "
            "at least: choose the library of the element and edge that was measured"
        )
    spectra = library.at(inside, broadening=broadening, shift=offset)
    return [
        Spectrum(name, inside, mu, None if np.isnan(charge) else float(charge), metadata={"normalized": True})
        for name, mu, charge in zip(library.species, spectra, charges, strict=True)
    ]


def _maps(
    stack: SpectralStack, design: Design, fit: LinearFit, model: float | None, max_misfit: float
) -> tuple[dict[str, ParameterMap], NDArray[np.uint8]]:
    """The filled arrays as maps, and why pixels are not assigned."""
    shape = stack.shape[1:]
    with np.errstate(all="ignore"):
        misfit = fit.rms / np.abs(fit.jump)
    doubt = np.where(fit.finite, np.where(fit.good, np.where(misfit > max_misfit, _POOR, 0), _WEAK), _EMPTY)
    doubt = doubt.astype(np.uint8).reshape(shape)
    signal, assigned = fit.good.reshape(shape), doubt == 0

    def one(values: Any, unit: str = "1", sigma: Any = None, mask: Any = signal, **more: Any) -> ParameterMap:
        sigma = None if sigma is None else sigma.reshape(shape)
        return ParameterMap(values.reshape(shape), unit, sigma, mask, **more)

    noise = fit.valence_sigma
    valued = assigned & np.isfinite(fit.valence).reshape(shape)
    total = noise if model is None else np.hypot(noise, np.float32(model))
    maps = {"valence": one(fit.valence, sigma=total, mask=valued)}
    if model is not None:
        maps["valence_noise"] = one(noise, mask=valued, companion="valence")
        flat = np.where(np.isfinite(fit.valence), np.float32(model), np.float32(np.nan))
        maps["valence_model"] = one(flat, mask=valued, companion="valence")
    maps["edge_jump"] = one(fit.jump, stack.unit, fit.jump_sigma)
    maps["misfit"] = one(misfit, companion="valence")
    maps |= doubt_maps(doubt, "valence")
    for i, name in enumerate(design.names):
        maps[name] = one(fit.shown[i], "1", fit.shown_sigma[i], companion="members")
    units = {"constant": stack.unit, "slope": f"{stack.unit}/eV"}
    for i, name in enumerate(design.backgrounds):
        maps[name] = one(fit.background[i], units[name], companion="fit")
    return maps, doubt


def _curve(design: Design) -> dict[str, Any]:
    """What `fitted_spectrum` draws a pixel's fit with."""
    names = [*design.names, *design.backgrounds]
    return {"energy": design.energy, "design": design.matrix, "names": names, "fractions": True}


def _told(doubt: NDArray[np.uint8]) -> list[str]:
    """What a user should hear about the pixels."""
    n_signal = int(np.isin(doubt, (0, _POOR)).sum())
    n_poor = int((doubt == _POOR).sum())
    if n_signal == 0:
        return [NO_SIGNAL]
    if n_poor > 0.05 * n_signal:
        return [f"{n_poor} of {n_signal} pixels fit no mixture of the library to max_misfit: not assigned"]
    return []
