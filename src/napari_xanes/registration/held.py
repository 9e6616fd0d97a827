"""Frames that a pattern of the detector may hold: stronger than the sample, it says where the detector is."""

from __future__ import annotations

import numpy as np

from napari_xanes._typing import Float64Array

_HELD = 1.5
"""Power of the pattern over that of the sample in a frame from which the frame may be held."""

_LEAST_FREE = 4
_UNKNOWN_STEP = 1.0
"""Pixels from frame to frame, where too few frames are free to tell."""


def sigma_of_held(numbers: Float64Array, shifts: Float64Array, ratio: Float64Array) -> Float64Array:
    """Return the errors (F, 2) that frames have because a pattern may hold them; 0 for frames that are free.

    The sample may have moved at random since the nearest free frame, with the usual step of free frames.

    Parameters
    ----------
    numbers : ndarray, shape (F,)
        Numbers of the frames, increasing.
    shifts : ndarray, shape (F, 2)
        What was found, in pixels.
    ratio : ndarray, shape (F,)
        Power of the pattern over that of the sample in each frame.

    Examples
    --------
    >>> numbers, shifts = np.arange(6.0), np.outer(np.arange(6.0), [1.0, 0.0])
    >>> sigma_of_held(numbers, shifts, np.array([9.0, 0, 0, 0, 0, 0]))[:2].tolist()
    [[0.9, 0.0], [0.0, 0.0]]
    """
    held = ratio > _HELD
    free = np.flatnonzero(~held)
    if not held.any():
        return np.zeros_like(shifts)
    square, away = np.full(2, _UNKNOWN_STEP**2), np.full(held.size, float(held.size))
    if free.size >= _LEAST_FREE:
        square = (np.diff(shifts[free], axis=0) ** 2 / np.diff(numbers[free])[:, None]).mean(axis=0)
        away = np.abs(numbers[:, None] - numbers[free]).min(axis=1)
    share = np.where(held, ratio / (1 + ratio), 0.0)
    return np.asarray(share[:, None] * np.sqrt(away[:, None] * square))
