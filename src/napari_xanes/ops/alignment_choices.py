"""Checks of the parameters of `align` that belong to some of its methods."""

from __future__ import annotations

from typing import Any

import numpy as np

from napari_xanes._typing import Float64Array
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
