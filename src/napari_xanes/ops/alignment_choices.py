"""Checks of the parameters of `align` that belong to some of its methods."""

from __future__ import annotations

from typing import Any

import numpy as np

from napari_xanes.stack import SpectralStack

_OWN = {"references": ("joint", "lines"), "reference_energy": ("reference",), "scan_lines": ("lines",)}
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
            f"{stack.energy.max():g} eV"
        )
    return nearest
