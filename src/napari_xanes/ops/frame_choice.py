"""Leave single frames out."""

from __future__ import annotations

from typing import Annotated

import numpy as np

from napari_xanes._typing import Float64Array
from napari_xanes.corrections import frames_where
from napari_xanes.ops.spoiled_frames import suspicious_frames
from napari_xanes.parameters import Param
from napari_xanes.registry import method
from napari_xanes.stack import SpectralStack


@method(looks_at="frame")
def drop_frames(
    stack: SpectralStack,
    /,
    *,
    energies: Annotated[list[float] | None, Param(unit="eV", ge=0, auto="proposes spoiled frames")] = None,
    frames: Annotated[list[int] | None, Param(auto="proposes spoiled frames", label="frame numbers")] = None,
) -> SpectralStack:
    """Leave single frames out, such as one that a dip of the beam spoiled.

    Without any frame named, the error names the frames that look spoiled. No frame is dropped unasked.

    Parameters
    ----------
    stack : SpectralStack, shape (E, Y, X) or (E, Z, Y, X)
        Any quantity. Everything that belongs to its frames (flats, exposures, noise) is dropped with them.
    energies : list of float, optional
        Energies of the frames in eV, rounded as they are shown: each drops the frame nearest to it, if that is less
        than half a step away.
    frames : list of int, optional
        Numbers of the frames, the first is 0; negative numbers count from the end.

    Returns
    -------
    SpectralStack
        The other frames.

    Raises
    ------
    ValueError
        If no frame is named, there is no such frame, or none would be left.

    Examples
    --------
    >>> stack = SpectralStack(np.ones((4, 2, 2), np.float32), [8330, 8340, 8341, 8350])
    >>> drop_frames(stack, energies=[8340.1], frames=[-1]).energy.tolist()
    [8330.0, 8341.0]
    """
    if not energies and not frames:
        raise ValueError(f"{stack.name!r}: name at least one frame to drop, by its energy or number{_proposal(stack)}")
    keep = np.ones(stack.energy.size, dtype=bool)
    for energy in energies or ():
        keep[_frame_at(stack.energy, energy)] = False
    for number in frames or ():
        if not -keep.size <= number < keep.size:
            raise ValueError(
                f"there is no frame {number}; the frames of {stack.name!r} are 0 to {keep.size - 1}; give some of these"
            )
        keep[number] = False
    if not keep.any():
        raise ValueError(f"{stack.name!r}: all {keep.size} frames would be dropped; keep at least one")
    return stack.isel(frames_where(keep))


def _frame_at(axis: Float64Array, energy: float) -> int:
    """Return the frame whose energy was meant."""
    i = int(np.argmin(np.abs(axis - energy)))
    steps = np.diff(axis)[max(i - 1, 0) : i + 1]
    if abs(axis[i] - energy) >= (steps.min() / 2 if steps.size else 0.5):
        raise ValueError(
            f"no frame was taken at {energy:g} eV; the nearest was taken at {axis[i]:g} eV; give its energy"
        )
    return i


def _proposal(stack: SpectralStack) -> str:
    """Say which frames look spoiled."""
    found = suspicious_frames(stack)
    if not found:
        return "; none looks spoiled"
    texts = [f"{stack.energy[i]:g} eV (frame {i}: {reason})" for i, reason in found.items()]
    return f"; these look spoiled: {', '.join(texts)}"
