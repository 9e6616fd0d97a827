"""The ways in which shifts can be found, by the names that users know."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import compress
from typing import Any

import numpy as np

from napari_xanes._typing import Float32Array, Float64Array
from napari_xanes.progress import Progress
from napari_xanes.registration import correlation
from napari_xanes.registration.copies import originals, with_copies
from napari_xanes.registration.estimation import Estimate, Frames, estimate
from napari_xanes.registration.line_posterior import Lines
from napari_xanes.registration.lines import estimate_lines
from napari_xanes.registration.pairwise import Pairwise
from napari_xanes.registration.reference import Reference
from napari_xanes.registration.tracked_region import estimate_by_region


def estimate_by(
    method: str,
    frames: Frames,
    count: int,
    shape: tuple[int, int],
    *,
    spectra: Float64Array | None = None,
    frame: int | None = None,
    columns: bool = False,
    box: tuple[int, int, int, int] | None = None,
    read: Callable[[int], Float32Array] | None = None,
    farthest: float | None = None,
    progress: Progress | None = None,
) -> tuple[Estimate, Lines | None]:
    """Find the shifts of all frames by a method, and those of their lines; of copies, those of their originals.

    Parameters
    ----------
    method : {"joint", "pairwise", "reference", "tracked region", "lines"}
        "joint": all shifts at once with a common model. "pairwise": correlations of all pairs of frames. "reference":
        of each frame with one of them. "tracked region": of a region that is followed. "lines": as "joint", and then
        each scan line.
    frames : callable
        Reads the frames anew each time.
    count : int
        Number of frames.
    shape : tuple of int
        Height and width of a frame.
    spectra : ndarray, shape (E, R), optional
        Spectra of what is in the sample, for "joint" and "lines".
    frame : int, optional
        Number of the reference frame, for "reference", or of the one in which the region was drawn.
    columns : bool
        Whether scan lines are columns, for "lines".
    box : tuple of int, optional
        Part of the image to look at; the region to follow.
    read : callable, optional
        Reads one frame by its number, for "tracked region".
    farthest : float, optional
        Largest move of a tracked region from one frame to the next, in pixels.
    progress : callable, optional
        Called with the fraction done.

    Raises
    ------
    ValueError
        If no frames have enough in common, or there is no region to follow.
    """
    original = originals(frames(), count, frame)
    numbers, which = np.unique(original, return_inverse=True)
    given: dict[str, Any] = {"columns": columns, "box": box, "farthest": farthest, "progress": progress}
    if numbers.size in (1, count):
        return _by(method, frames, count, shape, spectra=spectra, frame=frame, read=read, **given)
    wanted = np.isin(np.arange(count), numbers)
    found, lines = _by(
        method,
        lambda: compress(frames(), wanted),
        numbers.size,
        shape,
        spectra=None if spectra is None else spectra[numbers],
        frame=None if frame is None else int(np.searchsorted(numbers, frame)),
        read=None if read is None else lambda i: read(int(numbers[i])),
        **given,
    )
    if lines is not None:
        lines = replace(lines, shifts=lines.shifts[which], sigma=lines.sigma[which])
    return with_copies(found, original), lines


def _by(
    method: str,
    frames: Frames,
    count: int,
    shape: tuple[int, int],
    *,
    spectra: Float64Array | None,
    frame: int | None,
    columns: bool,
    box: tuple[int, int, int, int] | None,
    read: Callable[[int], Float32Array] | None,
    farthest: float | None,
    progress: Progress | None,
) -> tuple[Estimate, Lines | None]:
    """Find the shifts of frames none of which is a copy of another."""
    if method == "lines":
        return estimate_lines(frames, count, shape, columns=columns, spectra=spectra, box=box, progress=progress)
    if method == "tracked region":
        if box is None or read is None:
            raise ValueError(
                "method = 'tracked region' needs region=..., a box or a mask around what is to be followed"
            )
        found = estimate_by_region(
            frames, count, shape, box=box, read=read, frame=frame, farthest=farthest, progress=progress
        )
        return found, None
    if method == "pairwise":
        return correlation.estimate(frames, count, shape, Pairwise(), box=box, progress=progress), None
    if method == "reference":
        return correlation.estimate(frames, count, shape, Reference(frame), box=box, progress=progress), None
    return estimate(frames, count, shape, spectra=spectra, box=box, progress=progress), None
