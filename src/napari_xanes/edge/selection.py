"""Whether noise decides which pixels have an edge: those that are left are then the larger ones by chance."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from napari_xanes._typing import BoolArray

_BELOW = 0.75
"""Jumps from this share of the smallest one on are just below it."""

_MANY = 0.25
"""Noise decides if there are so many pixels just below the smallest jump for each above it."""

_NOISY = 1 / 8
"""And if noise is at least this share of the smallest jump."""


def on_selection(
    jump: NDArray[np.floating], noise: NDArray[np.floating], least: NDArray[np.floating] | float, good: BoolArray
) -> list[str]:
    """Say that the jumps of the pixels that are left are too large, where noise decides which these are.

    Parameters
    ----------
    jump, noise : ndarray, shape (P,)
        Edge jumps of all pixels and the part of their standard errors that is noise.
    least : float or ndarray, shape (P,)
        Smallest jump of a good pixel.
    good : ndarray of bool, shape (P,)
        Which pixels are left.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> jump, noise = 0.3 + 0.1 * rng.standard_normal(1000), np.full(1000, 0.1)
    >>> on_selection(jump, noise, 0.4, jump > 0.4)[0][:50]
    '317 pixels have an edge jump just below the smalle'
    >>> on_selection(jump + 0.5, noise, 0.4, jump + 0.5 > 0.4)
    []
    """
    n_good = int(good.sum())
    with np.errstate(invalid="ignore"):
        below = ~good & (jump > _BELOW * least) & (jump <= least) & (noise > _NOISY * least)
    n_below = int(below.sum())
    if not n_good or n_below <= _MANY * n_good:
        return []
    return [
        f"{n_below} pixels have an edge jump just below the smallest that counts, {n_good} one above it: noise decides "
        "which are left, so their jumps are too large on average; bin pixels, denoise, or measure longer"
    ]
