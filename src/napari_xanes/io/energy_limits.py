"""Which numbers can be photon energies."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

KEV_BELOW = 100.0
"""Axes without a unit that end below this are taken for keV."""

SOFT_KEV_BELOW = 20.0
"""The same for scanning microscopes of soft X-rays, which measure at edges below 100 eV, and never above 20 keV."""

LOWEST, HIGHEST = 20.0, 1e5
"""eV; numbers beyond are no photon energies."""


def looks_like_energies(values: ArrayLike) -> bool:
    """Whether numbers can be an energy axis: 1 to 100 keV or 20 eV to 100 keV, and mostly going one way.

    The numbers 1, 2, 3 ... count something.

    Examples
    --------
    >>> looks_like_energies([7100, 7110, 7120]), looks_like_energies([0, 255, 3, 17]), looks_like_energies([1, 2, 3])
    (True, False, False)
    """
    axis = np.asarray(values, dtype=np.float64)
    if axis.size == 0 or not np.isfinite(axis).all():
        return False
    low, high = axis.min(), axis.max()
    if not (low >= LOWEST and high <= HIGHEST) and not (low >= 1 and high < KEV_BELOW):
        return False
    steps = np.diff(axis)
    if axis[0] == 1 and steps.size and (steps == 1).all():
        return False
    return bool(min((steps < 0).sum(), (steps > 0).sum()) <= max(1, 0.2 * steps.size))
