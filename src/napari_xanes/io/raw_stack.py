"""What a reader finds in a file, and what every stack goes through before a user gets it."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_xanes.corrections import PER_FRAME, frame_count, take_frames
from napari_xanes.history import Source, Step
from napari_xanes.io.energies import given_energies
from napari_xanes.io.files import fingerprint
from napari_xanes.io.frames import (
    filled_length,
    frame_groups,
    grouped,
    ordered,
    repeated_energies,
    shared_length,
    taken,
)
from napari_xanes.stack import Quantity, SpectralStack


@dataclass
class RawStack:
    """What a reader found in a file, before frames are sorted and the empty end of a scan is dropped.

    Parameters
    ----------
    data : numpy or dask array, shape (E, Y, X) or (E, Z, Y, X)
        The frames as they lie in the file.
    energy : array of float64, shape (E,), or None
        eV, in the file's order; may be longer or shorter than the frames if `interruptible`. None if the file has none:
        then the caller must give some.
    quantity : str
        What the values are.
    pixel_size : tuple of float, optional
        µm, (Y, X) or (Z, Y, X).
    metadata : dict
        What else the file said.
    warnings : list of str
        What the user must be told.
    notes : list of str
        What was done to the data while reading.
    interruptible : bool
        Whether the format leaves empty frames or spare energies at the end of an interrupted scan.
    own : bool
        Whether napari-xanes wrote the file: then nothing is added to its metadata.
    history : tuple of Step
        For files of our own.
    source : Source, optional
        Where the data of a file of our own came from.
    """

    data: Any
    energy: NDArray[np.float64] | None
    quantity: Quantity = "counts"
    pixel_size: tuple[float, ...] | None = None
    metadata: dict[str, Any] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    interruptible: bool = False
    own: bool = False
    history: tuple[Step, ...] = ()
    source: Source | None = None


def finalize(
    path: Path,
    found: RawStack,
    title: str,
    *,
    energies: Any,
    quantity: Quantity | None,
    repeat: int | None,
    reading: Mapping[str, Any],
) -> SpectralStack:
    """The stack of what was found: given energies put in, empty ends cut off, frames in order, the user told.

    Parameters
    ----------
    path : Path
        The file or folder, for the source and for messages.
    found : RawStack
        What the reader found.
    title : str
        What people call the format.
    energies : array_like of eV, or path of a text file, or None
        Replaces the energies that were found.
    quantity : str or None
        Replaces the guess of what the values are.
    repeat : int or None
        Which of several frames of one energy to take, from 1; None averages them.
    reading : mapping
        How the file was read, for the source.

    Raises
    ------
    OSError
        If a text of energies can't be read.
    ValueError
        If there is not one energy per frame, every frame is empty, or no energy has as many repeats.
    """
    metadata = dict(found.metadata) if found.own else {"format": title} | found.metadata
    data, energy = found.data, found.energy
    n_frames = data.shape[0]
    if energies is not None:
        energy, metadata["energy_unit"] = given_energies(energies)
        if energy.size != n_frames:
            where = str(energies) if isinstance(energies, str | Path) else "energies="
            raise ValueError(f"{energy.size} energies in {where} for {n_frames} frames")
    elif energy is None:
        raise ValueError("the file has no energies; pass energies=")
    elif len(metadata.get("files", ())) == n_frames:
        found.warnings += repeated_energies(energy, repeat)
    if found.interruptible:
        kept, told = shared_length(n_frames, energy.size)
        found.warnings += told
        filled = filled_length(data[:kept])
        if filled == 0:
            raise ValueError(f"all {kept} frames are empty: nothing but zeros and NaN")
        if filled < kept:
            found.warnings.append(f"the last {kept - filled} of {kept} frames are empty and dropped: the scan stopped")
        if filled < n_frames:
            data = data[:filled]
        metadata = _follow(metadata, (n_frames, energy.size), data.ndim, lambda values: values[:filled], range(filled))
        energy = energy[:filled]
        n_frames = filled
    data, axis, told = ordered(data, energy, repeat=repeat)
    # Those that a file of our own tells of were averaged before it was written.
    most = 1 if found.own else metadata.get("repeats", 1)
    if (groups := frame_groups(energy)) is not None:
        if (longest := max(map(len, groups))) > 1:
            most = metadata["repeats"] = longest
        wanted, _ = taken(groups, repeat)
        metadata = _follow(
            metadata, (n_frames,), data.ndim, lambda values: grouped(values, wanted), np.concatenate(wanted)
        )
    if (repeat or 1) > most:
        often = "once" if most == 1 else f"{most} times"
        where = "occurs at most {} in this file" if found.own else "was measured at most {}"
        raise ValueError(f"repeat={repeat}: each energy {where.format(often)}; leave repeat out")
    notes = found.notes + told
    for key, lines in (("warnings", found.warnings), ("notes", notes)):
        if lines:
            metadata[key] = [*metadata.get(key, []), *lines]
    source = found.source
    if source is None and not found.history:
        source = Source(str(path.resolve()), fingerprint(path), reading, (*notes, *found.warnings))
    stack = SpectralStack(
        data,
        axis,
        quantity or found.quantity,
        found.pixel_size,
        found.history,
        source,
        metadata,
    )
    for line in found.warnings:
        warnings.warn(f"{path.name}: {line}", UserWarning, stacklevel=4)
    return stack


def _follow(
    metadata: Mapping[str, Any],
    lengths: tuple[int, ...],
    n_axes: int,
    change: Callable[[Any], Any],
    frames: Iterable[int],
) -> dict[str, Any]:
    """The metadata of some frames.

    Parameters
    ----------
    metadata : mapping
        Of all frames.
    lengths : tuple of int
        How many frames and energies there are: what has as many entries follows.
    n_axes : int
        Of the stack. An image or volume with fewer serves all frames, whatever its shape.
    change : callable
        Takes the entries of these frames.
    frames : iterable of int
        Which these are, for the names of their files.
    """
    followed = dict(metadata)
    for key, value in metadata.items():
        if frame_count(key, value, n_axes) in lengths:
            # A lazy flat stays lazy.
            values = value if hasattr(value, "shape") else np.asarray(value)
            followed[key] = take_frames(value, np.asarray(frames)) if key in PER_FRAME else change(values)
    return followed
