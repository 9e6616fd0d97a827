"""The raw stack that a reader returns, and the steps that turn every raw stack into a `SpectralStack`."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from napari_xanes._typing import Float64Array
from napari_xanes.corrections import PER_FRAME, frame_count, take_frames
from napari_xanes.history import Source, Step
from napari_xanes.io.energies import given_energies
from napari_xanes.io.facts import Facts, corrected, usable_energies, with_facts
from napari_xanes.io.files import fingerprint
from napari_xanes.io.frames import (
    choose_repeats,
    common_length,
    empty_frames,
    filled_length,
    frame_groups,
    grouped,
    ordered,
    repeated_energies,
)
from napari_xanes.stack import Quantity, SpectralStack
from napari_xanes.wording import counted, first_few, one_or_more


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
    energy: Float64Array | None
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
    raw: RawStack,
    title: str,
    *,
    energies: Any,
    facts: Facts,
    repeat: int | None,
    reading: Mapping[str, Any],
) -> SpectralStack:
    """Make a stack of what a reader found: cut off the empty end, sort the frames, average repeats, warn the user.

    Parameters
    ----------
    path : Path
        The file or folder, for the source and for messages.
    raw : RawStack
        What the reader found.
    title : str
        Name of the format for people.
    energies : array_like of eV, or path of a text file, or None
        Replaces the energies of the file.
    facts : Facts
        Replace what the file says and what was guessed.
    repeat : int or None
        Which of several frames of one energy to take, from 1; None averages them.
    reading : mapping
        How the file was read, for the source.

    Raises
    ------
    OSError
        If the text file of energies can't be read.
    ValueError
        If there is not one energy per frame, every frame is empty, or no energy has as many repeats.
    """
    raw = replace(raw, metadata=dict(raw.metadata), warnings=list(raw.warnings), notes=list(raw.notes))
    energy = _energies_of_frames(raw, energies, repeat)
    if raw.interruptible:
        energy = _drop_empty_end(raw, energy)
        energy = _drop_empty_repeats(raw, energy)
    energy = _sort(raw, energy, repeat)
    if not raw.own and energies is None:
        read_as = str(raw.metadata.get("energy_unit") or "eV")
        energy, read_as = usable_energies(energy, read_as, facts.energy_unit)
        raw.metadata |= {"energy_unit": read_as} if "energy_unit" in raw.metadata or facts.energy_unit else {}
    metadata = raw.metadata if raw.own else {"format": title} | raw.metadata
    for key, lines in (("warnings", raw.warnings), ("notes", raw.notes)):
        if lines:
            metadata[key] = [*metadata.get(key, []), *lines]
    source = raw.source
    if source is None and not raw.history:
        source = Source(str(path.resolve()), fingerprint(path), reading, (*raw.notes, *raw.warnings))
    stack = SpectralStack(raw.data, energy, raw.quantity, raw.pixel_size, raw.history, source, metadata)
    stack = corrected(stack, facts) if raw.own else with_facts(stack, facts)
    for line in raw.warnings:
        warnings.warn(f"{path.name}: {line}", UserWarning, stacklevel=4)
    return stack


def _energies_of_frames(raw: RawStack, energies: Any, repeat: int | None) -> Float64Array:
    """Return the energies that the user gave, or those of the file, in the order of the frames."""
    n_frames = raw.data.shape[0]
    if energies is not None:
        user_energies, raw.metadata["energy_unit"] = given_energies(energies)
        if user_energies.size != n_frames:
            place = str(energies) if isinstance(energies, str | Path) else "energies="
            raise ValueError(f"{user_energies.size} energies in {place} for {n_frames} frames; give one for each frame")
        return user_energies
    if raw.energy is None:
        raise ValueError("the file has no energies; pass energies=")
    if len(raw.metadata.get("files", ())) == n_frames:
        raw.warnings += repeated_energies(raw.energy, repeat)
    return raw.energy


def _drop_empty_end(raw: RawStack, energy: Float64Array) -> Float64Array:
    """Drop the frames that an interrupted scan did not reach; return the energies of the others."""
    n_frames = raw.data.shape[0]
    length, messages = common_length(n_frames, energy.size)
    raw.warnings += messages
    n_filled = filled_length(raw.data[:length])
    if n_filled == 0:
        raise ValueError(f"all {length} frames are empty: nothing but zeros and NaN; choose another array or scan")
    if n_filled < length:
        raw.warnings.append(
            f"the last {length - n_filled} of {length} frames "
            f"{one_or_more(length - n_filled, 'is', 'are')} empty and dropped: the scan stopped"
        )
    if n_filled < n_frames:
        raw.data = raw.data[:n_filled]
    raw.metadata = _metadata_of_frames(
        raw.metadata, (n_frames, energy.size), raw.data.ndim, lambda values: values[:n_filled], range(n_filled)
    )
    return energy[:n_filled]


def _drop_empty_repeats(raw: RawStack, energy: Float64Array) -> Float64Array:
    """Leave out empty frames that another frame repeats, and warn of all empty ones; return the energies left.

    The mean of a frame and an empty one would be half of it.
    """
    n_frames, empty = raw.data.shape[0], empty_frames(raw.data)
    if energy.size != n_frames or not 0 < empty.size < n_frames:
        return energy
    is_repeated = np.isin(energy[empty], np.delete(energy, empty))
    for frames, way in (
        (empty[is_repeated], "left out, as others have the same energy"),
        (empty[~is_repeated], "kept; drop_frames leaves them out"),
    ):
        if frames.size:
            places = first_few([f"{value:g}" for value in energy[frames]], 10)
            told = counted(frames.size, "frame holds", "frames hold")
            raw.warnings.append(f"{told} nothing but zeros or NaN, at {places} eV: {way}")
    kept = np.delete(np.arange(n_frames), empty[is_repeated])
    if kept.size < n_frames:
        raw.metadata = _metadata_of_frames(
            raw.metadata, (n_frames,), raw.data.ndim, lambda values: values[kept], kept.tolist()
        )
        raw.data = raw.data[kept]
    left: Float64Array = energy[kept]
    return left


def _sort(raw: RawStack, energy: Float64Array, repeat: int | None) -> Float64Array:
    """Sort frames by energy, and average repeats or take one of them; return the energies, which increase strictly."""
    n_frames = raw.data.shape[0]
    raw.data, axis, notes = ordered(raw.data, energy, repeat=repeat)
    raw.notes += notes
    # Repeats that one of our own files mentions were averaged before it was written.
    max_repeats = 1 if raw.own else raw.metadata.get("repeats", 1)
    if (groups := frame_groups(energy)) is not None:
        if (longest := max(map(len, groups))) > 1:
            max_repeats = raw.metadata["repeats"] = longest
        repeat_groups, _ = choose_repeats(groups, repeat)
        raw.metadata = _metadata_of_frames(
            raw.metadata,
            (n_frames,),
            raw.data.ndim,
            lambda values: grouped(values, repeat_groups),
            np.concatenate(repeat_groups),
        )
    if (repeat or 1) > max_repeats:
        times = "once" if max_repeats == 1 else f"{max_repeats} times"
        limit = "occurs at most {} in this file" if raw.own else "was measured at most {}"
        raise ValueError(f"repeat={repeat}: each energy {limit.format(times)}; leave repeat out")
    return axis


def _metadata_of_frames(
    metadata: Mapping[str, Any],
    lengths: tuple[int, ...],
    n_axes: int,
    change: Callable[[Any], Any],
    frames: Iterable[int],
) -> dict[str, Any]:
    """Return the metadata of some frames.

    Parameters
    ----------
    metadata : mapping
        Metadata of all frames.
    lengths : tuple of int
        Numbers of frames and energies: values with as many entries are per frame.
    n_axes : int
        Number of axes of the stack. An image or volume with fewer axes serves all frames, whatever its shape.
    change : callable
        Takes the entries of these frames out of an array.
    frames : iterable of int
        The frames, for lists such as the names of files.
    """
    frame_metadata = dict(metadata)
    for key, value in metadata.items():
        if frame_count(key, value, n_axes) in lengths:
            # A lazy flat stays lazy.
            values = value if hasattr(value, "shape") else np.asarray(value)
            frame_metadata[key] = take_frames(value, np.asarray(frames)) if key in PER_FRAME else change(values)
    return frame_metadata
