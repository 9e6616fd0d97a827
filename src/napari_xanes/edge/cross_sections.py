"""The step of tabulated cross sections at an edge, which MBACK matches spectra to."""

from __future__ import annotations

import numpy as np

from napari_xanes._typing import Float64Array
from napari_xanes.edge.elements import DECAY_EXPONENT, own_later_edges, tabulated_e0
from napari_xanes.edge.ranges import start_behind
from napari_xanes.edge.xray_tables import photo_section, symbol_of

_LOWEST = 120.0
"""The cross sections begin at 100 eV."""


def tabulated_step(energy: Float64Array, e0: float, element: str, edge: str) -> Float64Array:
    """Return how an element's absorption rises over its extrapolation from below an edge.

    The cross sections of Elam, Ravel & Sieber (Radiat. Phys. Chem. 63, 121, 2002) are moved along the energy axis until
    the tabulated edge lies at E0, and divided by their step. Edges that follow closely, as L2 after L3, are part of it.

    Parameters
    ----------
    energy : ndarray, shape (E,)
        Energies in eV.
    e0 : float
        Energy of the edge in eV, as measured.
    element, edge : str
        Symbol and name of the edge.

    Returns
    -------
    ndarray, shape (E,)
        0 below E0; 1 behind the last edge of the step, and falling from there.

    Raises
    ------
    ValueError
        If the edge is not tabulated, or lies below 120 eV, because the cross sections end at 100 eV.

    Examples
    --------
    >>> tabulated_step(np.array([7000.0, 7121, 7300, 7600]), 7120.0, "Fe", "K").round(2).tolist()
    [0.0, 1.0, 0.94, 0.86]
    """
    start = tabulated_e0(element, edge)
    if start is None or start < _LOWEST:
        raise ValueError(f"cross sections at the edge {edge} of {element} are not tabulated: use method 'lines'")
    close = [distance for _, distance in own_later_edges(e0, element, edge) if start_behind([distance])]
    if close:
        steps = (2 * (energy > e0) + 1.0 * (energy > e0 + close[0])) / 3
        return np.asarray(steps * (energy / e0) ** -DECAY_EXPONENT, dtype=np.float64)

    symbol = symbol_of(element)
    assert symbol is not None
    below = np.array([0.97 * start, start - 0.5])
    low, high = np.log(photo_section(symbol, below))
    exponent = (high - low) / np.log(below[1] / below[0])
    moved = np.append(energy - e0 + start, start + 0.5)
    rise = photo_section(symbol, np.maximum(moved, start + 0.5)) - np.exp(high) * (moved / below[1]) ** exponent
    return np.where(energy > e0, rise[:-1] / rise[-1], 0.0)
