"""Frames and their energies: sorted, repeats averaged, the empty end of an interrupted scan cut off."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextvars import ContextVar
from typing import Any, Literal, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_xanes.wording import counted, one_or_more

MEMORY_LIMIT: ContextVar[int] = ContextVar("memory_limit", default=2 << 30)
"""Stacks of more bytes than this stay in their file and become dask arrays.

A context variable and no argument: every reader would have to hand it down to the one function that loads its pixels,
and a reader that forgot to would ignore the limit without a sign.
"""

_LOOK_BYTES = 16 << 20
"""How much is read at once to find where an interrupted scan ends."""

Duplicates = Literal["average", "error"]

Group = TypeVar("Group", list[Any], NDArray[np.intp])


def ordered(
    data: Any, energy: ArrayLike, *, duplicates: Duplicates = "average", repeat: int | None = None
) -> tuple[Any, NDArray[np.float64], list[str]]:
    """Sort frames by energy and average repeats of one energy.

    Parameters
    ----------
    data : numpy or dask array, shape (E, ...)
        One frame per energy. Returned as it is when already in order; integers become float32 where they are averaged.
    energy : array_like, shape (E,)
        Photon energies, in any order.
    duplicates : {"average", "error"}
        What to do with several frames of one energy.
    repeat : int, optional
        Take only this one of them, from 1, or the last one where there are fewer; nothing is averaged then.

    Returns
    -------
    data, energy : array, array
        The frames and their energies, which increase strictly.
    notes : list of str
        What was done, for people.

    Raises
    ------
    ValueError
        If there is not one energy per frame, an energy is not a number, or one repeats and may not.

    Examples
    --------
    >>> ordered(np.array([[1.0], [3.0], [5.0]]), [8340, 8330, 8330])[:2]
    (array([[4.],
           [1.]]), array([8330., 8340.]))
    """
    axis = np.asarray(energy, dtype=np.float64)
    if axis.ndim != 1 or axis.size != data.shape[0]:
        raise ValueError(f"{axis.size} energies for {data.shape[0]} frames; there must be one energy per frame")
    if not np.isfinite(axis).all():
        raise ValueError(
            f"energy {int(np.flatnonzero(~np.isfinite(axis))[0])} is not a number; give each frame an energy in eV"
        )
    groups = frame_groups(axis)
    if groups is None:
        return data, axis, []
    repeated = [axis[group[0]] for group in groups if len(group) > 1]
    if repeated and duplicates == "error":
        raise ValueError(
            f"energy {repeated[0]:g} eV occurs more than once (one of {len(repeated)} repeated energies); "
            "give each frame an energy of its own"
        )
    notes = []
    if (np.diff(axis) < 0).any():
        notes.append("frames sorted by energy")
    groups, repeat_notes = choose_repeats(groups, repeat)
    notes += repeat_notes
    return grouped(data, groups), np.array([axis[group[0]] for group in groups]), notes


def frame_groups(energy: NDArray[np.float64]) -> list[NDArray[np.intp]] | None:
    """Group the frames by energy, in order of energy; return None if each energy occurs once and they increase."""
    if (np.diff(energy) > 0).all():
        return None
    order = np.argsort(energy, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(energy[order]) > 0) + 1)


def choose_repeats(groups: list[Group], repeat: int | None) -> tuple[list[Group], list[str]]:
    """Choose the frames of each energy to average; return them with notes for the user.

    Parameters
    ----------
    groups : list of list or array
        The frames of each energy, as they were taken.
    repeat : int or None
        As in `ordered`; None is all of them.

    Examples
    --------
    >>> choose_repeats([["a1", "a2"], ["b1"]], 2)
    ([['a2'], ['b1']], ['repeat 2 of 1 energy taken, their other frames left out'])
    """
    repeated = sum(len(group) > 1 for group in groups)
    if not repeated:
        return list(groups), []
    if repeat is None:
        n_frames = sum(map(len, groups))
        energies = counted(repeated, "energy", "energies")
        return list(groups), [f"repeats of {energies} averaged: {n_frames} frames became {len(groups)}"]
    single_frames = [group[min(repeat, len(group)) - 1 :][:1] for group in groups]
    energies = counted(repeated, "energy", "energies")
    return single_frames, [f"repeat {repeat} of {energies} taken, their other frames left out"]


def grouped(data: Any, groups: list[NDArray[np.intp]]) -> Any:
    """Average the frames of each group."""
    if all(len(group) == 1 for group in groups):
        return data[np.concatenate(groups)]
    dtype = data.dtype if data.dtype.kind == "f" else np.dtype(np.float32)
    if not isinstance(data, np.ndarray):
        import dask.array as da

        return da.stack(  # type: ignore[no-untyped-call]
            [data[group].mean(axis=0, dtype=np.float64).astype(dtype) for group in groups]
        )
    out = np.empty((len(groups), *data.shape[1:]), dtype=dtype)
    for i, group in enumerate(groups):
        # A frame of its own is copied, not averaged: the mean of one large float64 may differ in its last bit.
        out[i] = data[group[0]] if len(group) == 1 else data[group].mean(axis=0, dtype=np.float64)
    return out


def common_length(n_frames: int, n_energies: int) -> tuple[int, list[str]]:
    """Return how many frames an interrupted scan has, and warnings about the rest."""
    length = min(n_frames, n_energies)
    if n_frames > length:
        return length, [
            f"{n_frames} frames but only {n_energies} energies: {_last(n_frames - length, 'frame', 'frames')} dropped"
        ]
    if n_energies > length:
        return length, [
            f"{n_energies} energies but only {n_frames} frames, as interrupted scans leave them: "
            f"{_last(n_energies - length, 'energy', 'energies')} dropped"
        ]
    return length, []


def _last(count: int, singular: str, plural: str) -> str:
    return one_or_more(count, f"the last {singular} is", f"the last {count} {plural} are")


def filled_length(data: Any) -> int:
    """Return the number of frames up to the last one that holds anything but zeros or NaN.

    Microscopes reserve the whole stack before a scan; what an interrupted one never reached stays empty.
    """
    end, step = data.shape[0], 1
    max_step = max(1, _LOOK_BYTES // max(1, data.nbytes // max(1, end)))
    while end:
        start = max(0, end - step)
        frames = np.asarray(data[start:end])
        if frames.dtype.kind == "f":
            frames = np.nan_to_num(frames, nan=0.0)
        filled = np.flatnonzero(frames.reshape(end - start, -1).any(axis=1))
        if filled.size:
            return int(start + filled[-1] + 1)
        end, step = start, min(2 * step, max_step)
    return 0


def empty_frames(data: Any) -> NDArray[np.intp]:
    """Return the numbers of the frames of a NumPy array that hold nothing but zeros or nothing but NaN.

    Of frames that stay in their file none is found: all of it would have to be read.
    """
    if not isinstance(data, np.ndarray):
        return np.zeros(0, np.intp)
    is_empty = [not frame.any() or (bool(np.isnan(frame.flat[0])) and not np.nan_to_num(frame).any()) for frame in data]
    return np.flatnonzero(is_empty)


def one_per_file(parts: Sequence[Callable[[], NDArray[Any]]], shape: tuple[int, ...], dtype: np.dtype[Any]) -> Any:
    """Stack frames that each come from their own file: NumPy, or dask above the memory limit.

    Parameters
    ----------
    parts : sequence of callable
        Each reads one frame of `shape` and `dtype`; must be picklable.
    shape : tuple of int
        (Y, X).
    dtype : numpy dtype
        Of the frames.
    """
    if len(parts) * int(np.prod(shape)) * dtype.itemsize <= MEMORY_LIMIT.get():
        out = np.empty((len(parts), *shape), dtype)
        for i, part in enumerate(parts):
            out[i] = part()
        return out
    import dask.array as da

    source = FramesOfFiles(parts, shape, dtype)
    return da.from_array(source, chunks=(1, *shape), name=False)  # type: ignore[no-untyped-call]


class FramesOfFiles:
    """Frames that each come from their own file, for dask: whatever is asked of a frame, all of it is read.

    Parameters
    ----------
    parts, shape, dtype
        As of `one_per_file`.
    """

    def __init__(self, parts: Sequence[Callable[[], NDArray[Any]]], shape: tuple[int, ...], dtype: np.dtype[Any]):
        self.parts, self.shape, self.dtype, self.ndim = tuple(parts), (len(parts), *shape), dtype, 1 + len(shape)
        self.piece = (1, *shape)

    def __getitem__(self, index: Any) -> NDArray[Any]:
        first, *inner = index if isinstance(index, tuple) else (index,)
        numbers = np.arange(self.shape[0])[first]
        read = [np.asarray(self.parts[int(n)](), self.dtype)[tuple(inner)] for n in np.atleast_1d(numbers)]
        return np.stack(read) if numbers.ndim else read[0]


def repeated_energies(energy: NDArray[np.float64], repeat: int | None) -> list[str]:
    """Return a warning if several files have the same energy; `repeat` as in `ordered`."""
    n_repeated = energy.size - np.unique(energy).size
    if not n_repeated:
        return []
    averaged = one_or_more(n_repeated, "is averaged with it", "are averaged with it")
    treatment = averaged if repeat is None else "one of them is taken"
    files = counted(n_repeated, "file repeats", "files repeat")
    return [f"{files} the energy of another and {treatment}; open the files of one scan only"]
