"""What corrects the counts of a stack: flats, darks, exposures. Only this file names their keys in the metadata."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from napari_xanes._typing import BoolArray, IndexArray
from napari_xanes.field_mapping import FieldMapping

Frames = slice | IndexArray
"""A selection of frames."""

Box = tuple[slice | int, ...]
"""A selection of pixels: one index per spatial axis, (Y, X) or (Z, Y, X). A number removes its axis."""

INTERPOLATED = "interpolated_frames"
"""Where the metadata of a stack say which frames were not measured (True) but interpolated."""

PER_FRAME = ("files", "energy_in_names", "measured_drift", INTERPOLATED)
"""Metadata with one entry per frame that correct nothing: names of files, energies in these names, measured drift."""


@dataclass(frozen=True, eq=False)
class Corrections(FieldMapping):
    """The metadata of a stack that correct its counts.

    Parameters
    ----------
    flat : numpy or dask array, shape (E, Y, X) or (Y, X), optional
        Images without sample, in counts. Of a volume (E, Z, Y, X) or (Z, Y, X).
    dark : float or numpy or dask array, same shapes or (E,), optional
        Images without beam, or their mean, in counts.
    i0 : ndarray, shape (E,), optional
        Incident intensity, in counts with the dark subtracted.
    exposure : float or ndarray of shape (E,), optional
        Exposure time of the frames, in s.
    flat_exposure : float or ndarray of shape (E,), optional
        Exposure time of the flats, in s.
    ring_current : ndarray, shape (E,), optional
        Current of the storage ring, in the file's unit.
    n_flat : int or ndarray of shape (E,), optional
        Number of frames that were averaged into a flat.
    gain : float, optional
        Counts per detected photon.
    read_noise : float, optional
        Standard deviation of a frame without light, in counts.
    busy : float or ndarray of shape (E,), optional
        Dead time over the exposure, where counts were corrected for the dead time of the detector.
    paralyzable : bool, optional
        Whether photons that came in the dead time prolonged it.
    """

    flat: Any = None
    dark: Any = None
    i0: Any = None
    exposure: Any = None
    flat_exposure: Any = None
    ring_current: Any = None
    n_flat: Any = None
    gain: Any = None
    read_noise: Any = None
    busy: Any = None
    paralyzable: Any = None

    @property
    def frames_per_flat(self) -> Any:
        """Number of frames that were averaged into a flat, a number or (E,); 1 where it is not known."""
        return 1 if self.n_flat is None else self.n_flat

    @classmethod
    def from_metadata(cls, metadata: Mapping[str, Any]) -> Corrections:
        """Return the corrections among the metadata of a stack.

        Examples
        --------
        >>> dict(Corrections.from_metadata({"name": "scan", "exposure": 0.5}))
        {'exposure': 0.5}
        """
        return cls(**{name: metadata.get(name) for name in cls._names()})

    def isel(self, shape: tuple[int, ...], frames: Frames, box: Box) -> Corrections:
        """Return the corrections of some frames and pixels of a stack whose data have this shape; see `select`."""
        return replace(self, **{name: select(value, shape, frames, box) for name, value in self.items()})


def frame_count(name: str, value: Any, n_axes: int) -> int | None:
    """Return how many frames a metadata value has entries for.

    The name and the number of axes decide, so that an image is never taken for a list of frames.

    Parameters
    ----------
    name : str
        Key of the value in the metadata.
    value : object
        The value.
    n_axes : int
        Number of axes of the stack's data: 3, or 4 for a volume.

    Returns
    -------
    int or None
        Length of the first axis; None if the value does not change from frame to frame.

    Examples
    --------
    >>> frame_count("flat", np.ones((50, 6, 7)), 3), frame_count("flat", np.ones((6, 7)), 3)
    (50, None)
    """
    if name in PER_FRAME:
        return len(value)
    lengths: tuple[int, ...] = np.shape(value) if name in Corrections._names() else ()
    return lengths[0] if len(lengths) in (1, n_axes) else None


def frames_where(keep: BoolArray) -> Frames:
    """Return the frames of a mask (E,), as a slice where they are neighbours: slicing copies nothing."""
    kept = np.flatnonzero(keep)
    if kept[-1] - kept[0] + 1 == kept.size:
        return slice(int(kept[0]), int(kept[-1]) + 1)
    return kept


def take_frames(values: Any, frames: Frames) -> Any:
    """Return the entries of some frames from an array or a list with one entry per frame."""
    if isinstance(values, list):
        return np.asarray(values, dtype=object)[frames].tolist()
    return values[frames]


def select(values: Any, shape: tuple[int, ...], frames: Frames, box: Box) -> Any:
    """Return the part of an array that belongs to some frames and pixels of a stack.

    Axes whose length is not that of the stack stay whole: axes of length 1 serve all frames or pixels, and arrays that
    do not fit are refused where they are used.

    Parameters
    ----------
    values : array or number
        (E,), an image (Y, X), or (E, Y, X); of a volume (E,), (Z, Y, X) or (E, Z, Y, X). Anything else is returned
        unchanged.
    shape : tuple of int
        Shape of the stack's data.
    frames : slice or index array
        Frames to take.
    box : tuple of slice or int
        Pixels to take, one entry per spatial axis.

    Examples
    --------
    >>> select(np.arange(6).reshape(2, 3), (5, 2, 3), slice(0, 1), (slice(0, 1), slice(1, 3)))
    array([[1, 2]])
    """
    if np.ndim(values) == 0:
        return values
    values = values if hasattr(values, "shape") else np.asarray(values)
    lengths = values.shape
    if len(lengths) in (len(shape) - 1, len(shape)):
        pixels = zip(box, lengths[-len(box) :], shape[1:], strict=True)
        values = values[(..., *(index if n == m else slice(None) for index, n, m in pixels))]
    if len(lengths) in (1, len(shape)) and lengths[0] == shape[0]:
        values = values[frames]
    return values


def select_nested(value: Any, shape: tuple[int, ...], frames: Frames, box: Box) -> Any:
    """Return nested mappings and lists with each image in them cut to some frames and pixels.

    Files hold the results of a step as plain mappings, so only the shape tells what is an image: arrays whose last axes
    are those of the stack's images are cut, and stacks of the same shape also to the frames.

    Parameters
    ----------
    value : mapping, list, array or other value
        Values of other types are returned unchanged.
    shape, frames, box
        As in `select`.
    """
    if hasattr(value, "isel"):
        return value.isel(frames, box)
    if isinstance(value, Mapping):
        return {name: select_nested(item, shape, frames, box) for name, item in value.items()}
    if isinstance(value, list):
        return [select_nested(item, shape, frames, box) for item in value]
    lengths = getattr(value, "shape", ())
    if lengths[1 - len(shape) :] != shape[1:]:
        return value
    return select(value, shape, frames, box) if lengths == shape else value[(..., *box)]
