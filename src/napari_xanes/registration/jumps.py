"""Runs of frames that lie far from those before and behind them: they may have been found at a wrong place.

A sample of a few alike things fits to itself at many places, also with the other sign. A frame there has a map of its
own in a model of few maps, and each frame alone fits well. What tells the right place is the likelihood of all frames:
with one map less, they fit as well.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from napari_xanes._typing import BoolArray, Float64Array, IndexArray
from napari_xanes.registration.fourier import Band, Coefficients, phases
from napari_xanes.registration.learning import likelier
from napari_xanes.registration.start import leading_images, refined

_LEAST_JUMP, _TIMES = 3.0, 8.0
"""A step between frames is a jump above so many pixels, and so many times the usual step."""

_MOST_TRIALS = 8


def with_neighbours(
    band: Band, data: Coefficients, noise: Float64Array, shifts: Float64Array, found: BoolArray
) -> Float64Array:
    """Return shifts in which runs of frames that jumped lie beside their neighbours, if they are likelier there.

    Parameters
    ----------
    band : Band
        Frequencies of the coefficients.
    data : ndarray, complex64, shape (E, K)
        Coefficients in units of their noise.
    noise : ndarray, shape (E,)
        This noise.
    shifts : ndarray, shape (E, 2)
        Where the frames lie.
    found : ndarray of bool, shape (E,)
        Frames that belong together.
    """
    frames, shifts = np.flatnonzero(found), shifts.copy()
    tried: set[tuple[int, int]] = set()
    for _ in range(_MOST_TRIALS):
        run = _shortest_run(shifts[frames], tried)
        if run is None:
            break
        tried.add(run)
        elsewhere = _beside(band, data, shifts, frames, slice(*run))
        if likelier(band, data, noise, shifts, found, elsewhere):
            shifts[frames] = elsewhere
    return shifts


def _shortest_run(shifts: Float64Array, tried: set[tuple[int, int]]) -> tuple[int, int] | None:
    """Return the shortest run between two jumps, or a jump and an end, that is less than half of the frames (F, 2)."""
    steps = np.abs(np.diff(shifts, axis=0)).max(axis=1)
    if not steps.size:
        return None
    jumps = np.flatnonzero(steps > max(_LEAST_JUMP, _TIMES * float(np.median(steps)))) + 1
    bounds = [0, *jumps, len(shifts)]
    runs = [(int(low), int(high)) for low, high in pairwise(bounds)]
    runs = [run for run in runs if run not in tried and 2 * (run[1] - run[0]) <= len(shifts)]
    return min(runs, key=lambda run: run[1] - run[0]) if jumps.size and runs else None


def _beside(band: Band, data: Coefficients, shifts: Float64Array, frames: IndexArray, run: slice) -> Float64Array:
    """Return the shifts (F, 2) of the frames, with a run moved beside the frame before it, or else behind it."""
    moved: Float64Array = shifts[frames]
    others = np.delete(frames, run)
    images = leading_images(data[others] * phases(band, shifts[others]))
    offset = moved[run.start - 1] - moved[run.start] if run.start else moved[run.stop] - moved[run.stop - 1]
    moved[run] = refined(band, data[frames[run]], images, moved[run] + offset)
    return moved
