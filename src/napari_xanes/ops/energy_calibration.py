"""Correct the energies of a stack."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any

import numpy as np

from napari_xanes._typing import BoolArray, Float64Array
from napari_xanes.alignment import Alignment
from napari_xanes.arguments import Reference, Region, as_mask
from napari_xanes.computing import frames_of
from napari_xanes.edge.alignment import Feature, Shift, feature_energy, shift_between
from napari_xanes.parameters import Param
from napari_xanes.progress import Progress
from napari_xanes.registry import estimated, method
from napari_xanes.scaling import as_scaling
from napari_xanes.spectrum import Spectrum, checked_energy
from napari_xanes.stack import SpectralStack

_WARN_ABOVE = 10.0
"""A larger correction in eV is said: more often another edge or compound was compared."""


def _fit(
    stack: SpectralStack,
    *,
    offset: float | None,
    offset_sigma: float | None,
    slope: float,
    value: float | None,
    reference: Spectrum | None,
    foil: Spectrum | None,
    feature: Feature,
    region: Any,
    progress: Progress | None = None,
) -> Mapping[str, Any]:
    """Estimate the offset where it is not given."""
    if offset is not None:
        given = [name for name, it in (("value", value), ("reference", reference), ("foil", foil)) if it is not None]
        if given:
            raise ValueError(
                f"calibrate_energy has the offset {offset:g} eV and a {given[0]} that another offset would be found "
                f"with; leave one of them out"
            )
        return {"offset": offset, "offset_sigma": offset_sigma or 0.0}
    if (value is None) == (reference is None):
        if value is None and slope != 1.0:
            return {"offset": 0.0, "offset_sigma": 0.0}
        raise ValueError(
            "calibrate_energy needs an offset, or either a value or a reference with which the offset is found"
        )
    ours = _stretched(foil or _mean_spectrum(stack, region, progress), slope)
    if reference is not None:
        found = shift_between(ours, reference, feature)
    elif feature == "shape":
        raise ValueError("a value is the energy of the edge or of the white line; a shape needs a reference")
    else:
        assert value is not None
        at = feature_energy(ours.energy, ours.mu, feature)
        found = Shift(value - at.value, at.sigma)
    return {"offset": found.value, "offset_sigma": found.sigma if offset_sigma is None else offset_sigma}


@method(looks_at="frame", fit=_fit)
def calibrate_energy(
    stack: SpectralStack,
    /,
    *,
    offset: Annotated[float | None, Param(unit="eV", auto="from value or reference")] = None,
    slope: Annotated[float, Param(ge=0.5, le=2.0)] = 1.0,
    value: Annotated[float | None, Param(unit="eV", ge=0, auto="from the reference", label="true energy")] = None,
    reference: Reference = None,
    foil: Reference = None,
    feature: Feature = "edge",
    region: Region = None,
    offset_sigma: Annotated[float | None, Param(unit="eV", ge=0, auto="from the noise")] = None,
    progress: Progress | None = None,
) -> SpectralStack:
    """Shift and stretch the energy axis: new energy = slope x energy + offset.

    Parameters
    ----------
    stack : SpectralStack, shape (E, Y, X) or (E, Z, Y, X)
        Any quantity; to find the offset from the stack itself, absorption.
    offset : float, optional
        What is added to all energies, in eV. With it, no value, reference or foil is needed, and none is taken.
    slope : float
        Factor on the energies, dimensionless.
    value : float, optional
        Energy in eV at which the feature truly lies: 8333.0 for the edge of a nickel foil, for example.
    reference : Spectrum, optional
        Instead of a value: a spectrum of the same compound on a true axis.
    foil : Spectrum, optional
        A spectrum that was measured on the axis of the stack; its feature is compared. By default the mean spectrum of
        the stack.
    feature : {"edge", "white line", "shape"}
        What is compared: the steepest rise, the highest point behind it, or the whole spectrum near the edge. The
        shape is best where both are the same compound.
    region : box (y0, y1, x0, x1) in pixels, or mask of shape (Y, X), optional
        Pixels of the mean spectrum; all by default.
    offset_sigma : float, optional
        Standard error of the offset in eV; by default what noise makes. It knows nothing of another compound.

    Returns
    -------
    SpectralStack
        The same data on the new energies; ``metadata["calibrate_energy"]`` holds offset, its error and slope.

    Raises
    ------
    ValueError
        If neither an offset nor what determines it is given, or both, or the feature can't be found.

    Examples
    --------
    >>> axis = np.arange(8300.0, 8400.0)
    >>> data = np.tile(np.arctan((axis - 8342.0) / 2)[:, None, None], (1, 2, 2))
    >>> calibrated = calibrate_energy(SpectralStack(data, axis, "optical_depth"), value=8333.0)
    >>> round(float(calibrated.energy[0]), 1)
    8291.0
    """
    offset = estimated("offset", offset)
    energy = checked_energy(slope * stack.energy + offset, what="calibrate_energy")
    notes = list(stack.metadata.get("warnings", ()))
    moved = float(np.abs(energy - stack.energy).max())
    if moved > _WARN_ABOVE and (value is not None or reference is not None):
        notes.append(
            f"the energies were moved by up to {moved:.3g} eV; check that the stack and what it was compared with show "
            "the same edge of the same compound"
        )
    known = {"offset": offset, "offset_sigma": offset_sigma or 0.0, "slope": slope}
    metadata = {**stack.metadata, "calibrate_energy": known}
    if (scaling := as_scaling(metadata.get("scaling"))) is not None:
        metadata["scaling"] = scaling.moved(slope, offset)
    if isinstance(found := metadata.get("align"), Alignment) and found.energy is not None:
        metadata["align"] = replace(found, energy=energy)
    if notes:
        metadata["warnings"] = notes
    return replace(stack, data=stack.data, energy=energy, metadata=metadata)


def _mean_spectrum(stack: SpectralStack, region: Any, progress: Progress | None) -> Spectrum:
    """Return the mean spectrum of the pixels of a region that have a value in every frame that is not empty."""
    if stack.quantity in ("counts", "transmission"):
        raise ValueError(
            f"{stack.name!r} holds {stack.quantity}, which show no edge that rises: run optical_depth first, or give a "
            "foil"
        )
    mask = np.ones(stack.shape[1:], dtype=bool) if region is None else as_mask(region, stack.shape[1:])
    mu, complete = _means(stack, mask, progress)
    if complete.any() and (complete != mask).any():
        # Pixels that come and go would be steps in the mean.
        mu, _ = _means(stack, complete, progress)
    known = np.isfinite(mu)
    if known.sum() < 5:
        raise ValueError(f"{stack.name!r} has values in {known.sum()} frames of this region; an edge needs at least 5")
    return Spectrum(stack.name, stack.energy[known], mu[known])


def _means(stack: SpectralStack, mask: BoolArray, progress: Progress | None) -> tuple[Float64Array, BoolArray]:
    """Return the mean (E,) over the finite values of each frame, and which pixels have one in each but empty frames."""
    means, complete = np.full(stack.energy.size, np.nan), mask.copy()
    for i, frame in enumerate(frames_of(stack.data)):
        finite = mask & np.isfinite(frame)
        if finite.any():
            means[i] = frame[finite].mean(dtype=np.float64)
            complete &= finite
        if progress is not None:
            progress((i + 1) / stack.energy.size, "mean spectrum")
    return means, complete


def _stretched(spectrum: Spectrum, slope: float) -> Spectrum:
    return spectrum if slope == 1 else replace(spectrum, energy=slope * spectrum.energy)
