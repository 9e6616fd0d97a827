"""What passes that ended too early would still have added to shifts."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from napari_xanes._typing import Float64Array

_MOST_SHARE = 0.97

_LEAST, _TIMES = 0.02, 2.0
"""Pixels, and errors of the shifts by noise, that are worth a word."""


def still_to_come(steps: Sequence[Float64Array]) -> Float64Array:
    """Return by how much shifts may be off, in pixels, because passes ended.

    A window that holds frames lets them go by the same share of what is left in each pass. Steps are in pairs: between
    two pairs, shifts are moved ahead.

    Parameters
    ----------
    steps : sequence of ndarray, shape (E, 2)
        What each pass added to the shifts of frames.

    Examples
    --------
    >>> still_to_come([np.full((1, 2), 0.8), np.full((1, 2), 0.4)]).round(6).tolist()
    [[0.4, 0.4]]
    """
    pairs = len(steps) // 2 * 2
    if not pairs:
        return np.zeros_like(steps[-1])
    before, last = steps[pairs - 2], steps[pairs - 1]
    share = float(np.clip((before * last).sum() / max(float((before**2).sum()), 1e-30), 0, _MOST_SHARE))
    return np.asarray(np.abs(steps[-1]) * share / (1 - share))


def unsettled(rest: Float64Array, sigma: Float64Array) -> float:
    """Return the root mean square of what is still to come (E, 2), 0 if it is small or errors sigma (E, 2) hide it.

    Examples
    --------
    >>> rest = np.full((3, 2), 0.1)
    >>> unsettled(rest, 0.1 * rest), unsettled(rest, 2 * rest), unsettled(0.1 * rest, 0.01 * rest)
    (0.1, 0.0, 0.0)
    """
    seen = np.isfinite(sigma).all(axis=1)
    size, by_noise = (float(np.sqrt((values[seen] ** 2).mean())) for values in (rest, sigma))
    return round(size, 12) if size > max(_LEAST, _TIMES * by_noise) else 0.0
