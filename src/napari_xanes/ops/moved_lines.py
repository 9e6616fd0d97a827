"""Frames whose scan lines lie elsewhere each, on the common grid."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_xanes._typing import Float32Array, Float64Array
from napari_xanes.alignment import Alignment
from napari_xanes.frames import map_frames
from napari_xanes.ops.moved_frames import rows_on_demand
from napari_xanes.progress import Progress
from napari_xanes.registration.line_posterior import Lines
from napari_xanes.registration.line_resampling import lines_moved_back, noise_gain_of_lines, straightened
from napari_xanes.registration.resampling import rows_moved_back, rows_needed


def with_lines(found: Alignment, lines: Lines | None, *, columns: bool) -> Alignment:
    """Return an alignment with the shifts of its lines, if there are any, and a report that tells of them."""
    if lines is None:
        return found
    drift, errors, *doubts = (found.report or "").splitlines()
    if not lines.jitter:
        limit = (
            f"no jitter of lines is seen: it is at most {lines.most:.2f} pixels"
            if lines.most == lines.most
            else ("lines can't be compared: the frames have too little in common")
        )
        return replace(found, report="\n".join([drift, f"{errors}; {limit}", *doubts]))
    told = (
        f"lines jitter by {lines.jitter:.2f} pixels (root mean square), and their shifts are known to "
        f"{np.nanmedian(lines.sigma):.2f} in the median"
    )
    return replace(
        found,
        report="\n".join([drift, f"{errors}; {told}", *doubts]),
        line_shifts=lines.shifts,
        line_sigma=lines.sigma,
        scan_lines="columns" if columns else "rows",
    )


def require_lines_fit(found: Alignment, shape: tuple[int, ...]) -> None:
    """Refuse shifts of lines that an image of shape (..., Y, X) does not have.

    Raises
    ------
    ValueError
        If the number of lines is another one, or a line would leave the image.
    """
    if found.line_shifts is None:
        return
    count, length = (shape[-1], shape[-2]) if found.columns else (shape[-2], shape[-1])
    if found.line_shifts.shape[1] != count:
        raise ValueError(
            f"there are shifts of {found.line_shifts.shape[1]} scan lines, but the images have {count}: shifts of "
            "lines belong to whole frames; align first, then crop"
        )
    most = np.abs(found.line_shifts).max(axis=1)
    if most.max() >= length:
        i = int(most.argmax())
        raise ValueError(
            f"a line of frame {i} is shifted by {most[i]:g} pixels, more than its {length} pixels; give smaller shifts"
        )


def moved_lines(data: Any, found: Alignment, progress: Progress | None) -> Any:
    """Return all frames on the common grid; where a stack is lazy, rows of a frame when they are asked for.

    Whole frames are moved for a few rows of them where the lines are columns, and in volumes.
    """
    lines = found.line_shifts
    assert lines is not None
    if isinstance(data, np.ndarray) or data.ndim > 3 or found.columns:
        return map_frames(partial(_moved, found=found), data, progress=progress, message="moving lines")
    height, shifts = data.shape[1], found.shifts

    def make(i: int, part: NDArray[Any], rows: slice, first: int, out: Float32Array) -> None:
        straight = straightened(part, lines[i, first : first + len(part)] + shifts[i, 1])
        rows_moved_back(straight, np.array([shifts[i, 0], 0.0]), rows, height, first, out=out)

    return rows_on_demand(data, lambda i, rows: rows_needed(shifts[i], rows, height), make)


def _moved(frame: NDArray[Any], i: int, found: Alignment) -> Float32Array:
    lines = found.line_shifts
    assert lines is not None
    return lines_moved_back(frame, found.shifts[i], lines[i], columns=found.columns)


def gains_of_lines(found: Alignment) -> Float64Array:
    """Return the factor (E,) on the variance of the noise of frames, in the mean of their pixels."""
    assert found.line_shifts is not None
    each = zip(found.shifts, found.line_shifts, strict=True)
    return np.array([noise_gain_of_lines(shift, lines, columns=found.columns) for shift, lines in each])
