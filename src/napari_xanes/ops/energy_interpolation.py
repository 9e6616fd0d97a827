"""Bring a stack onto other energies."""

from __future__ import annotations

from typing import Annotated

import numpy as np

from napari_xanes._typing import Float64Array
from napari_xanes.arguments import Reference
from napari_xanes.ops.spectral_matrix import multiply_spectra
from napari_xanes.parameters import Param
from napari_xanes.progress import Progress
from napari_xanes.registry import method
from napari_xanes.spectrum import checked_energy
from napari_xanes.stack import SpectralStack

_MOST_FRAMES = 100_000


@method(looks_at="pixel")
def interpolate_energy(
    stack: SpectralStack,
    /,
    *,
    energies: Annotated[list[float] | None, Param(unit="eV", ge=0, auto="from step or onto")] = None,
    step: Annotated[float | None, Param(unit="eV", ge=0, auto="not used")] = None,
    onto: Reference = None,
    progress: Progress | None = None,
) -> SpectralStack:
    """Interpolate the spectra linearly to other energies.

    Fits do not need this: they bring the references onto the energies of the stack. It serves to subtract, join or
    compare stacks that were measured at different energies.

    Parameters
    ----------
    stack : SpectralStack, shape (E, Y, X) or (E, Z, Y, X)
        Optical depth, fluorescence or normalized.
    energies : list of float, optional
        New energies in eV; they must lie within those of the stack.
    step : float, optional
        Distance in eV of evenly spaced energies over the whole range.
    onto : Spectrum, optional
        A spectrum whose energies are taken, those within the range of the stack.

    Returns
    -------
    SpectralStack
        float32. Errors from photon counting are not carried along, because neighbouring frames share their noise now.

    Raises
    ------
    ValueError
        If the stack holds counts, not exactly one of `energies`, `step` and `onto` is given, or an energy lies outside.

    Examples
    --------
    >>> stack = SpectralStack(np.array([0.0, 1.0]).reshape(2, 1, 1), [700, 710], "optical_depth")
    >>> interpolate_energy(stack, energies=[702, 705]).data.ravel().tolist()
    [0.20000000298023224, 0.5]
    """
    axis = _new_energies(stack, energies, step, None if onto is None else onto.energy)
    return multiply_spectra(
        stack, _linear_weights(stack.energy, axis), axis, progress=progress, message="interpolating energies"
    )


def _new_energies(
    stack: SpectralStack, energies: list[float] | None, step: float | None, onto: Float64Array | None
) -> Float64Array:
    """Return the energies that one of the three parameters names."""
    if sum(value is not None for value in (energies, step, onto)) != 1:
        raise ValueError("interpolate_energy needs one of energies, step and onto, and only one")
    low, high = float(stack.energy[0]), float(stack.energy[-1])
    if step is not None:
        if not 0 < step <= high - low or (high - low) / step > _MOST_FRAMES:
            raise ValueError(
                f"steps of {step:g} eV over {low:g} to {high:g} eV do not give 2 to {_MOST_FRAMES} energies; "
                "choose another step"
            )
        evenly: Float64Array = low + step * np.arange(int((high - low) / step + 1e-6) + 1, dtype=np.float64)
        return evenly
    if onto is not None:
        inside = (onto >= low) & (onto <= high)
        if not inside.any():
            raise ValueError(
                f"the spectrum covers {onto[0]:g} to {onto[-1]:g} eV, the stack {low:g} to {high:g} eV; "
                "choose one that overlaps"
            )
        return onto[inside]
    axis = checked_energy(energies or [], what="interpolate_energy")
    outside = axis[(axis < low) | (axis > high)]
    if outside.size:
        raise ValueError(
            f"{outside[0]:g} eV lies outside the stack's {low:g} to {high:g} eV; nothing is extrapolated: "
            "give energies inside"
        )
    return axis


def _linear_weights(old: Float64Array, new: Float64Array) -> Float64Array:
    """Return the weights (F, E) of linear interpolation."""
    weights = np.zeros((new.size, old.size))
    right = np.clip(np.searchsorted(old, new), 1, max(old.size - 1, 1))
    rows = np.arange(new.size)
    if old.size == 1:
        weights[:, 0] = 1
        return weights
    share = (new - old[right - 1]) / (old[right] - old[right - 1])
    weights[rows, right - 1], weights[rows, right] = 1 - share, share
    return weights
