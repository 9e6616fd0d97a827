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
_SAME = 0.05
"""Degree of polarization, or degrees of its direction: values that differ less are readings of one setting."""


def polarizations(group: h5py.Group, n_frames: int, n_planned: int) -> NDArray[np.float64] | None:
    """Return the polarization of each frame (E,), as the file counts it; None if it does not change, or is not known.

    Readings of one setting become their mean.

    Parameters
    ----------
    group : h5py.Group
        A detector of an entry.
    n_frames : int
        How many frames it has.
    n_planned : int
        How many it was to have: an interrupted scan may list the polarizations of all.
    """
    for place in _PLACES:
        field = row(group.file, place.format(group=group.name, entry=group.parent.name.rstrip("/")))
        if field is None or field.size not in (n_frames, max(n_frames, n_planned)) or n_frames < 2:
            continue
        values = np.ravel(field[()]).astype(np.float64)[:n_frames]
        if np.isfinite(values).all() and np.unique(settings := _settings(values)).size > 1:
            return settings
    return None


def _settings(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return for each value the mean of those that are readings of the same setting."""
    order = np.argsort(values, kind="stable")
    number = np.cumsum(np.diff(values[order], prepend=values[order[0]]) > _SAME)
    means = np.bincount(number, values[order]) / np.bincount(number)
    settings = np.empty_like(values)
    settings[order] = np.round(means, 3)[number]
    return settings


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
    if energy is not None:
        # Frames after the last energy are dropped later, with a warning.
        energy = energy[frames[frames < energy.size]]
    metadata: dict[str, Any] = stack.metadata | {"polarization": value}
    if np.size(exposure := metadata.get("exposure", 0.0)) == values.size:
        metadata["exposure"] = np.asarray(exposure)[frames]
    return replace(stack, data=stack.data[frames], energy=energy, metadata=metadata)
