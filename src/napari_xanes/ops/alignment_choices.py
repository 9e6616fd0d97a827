"""Checks of the parameters of `align`: those that belong to some of its methods, and given shifts."""

from __future__ import annotations

from typing import Any

import numpy as np

from napari_xanes._typing import Float64Array
from napari_xanes.alignment import Alignment
from napari_xanes.alignment_grid import binning_of, in_pixels_of
from napari_xanes.ops.moved_lines import require_lines_fit
from napari_xanes.spectrum import Spectrum
from napari_xanes.stack import SpectralStack

_OWN = {
    "references": ("joint", "lines"),
    "reference_energy": ("reference", "tracked region"),
    "farthest_move": ("tracked region",),
    "scan_lines": ("lines",),
}
"""Parameters that belong to some methods only."""


def require_own(method: str, **given: Any) -> None:
    """Refuse parameters that are given, but belong to another method.

    Raises
    ------
    ValueError
        If there is one.
    """
    for name, value in given.items():
        if value not in (None, "rows") and method not in _OWN[name]:
            methods = " or ".join(repr(other) for other in _OWN[name])
            raise ValueError(f"{name} is of use with method = {methods} only, not with {method!r}: leave it out")


def frame_at(stack: SpectralStack, energy: float) -> int:
    """Return the number of the frame nearest to an energy in eV.

    Raises
    ------
    ValueError
        If the stack ends more than 1 eV from it.
    """
    nearest = int(np.abs(stack.energy - energy).argmin())
    if not stack.energy.min() - 1 <= energy <= stack.energy.max() + 1:
        raise ValueError(
            f"reference_energy = {energy:g} eV lies outside of {stack.name!r}, which covers {stack.energy.min():g} to "
            f"{stack.energy.max():g} eV; give one inside"
        )
    return nearest


def spectra_of(stack: SpectralStack, references: list[Spectrum]) -> Float64Array:
    """Return the references on the stack's energies and a constant, (E, R).

    Raises
    ------
    ValueError
        If a reference does not cover the stack.
    """
    spectra = np.stack([*(reference.at(stack.energy) for reference in references), np.ones(stack.energy.size)], axis=1)
    for reference, values in zip(references, spectra.T, strict=False):
        if np.isnan(values).any():
            raise ValueError(
                f"reference {reference.name!r} covers {reference.energy[0]:g} to {reference.energy[-1]:g} eV, the "
                f"stack {stack.energy[0]:g} to {stack.energy[-1]:g} eV; leave it out or crop the stack"
            )
    return spectra


def fitting_shifts(stack: SpectralStack, shifts: Alignment) -> Alignment:
    """Return given shifts in pixels of the stack, if there is one per frame.

    Raises
    ------
    ValueError
        If they do not fit the frames, or are larger than the image.
    """
    if len(shifts.shifts) != stack.energy.size:
        raise ValueError(f"{len(shifts.shifts)} shifts for the {stack.energy.size} frames of {stack.name!r}; give all")
    if shifts.shifts.shape[1:] != (2,) and len(stack.shape) == 3:
        raise ValueError(
            f"shifts of shape {shifts.shifts.shape} are those of a volume; {stack.name!r} takes one pair (dy, dx) per "
            "frame"
        )
    if shifts.shifts.ndim == 3 and shifts.shifts.shape[1] != stack.shape[1]:
        raise ValueError(f"{stack.name!r} needs shifts of {stack.shape[1]} slices, not of {shifts.shifts.shape[1]}")
    shifts = in_pixels_of(shifts, stack.shape, stack.pixel_size, binning_of(stack.metadata), stack.name)
    if shifts.stretches and shifts.image_shape not in (None, stack.shape[-2:]):
        raise ValueError(
            f"the magnification belongs to images of {shifts.image_shape} pixels, but those of {stack.name!r} have "
            f"{stack.shape[-2:]}: where their centre lies is not known; cut the shifts as the stack, by "
            "shifts.isel(box=...), or set their center and image_shape"
        )
    size = stack.shape[-shifts.shifts.shape[-1] :]
    beyond = (np.abs(shifts.shifts) >= size).reshape(len(shifts.shifts), -1).any(axis=1)
    if beyond.any():
        i = int(np.argmax(beyond))
        worst = shifts.shifts[i].reshape(-1, len(size))
        by = ", ".join(f"{step:g}" for step in worst[np.argmax((np.abs(worst) >= size).any(axis=1))])
        raise ValueError(
            f"the shift of frame {i} is ({by}) pixels, more than the image of {' x '.join(map(str, size))} pixels: "
            "nothing would be left of this frame; give pairs (dy, dx) in pixels"
        )
    require_lines_fit(shifts, stack.shape)
    energy = shifts.energy
    if energy is not None and not np.allclose(energy, stack.energy, rtol=0, atol=0.5 * _step(stack.energy)):
        i = int(np.argmax(np.abs(energy - stack.energy)))
        raise ValueError(
            f"the shift of frame {i} was found at {energy[i]:g} eV, but this frame of {stack.name!r} was taken at "
            f"{stack.energy[i]:g} eV; give the shifts of this stack"
        )
    return shifts


def _step(energy: Float64Array) -> float:
    return float(np.diff(energy).min()) if energy.size > 1 else np.inf
