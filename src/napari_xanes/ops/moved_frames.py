"""Frames on the common grid, each interpolated once, and the noise that they have there."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_xanes._typing import Float32Array, Float64Array
from napari_xanes.alignment import Alignment
from napari_xanes.blocks import single_threaded_blas
from napari_xanes.frames import map_frames
from napari_xanes.noise import PhotonNoise
from napari_xanes.on_demand import Read, made_on_demand, reads_rows_alone
from napari_xanes.progress import Progress
from napari_xanes.registration.resampling import moved_back, noise_gain, rows_moved_back, rows_needed
from napari_xanes.registration.stretched_rows import stretched_rows_back, stretched_rows_needed

_SHARED = 0.5
"""Drift in pixels beyond which the noise of a flat is another one at each energy."""


def moved(data: Any, found: Alignment, progress: Progress | None) -> Any:
    """Return all frames on the common grid; where images are lazy, rows of a frame when they are asked for."""
    if isinstance(data, np.ndarray) or data.ndim > 3:
        move = partial(_moved, found=found, matrices=found.matrices)
        return map_frames(move, data, progress=progress, message="moving frames")
    height, width = data.shape[1:]
    shifts, matrices, center = found.shifts, found.matrices, found.center
    plain = (matrices == np.eye(2)).all(axis=(1, 2))

    def needed(i: int, rows: slice) -> slice:
        if center is None or plain[i]:
            return rows_needed(shifts[i], rows, height)
        return stretched_rows_needed(shifts[i], matrices[i], center, rows, (height, width))

    def make(i: int, part: NDArray[Any], rows: slice, first: int, out: Float32Array) -> None:
        if center is None or plain[i]:
            rows_moved_back(part, shifts[i], rows, height, first, out=out)
        else:
            out[:] = stretched_rows_back(part, shifts[i], matrices[i], center, rows, height, first)

    return rows_on_demand(data, needed, make)


Needed = Callable[[int, slice], slice]
"""Gives the rows of a frame from which some rows are made."""

MakeRows = Callable[[int, NDArray[Any], slice, int, Float32Array], Any]
"""Takes a frame's number, its rows that are needed, the rows to make, the number of the first one, and where to put
them."""


def rows_on_demand(data: Any, needed: Needed, make: MakeRows) -> Any:
    """Return a lazy stack (E, Y, X) of which rows of a frame are made from rows of it, when they are asked for."""
    return made_on_demand(partial(_made_rows, needed, make, data.shape[2], reads_rows_alone(data)), data)


def _made_rows(
    needed_of: Needed, make: MakeRows, width: int, rows_alone: bool, read: Read, frames: slice, rows: slice
) -> Float32Array:
    """Return some rows of some frames; frames are read at once, but not where that reads more rows than they need."""
    needed = [needed_of(i, rows) for i in range(frames.start, frames.stop)]
    out = np.empty((len(needed), rows.stop - rows.start, width), np.float32)
    with single_threaded_blas():
        for some in _read_together(needed) if rows_alone else [slice(0, len(needed))]:
            first, last = min(one.start for one in needed[some]), max(one.stop for one in needed[some])
            parts = read(slice(frames.start + some.start, frames.start + some.stop), slice(first, last))
            for i, part in enumerate(parts, start=some.start):
                one = needed[i]
                make(frames.start + i, part[one.start - first : one.stop - first], rows, one.start, out[i])
    return out


def _read_together(needed: Sequence[slice]) -> list[slice]:
    """Return runs of frames that are read at once: the rows of all of them are at most twice those of the first.

    Examples
    --------
    >>> _read_together([slice(0, 30), slice(5, 35), slice(200, 230)])
    [slice(0, 2, None), slice(2, 3, None)]
    """
    runs: list[slice] = []
    start, first, last = 0, needed[0].start, needed[0].stop
    for i, rows in enumerate(needed):
        most = 2 * (needed[start].stop - needed[start].start)
        if max(last, rows.stop) - min(first, rows.start) > most and i > start:
            runs.append(slice(start, i))
            start, first, last = i, rows.start, rows.stop
        first, last = min(first, rows.start), max(last, rows.stop)
    return [*runs, slice(start, len(needed))]


def _moved(frame: NDArray[Any], i: int, found: Alignment, matrices: Float64Array) -> Float32Array:
    return moved_back(frame, found.shifts[i], matrices[i], found.center)


def gains(found: Alignment, shape: tuple[int, ...]) -> Float64Array:
    """Return the factor (E,) on the variance of the noise of frames of shape (Y, X), in the mean of their pixels."""
    if found.shifts.ndim == 3:
        return np.array([np.mean([noise_gain(shift) for shift in of_slices]) for of_slices in found.shifts])
    each = zip(found.shifts, found.matrices, strict=True)
    return np.array([noise_gain(shift, matrix, found.center, shape) for shift, matrix in each])


def resampled(noise: PhotonNoise, gain: Float64Array, found: Alignment, shape: tuple[int, ...]) -> PhotonNoise:
    """Return the photon noise of frames whose noise has `gain` (E,) times the variance.

    The noise of a flat that energies share moves over the sample with the drift, so that it is another one at each
    energy.
    """
    changed = replace(noise, variance_factor=gain if noise.variance_factor is None else gain * noise.variance_factor)
    stretch = (found.matrices - np.eye(2)) * float(np.hypot(shape[-2], shape[-1])) / 4
    if noise.flats is None or np.sqrt((found.shifts**2).mean() + (stretch**2).mean()) < _SHARED:
        return changed
    return replace(
        changed, flats=None, flat_exposure=noise.flat_exposure if noise.beam is None else 1 / np.asarray(noise.beam)
    )
