"""Darks and references of EDF series, brought to the exposures and energies of the images."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_xanes.io.edf.shots import Shot, exposure, mean
from napari_xanes.io.frames import one_per_file

Darks = Mapping[float, NDArray[np.float32]]
"""Dark counts (Y, X) of one camera frame, by its exposure in s, which increases."""

_SINGLE = np.dtype(np.float32)
_DOUBLE = np.dtype(np.float64)


def dark_frames(shots: Sequence[Shot]) -> Darks:
    """Dark counts of one camera frame, averaged over all that were exposed alike.

    Raises
    ------
    OSError
        If a file can't be read.
    """
    by_time: dict[float, list[Shot]] = {}
    for one in sorted(shots, key=lambda one: one.time):
        by_time.setdefault(one.time, []).append(one)
    return {time: _single(_per_frame, group) for time, group in by_time.items()}


def dark_images(darks: Darks, groups: Sequence[list[Shot]], notes: list[str]) -> Any:
    """The darks of images (E, Y, X), or one (Y, X) if all were exposed alike.

    Parameters
    ----------
    darks : mapping
        At least one.
    groups : sequence of list of Shot
        The images that are averaged at each energy.
    notes : list of str
        Told if darks of other exposures had to do.
    """
    cameras = {(one.time, one.summed) for group in groups for one in group}
    if missing := {time for time, _ in cameras} - set(darks):
        notes.append(f"no darks of {len(missing)} exposure times; those of the times around, or the nearest, are taken")
    if len(cameras) == 1:
        return _single(_dark, darks, groups[0])
    shape = next(iter(darks.values())).shape
    return one_per_file([partial(_single, _dark, darks, group) for group in groups], shape, _SINGLE)


def flats(
    refs: Mapping[float, list[Shot]],
    energy: NDArray[np.float64],
    groups: Sequence[list[Shot]],
    darks: Darks,
    notes: list[str],
    told: list[str],
) -> Any:
    """A reference (E, Y, X) for each energy, as if exposed as its image was, dark counts included.

    Parameters
    ----------
    refs : mapping
        References by their energies, which increase; 0 if they are for all.
    energy : array, shape (E,)
        Of the images. Between those of the references these are interpolated, beyond them the last one is taken.
    groups : sequence of list of Shot, length E
        The images that are averaged at each energy.
    darks : mapping
        May be empty.
    notes, told : list of str
        Notes for what was done, and what the user must be told.
    """
    known, of_energy = list(refs), list(refs.values())
    missing = sum(one not in refs for one in energy.tolist())
    if missing and known != [0.0]:
        notes.append(
            f"{missing} energies have no reference; it is interpolated between others, or the nearest is taken"
        )
    times, own = [exposure(group) for group in groups], [exposure(group) for group in of_energy]
    if min(times + own) == 0:
        told.append("exposure times are not known; images and references are taken to be exposed alike")
        times, own = [1.0] * len(times), [1.0] * len(own)
    elif np.ptp(times + own) > 1e-6 * max(times):
        notes.append("references scaled to the exposures of the images")
    parts = []
    for one, group, time in zip(energy.tolist(), groups, times, strict=True):
        around = [(weight * time / own[at], of_energy[at]) for at, weight in _around(known, one)]
        parts.append(partial(_single, _flat, around, group, darks))
    return one_per_file(parts, groups[0][0].frame.shape, _SINGLE)


def _around(known: Sequence[float], wanted: float) -> list[tuple[int, float]]:
    """Which of increasing numbers are around one, and their weights; the nearest alone beyond the ends.

    Examples
    --------
    >>> _around([1.0, 2.0, 4.0], 3.5), _around([1.0, 2.0], 2.0), _around([1.0, 2.0], 9.0)
    ([(1, 0.25), (2, 0.75)], [(1, 1.0)], [(1, 1.0)])
    """
    place = float(np.interp(wanted, known, np.arange(len(known))))
    low, part = int(place), place % 1
    return [(low, 1 - part), (low + 1, part)] if part else [(low, 1.0)]


def _per_frame(group: Sequence[Shot]) -> NDArray[np.float64]:
    return np.asarray(mean(group, _DOUBLE) / np.mean([one.summed for one in group]))


def _dark(darks: Darks, group: Sequence[Shot]) -> NDArray[np.float64]:
    """The mean dark counts in images, of as many camera frames as each of them."""
    known = list(darks)
    parts = [(one.summed * weight, known[at]) for one in group for at, weight in _around(known, one.time)]
    return np.asarray(sum(weight * darks[time].astype(_DOUBLE) for weight, time in parts) / len(group))


def _flat(around: Sequence[tuple[float, list[Shot]]], group: Sequence[Shot], darks: Darks) -> NDArray[np.float64]:
    """A reference between others, their darks taken away and that of the image put in."""
    if not darks:
        return np.asarray(sum(factor * mean(refs, _DOUBLE) for factor, refs in around))
    light = sum(factor * (mean(refs, _DOUBLE) - _dark(darks, refs)) for factor, refs in around)
    return np.asarray(light + _dark(darks, group))


def _single(make: Callable[..., NDArray[np.float64]], *arguments: Any) -> NDArray[np.float32]:
    with np.errstate(all="ignore"):  # numbers that are none, or too large for float32, stay so
        return make(*arguments).astype(np.float32)
