"""Which library of spectra fits a stack. No Qt."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from napari_xanes.edge import tabulated_e0

SMALL = "-oh"
"""End of the names of small libraries."""


def suggest_library(names: Iterable[str], energy: NDArray[np.float64], element: str | None = None) -> str | None:
    """Return the library whose edge is inside the energies of a stack; None if there is none.

    Parameters
    ----------
    names : iterable of str
        Names such as ``mn-l23`` or ``ni-k``: element, edge and, in some names, a variant.
    energy : ndarray, shape (E,)
        The stack's energies in eV.
    element : str, optional
        Element of the stack, if its file names it.

    Examples
    --------
    >>> suggest_library(["mn-l23", "mn-l23-oh", "ni-l23"], np.linspace(630, 660, 50))
    'mn-l23-oh'
    """
    middle = (energy[0] + energy[-1]) / 2
    candidates = []
    for name in names:
        symbol, _, edge = name.partition("-")
        at = tabulated_e0(symbol.capitalize(), "L3" if edge.startswith("l") else edge[:1].upper())
        if at is not None and energy[0] < at < energy[-1]:
            # The small library gives the clearer picture. Of several edges, the most central one is the most likely.
            other = element is not None and symbol.capitalize() != element
            candidates.append((other, abs(at - middle), not name.endswith(SMALL), name))
    return min(candidates)[-1] if candidates else None
