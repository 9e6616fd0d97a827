"""The energies that a plan may choose from."""

from __future__ import annotations

import numpy as np

from napari_xanes._typing import Float64Array
from napari_xanes.spectrum import check_grid

_HARD = 2000.0
"""Below this energy in eV edges are lines, which need finer steps."""

_STEPS = 0.1, 0.5
"""Smallest steps in eV of soft and of hard X-ray edges."""

_ROUND = 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0
"""Steps in eV that are chosen from."""

_MOST = 600
"""With more candidates, neighbours hardly differ and the search takes long."""


def candidate_energies(low: float, high: float, step: float | None = None) -> Float64Array:
    """Return the multiples of a step from `low` to `high`, in eV.

    Parameters
    ----------
    low, high : float
        In eV.
    step : float, optional
        In eV; by default 0.1 below 2 keV and 0.5 above, and wider if more than 600 energies came out.

    Raises
    ------
    ValueError
        If the range is empty or the step is not above 0.

    Examples
    --------
    >>> candidate_energies(8330.2, 8332).tolist()
    [8330.5, 8331.0, 8331.5, 8332.0]
    """
    if step is None:
        least = max(_STEPS[low > _HARD], (high - low) / _MOST)
        step = next((one for one in _ROUND if one >= least), least)
    if not step > 0:
        raise ValueError(f"the step of the energies to choose from is {step:g} eV; give one above 0")
    if not high > low:
        raise ValueError(f"no energies lie between {low:g} and {high:g} eV: all references must share a range")
    check_grid(low, high, step, what="energies to choose from")
    first, last = np.ceil(low / step - 1e-6), np.floor(high / step + 1e-6)
    return np.arange(first, last + 1) * step
