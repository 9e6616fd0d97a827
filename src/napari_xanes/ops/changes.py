"""What `repair` changed: in words, as a map, and frame by frame."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_xanes._typing import BoolArray, Float64Array
from napari_xanes.corrections import Box, Frames
from napari_xanes.field_mapping import FieldMapping
from napari_xanes.parameter_map import MapSet, ParameterMap
from napari_xanes.stack import SpectralStack

_SUSPECT, _TIMES = 5, 5
"""So many single values in one frame, and so many times more than in the usual one, may be part of the sample."""

_MOST_NAMED = 5


@dataclass(frozen=True, eq=False)
class Repair(FieldMapping):
    """What `repair` did, as ``metadata["repair"]`` holds it.

    Parameters
    ----------
    bad_pixels : int
        Number of pixels that are replaced in all frames.
    changed : numpy or dask array, shape (Y, X)
        In how many frames each pixel was changed. Of a volume, (Z, Y, X). Lazy where the stack is lazy.
    text : list of str
        What was done, in words.
    per_frame : numpy or dask array, shape (E,), optional
        How many values were changed in each frame of the whole image.
    """

    bad_pixels: int
    changed: Any
    text: list[str]
    per_frame: Any = None

    def isel(self, frames: Frames = slice(None), box: Box | None = None) -> Repair:
        """Return the result for some frames and pixels, as `SpectralStack.isel` does."""
        per_frame = None if self.per_frame is None else self.per_frame[frames]
        changed = self.changed if box is None else self.changed[box]
        return replace(self, changed=changed, per_frame=per_frame)

    def counted(self) -> Repair:
        """Return the same with both counts in memory; of a lazy stack, all frames are read, once for both."""
        if isinstance(self.changed, np.ndarray) and isinstance(self.per_frame, np.ndarray | None):
            return self
        import dask

        changed, per_frame = dask.compute(self.changed, self.per_frame, callbacks=())  # type: ignore[attr-defined, no-untyped-call]
        return replace(self, changed=changed, per_frame=per_frame)


def repair_of(stack: SpectralStack) -> Repair | None:
    """Return what `repair` did to a stack, or None if it was not repaired.

    Examples
    --------
    >>> repair_of(SpectralStack(np.ones((2, 3, 4)), [700, 710])) is None
    True
    """
    found = Repair.from_mapping(stack.metadata.get("repair"))
    if found is None or np.shape(found.changed) != stack.shape[1:]:
        return None
    # A stack from a file holds its results as plain mappings, which are not cut with its frames.
    fits = np.shape(found.per_frame) == stack.shape[:1]
    return found if fits else replace(found, per_frame=None)


def map_of_changes(stack: SpectralStack) -> MapSet:
    """Return in how many frames `repair` changed each pixel.

    Parameters
    ----------
    stack : SpectralStack, shape (E, Y, X) or (E, Z, Y, X)
        A stack that `repair` returned. Of a lazy stack, all frames are read.

    Returns
    -------
    MapSet
        ``changed_values``, in frames; pixels that were not changed are masked. ``metadata["text"]`` says what was done.

    Raises
    ------
    ValueError
        If the stack was not repaired.

    Examples
    --------
    >>> from napari_xanes.ops import repair
    >>> data = np.random.default_rng(0).normal(1.0, 0.01, (5, 16, 16)).astype(np.float32)
    >>> data[2, 8, 9] = 4.0
    >>> changes = map_of_changes(repair(SpectralStack(data, np.arange(700.0, 705), "optical_depth")))
    >>> np.argwhere(changes["changed_values"].mask).tolist()
    [[8, 9]]
    """
    found = repair_of(stack)
    if found is None:
        raise ValueError(f"{stack.name!r} was not repaired; run repair first")
    found = found.counted()
    changed = np.asarray(found.changed)
    maps = {"changed_values": ParameterMap(changed.astype(np.float32), "frames", mask=changed > 0)}
    notes = {"name": stack.name, "text": [*found.text, *most_changed(stack.energy, found)]}
    return MapSet(maps, stack.history, stack.source, stack.pixel_size, notes)


def most_changed(energy: Float64Array, found: Repair) -> list[str]:
    """Name the frames with the most changes, where they are counted."""
    if not isinstance(found.per_frame, np.ndarray) or not found.per_frame.any():
        return []
    order = np.argsort(-found.per_frame, kind="stable")
    most = [i for i in order[:_MOST_NAMED] if found.per_frame[i]]
    names = ", ".join(f"{energy[i]:g} eV ({int(found.per_frame[i])})" for i in most)
    return [f"Values changed per frame: {np.median(found.per_frame):g} in the median, most at {names}."]


def said_about_changes(stack: SpectralStack, pixels: BoolArray, differs: Any) -> tuple[Repair, list[str]]:
    """Return what was replaced, and warnings of what may be part of the sample.

    Parameters
    ----------
    stack : SpectralStack
        The stack before.
    pixels : ndarray of bool, shape (Y, X)
        Pixels that are replaced in all frames.
    differs : numpy or dask array of bool, shape of the stack
        Which values were changed.
    """
    n_pixels = int(pixels.sum())
    text = [f"{n_pixels} {'pixel is' if n_pixels == 1 else 'pixels are'} replaced in all frames."] if n_pixels else []
    per_frame = differs.sum(axis=tuple(range(1, differs.ndim)))
    if stack.is_lazy:
        text.append("Single values are replaced when frames are read; the map of changes tells how many.")
        return Repair(n_pixels, differs.sum(axis=0), text, per_frame), []
    number, total = int(per_frame.sum()), int(np.prod(stack.shape))
    value = "1 value was" if number == 1 else f"{number} values were"
    text.append(f"{value} replaced, of {total} ({number / total:.2g}).")
    single = differs[..., ~pixels].reshape(len(differs), -1).sum(axis=1)
    return Repair(n_pixels, differs.sum(axis=0), text, per_frame), _suspects(stack, single)


def _suspects(stack: SpectralStack, single: NDArray[np.integer]) -> list[str]:
    """Warn of frames that hold most of the single values (E,): zingers come at all energies alike."""
    frames = np.flatnonzero((single >= _SUSPECT) & (single > _TIMES * (1 + np.median(single))))
    if not frames.size:
        return []
    energies = ", ".join(f"{stack.energy[i]:g}" for i in frames[:8]) + (" ..." if frames.size > 8 else "")
    return [
        f"repair: {int(single[frames].sum())} of {int(single.sum())} single values that were replaced are at "
        f"{energies} eV; details of the sample that absorb there only look like this: compare the images, and raise "
        "threshold or leave repair out where they do"
    ]
