"""The ways in which shifts can be found, by the names that users know."""

from __future__ import annotations

from napari_xanes._typing import Float64Array
from napari_xanes.progress import Progress
from napari_xanes.registration.estimation import Box, Estimate, Frames, estimate
from napari_xanes.registration.line_posterior import Lines
from napari_xanes.registration.lines import estimate_lines
from napari_xanes.registration.pairwise import estimate_by_pairs
from napari_xanes.registration.reference import estimate_by_reference


def estimate_by(
    method: str,
    frames: Frames,
    count: int,
    shape: tuple[int, int],
    *,
    spectra: Float64Array | None = None,
    frame: int | None = None,
    columns: bool = False,
    box: Box | None = None,
    progress: Progress | None = None,
) -> tuple[Estimate, Lines | None]:
    """Find the shifts of all frames by a method, and those of their lines.

    Parameters
    ----------
    method : {"joint", "pairwise", "reference", "lines"}
        All shifts at once with a common model; correlations of all pairs of frames; of each frame with one of them; or
        all shifts at once, and then each scan line.
    frames : callable
        Reads the frames anew each time.
    count : int
        Number of frames.
    shape : tuple of int
        Height and width of a frame.
    spectra : ndarray, shape (E, R), optional
        Spectra of what is in the sample, for "joint" and "lines".
    frame : int, optional
        Number of the reference frame, for "reference".
    columns : bool
        Whether scan lines are columns, for "lines".
    box : tuple of int, optional
        Part of the image to look at.
    progress : callable, optional
        Called with the fraction done.

    Raises
    ------
    ValueError
        If no frames have enough in common.
    """
    if method == "lines":
        return estimate_lines(frames, count, shape, columns=columns, spectra=spectra, box=box, progress=progress)
    if method == "pairwise":
        return estimate_by_pairs(frames, count, shape, box=box, progress=progress), None
    if method == "reference":
        return estimate_by_reference(frames, count, shape, frame=frame, box=box, progress=progress), None
    return estimate(frames, count, shape, spectra=spectra, box=box, progress=progress), None
