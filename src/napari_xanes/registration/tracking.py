"""Frames that show too little to be found alone: the likeliest path between frames that were found (Viterbi)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from napari_xanes._typing import BoolArray, Float64Array
from napari_xanes.registration.fourier import Band, Coefficients, phases
from napari_xanes.registration.start import leading_images, refined

_WIDEST = 12
"""Most pixels between a frame that shows little and its neighbours that were found."""


def tracked(band: Band, data: Coefficients, shifts: Float64Array, found: BoolArray) -> tuple[Float64Array, BoolArray]:
    """Follow the drift through frames that show little.

    Frames that show much, but not what the others show, are left out.

    Parameters
    ----------
    data : ndarray, complex64, shape (E, K)
        Coefficients in units of their noise.
    shifts, found : ndarray, shapes (E, 2) and (E,)
        What is known.

    Returns
    -------
    shifts, found : ndarray
        The same with the frames that were followed.
    """
    power = (np.abs(data) ** 2).mean(axis=1)
    weak = ~found & (power > 0) & (power - 1 < 0.5 * (np.median(power[found]) - 1) + 0.1)
    if not weak.any():
        return shifts, found
    shifts, found = shifts.copy(), found.copy()
    images = leading_images(data[found] * phases(band, shifts[found]))
    step = _usual_step(np.flatnonzero(found), shifts[found])
    for run in np.split(np.flatnonzero(weak), np.flatnonzero(np.diff(np.flatnonzero(weak)) > 1) + 1):
        before, after = found[: run[0]].nonzero()[0], found[run[-1] :].nonzero()[0] + run[-1]
        ends = [None if not side.size else shifts[side[index]] for side, index in ((before, -1), (after, 0))]
        shifts[run] = _path(band, data[run], images, ends, step)
    path = refined(band, data[weak], images, shifts[weak], steps=2)
    near = (np.abs(path - shifts[weak]) < 1).all(axis=1)
    shifts[weak] = np.where(near[:, None], path, shifts[weak])
    return shifts, found | weak


def _usual_step(numbers: NDArray[np.intp], shifts: Float64Array) -> float:
    """Return the root mean square of a step from frame to frame, in pixels."""
    if len(shifts) < 4:
        return 0.5
    steps = np.diff(shifts, axis=0) ** 2 / np.diff(numbers)[:, None]
    return float(np.clip(np.sqrt(steps.mean()), 0.1, 3.0))


def _path(
    band: Band,
    data: Coefficients,
    images: NDArray[np.complex64],
    ends: list[Float64Array | None],
    step: float,
) -> Float64Array:
    """Return the likeliest shifts (F, 2) of consecutive frames between two ends, of which one may be unknown."""
    known = [end for end in ends if end is not None]
    centre = np.mean(known, axis=0)
    reach = int(np.clip(np.ceil(3 * step * np.sqrt(len(data)) + np.ptp(known, axis=0).max()), 2, _WIDEST))
    offsets = np.arange(-reach, reach + 1, 1.0)
    cost = -((offsets[:, None] - offsets[None]) ** 2) / (2 * step**2)
    ends = [None if end is None else end - centre for end in ends]
    total = _near(offsets, ends[0], step)
    origins = []
    for frame in data:
        # The best way to each place leads first along y, then along x.
        along_y = total[None] + cost[:, :, None]
        from_y = along_y.argmax(axis=1)
        along_x = along_y.max(axis=1)[:, None, :] + cost[None]
        origins.append((from_y, along_x.argmax(axis=2)))
        total = along_x.max(axis=2) + _fit_at(band, frame, images, centre, offsets)
    total = total + _near(offsets, ends[1], step)
    y, x = np.unravel_index(int(total.argmax()), total.shape)
    path = []
    for from_y, from_x in reversed(origins):
        path.append((offsets[y], offsets[x]))
        x = from_x[y, x]
        y = from_y[y, x]
    return np.asarray(centre + np.array(path[::-1]))


def _near(offsets: Float64Array, end: Float64Array | None, step: float) -> Float64Array:
    """Return the logarithm of the probability (Y, X) of places beside a known one."""
    if end is None:
        return np.zeros((offsets.size, offsets.size))
    distance = (offsets[:, None] - end[0]) ** 2 + (offsets[None] - end[1]) ** 2
    result: Float64Array = -distance / (2 * step**2)
    return result


def _fit_at(
    band: Band, frame: Coefficients, images: NDArray[np.complex64], centre: Float64Array, offsets: Float64Array
) -> Float64Array:
    """Return the log-likelihood (Y, X) of a frame (K,) at offsets from a place."""
    rows = np.exp(2j * np.pi * np.outer(centre[0] + offsets, band.ky)).astype(np.complex64)
    columns = np.exp(2j * np.pi * np.outer(band.kx, centre[1] + offsets)).astype(np.complex64)
    total = np.zeros((offsets.size, offsets.size))
    for image in images:
        total += ((rows * (frame * image.conj())) @ columns).real.astype(np.float64) ** 2
    return total
