"""Polarization of the beam for each frame, where a stack was measured with several: each of them is a stack."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from napari_xanes.io.hdf5.file import row
from napari_xanes.io.raw_stack import RawStack

_PLACES = ("{group}/polarization", "{entry}/collection/polarization/value")


def polarizations(group: h5py.Group, n_frames: int) -> NDArray[np.float64] | None:
    """Return the polarization of each frame (E,), as the file counts it; None if it does not change, or is not known.

    Parameters
    ----------
    group : h5py.Group
        A detector of an entry.
    n_frames : int
        How many frames it has.
    """
    for place in _PLACES:
        field = row(group.file, place.format(group=group.name, entry=group.parent.name.rstrip("/")))
        if field is None or field.size != n_frames or n_frames < 2:
            continue
        values = np.asarray(np.round(np.ravel(field[()]), 3), np.float64)
        if np.isfinite(values).all() and np.unique(values).size > 1:
            return values
    return None


def frames_of(stack: RawStack, values: NDArray[np.float64], value: float) -> RawStack:
    """Return the frames of one polarization.

    Parameters
    ----------
    stack : RawStack
        All frames.
    values : array, shape (E,)
        The polarization of each.
    value : float
        That of the frames to keep.
    """
    frames = np.flatnonzero(values == value)
    energy = stack.energy
    if energy is not None and energy.size == values.size:
        energy = energy[frames]
    metadata: dict[str, Any] = stack.metadata | {"polarization": value}
    if np.size(exposure := metadata.get("exposure", 0.0)) == values.size:
        metadata["exposure"] = np.asarray(exposure)[frames]
    return replace(stack, data=stack.data[frames], energy=energy, metadata=metadata)
