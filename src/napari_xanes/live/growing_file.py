"""A scan in one file that grows: HDF5 whose writer lets others read (SWMR), or that is closed between frames."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from hashlib import blake2b
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from napari_xanes.io.files import one_line
from napari_xanes.io.live_files import is_told_live
from napari_xanes.io.unchanged import facts
from napari_xanes.live.ending import Ending, EndWatch
from napari_xanes.live.reading import read_lazily, read_whole
from napari_xanes.live.settling import State
from napari_xanes.live.source import View
from napari_xanes.stack import SpectralStack

_REREAD = 2
"""So many of the frames that were taken last are read again when the file has changed."""


class _Content(NamedTuple):
    digest: bytes
    n_lines: int  # that hold anything
    since: float


class GrowingFile:
    """Frames in one file of any format that `napari_xanes.read` reads while it is written.

    A frame is taken when it has stayed the same for `settle` seconds and has as many lines as the others: scanning
    microscopes fill a frame line by line.

    Parameters
    ----------
    path : Path
        The file (or folder, such as Zarr).
    reading : mapping
        Keywords of `napari_xanes.read`.
    ending : Ending
        What tells the end. A writer in SWMR mode that closes the file does, too, and the ``end_time`` of an NXentry.
    settle : float
        Seconds that a frame must stay the same.
    now : callable
        A clock in s.
    """

    def __init__(
        self,
        path: Path,
        reading: Mapping[str, Any],
        ending: Ending | None = None,
        settle: float = 0.5,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self.path, self.name = path, path.resolve().stem
        self._reading, self._settle, self._now = dict(reading), settle, now
        ending = ending or Ending()
        self._end = EndWatch(ending, now)
        self._state: State | None = None
        self._since, self._was_live, self._is_closed = now(), False, False
        self._pending: dict[float, _Content] = {}
        self._taken: dict[float, _Content] = {}
        self._view = View(expected=ending.energies)

    def look(self) -> View:
        """Return the frames that are complete; see `Source.look`."""
        with self._end.looking():
            state, now = _state_of(self.path), self._now()
        if state != self._state:
            replaced = self._state is not None and state[2:] != self._state[2:]
            self._state, self._since = state, now
            view = self._begun_anew() if replaced else replace(self._view, told=())
            self._view = self._read(view)
        elif self._pending:
            self._view = self._read(replace(self._view, told=()))
        else:
            self._view = replace(self._view, told=())
        settled = now - self._since >= self._settle and not self._pending
        done = self._end.has_ended(self.path.parent, self._view.n_frames, all_settled=settled)
        self._view = replace(self._view, is_complete=done or (settled and self._view.n_frames > 0 and self._is_closed))
        return self._view

    def _begun_anew(self) -> View:
        self._pending, self._taken, self._was_live = {}, {}, False
        told = (f"{self.path.name} was replaced by another file: all frames are taken anew",)
        return View(None, self._view.generation + 1, expected=self._view.expected, told=told)

    def _read(self, view: View) -> View:
        try:
            stack = read_lazily(self.path, self._reading)
            is_live = is_told_live(stack.metadata.get("warnings", ()))
            is_void, told = self._take(stack, view)
        except (OSError, ValueError) as error:
            return replace(view, waiting=(one_line(str(error)),))
        self._is_closed = not is_live and (self._was_live or _has_ended(self.path))
        self._was_live |= is_live
        frames = np.array([i for i, energy in enumerate(stack.energy) if float(energy) in self._taken], dtype=np.intp)
        waiting = tuple(_words(energy, content) for energy, content in sorted(self._pending.items()))
        generation = view.generation + is_void
        if frames.size > view.n_frames or is_void:
            self._end.something_new()
        known = None if not frames.size else stack if frames.size == stack.energy.size else stack.isel(frames)
        return replace(view, stack=known, generation=generation, waiting=waiting, told=(*view.told, *told))

    def _take(self, stack: SpectralStack, view: View) -> tuple[bool, list[str]]:
        """Sort the frames into those that are taken and those that wait; say if earlier ones are void."""
        energies, now, told = [float(energy) for energy in stack.energy], self._now(), []
        is_void = not self._taken.keys() <= set(energies)
        self._taken = {energy: content for energy, content in self._taken.items() if energy in energies}
        again = list(self._taken)[-_REREAD:]
        found: dict[float, _Content] = {}
        for i, energy in enumerate(energies):
            if energy in self._taken and energy not in again:
                continue
            digest, n_lines = _content_of(np.asarray(stack.data[i]))
            before = self._taken.get(energy) or self._pending.get(energy)
            since = before.since if before is not None and before.digest == digest else now
            found[energy] = _Content(digest, n_lines, since)
            if energy in self._taken and self._taken[energy].digest != digest:
                told.append(f"the frame at {energy:g} eV changed after it was taken: it is taken anew")
                del self._taken[energy]
                is_void = True
        most = max((content.n_lines for content in [*self._taken.values(), *found.values()]), default=0)
        self._pending = {}
        for energy, content in found.items():
            if energy in self._taken:
                continue
            whole = content.n_lines == (most if len(energies) > 1 else stack.shape[-2])
            if whole and now - content.since >= self._settle:
                self._taken[energy] = content
            else:
                self._pending[energy] = content
        return is_void and view.stack is not None, told

    def whole(self) -> SpectralStack:
        """Return the stack as `napari_xanes.read` does."""
        return read_whole(self.path, self._reading)


def _state_of(path: Path) -> State:
    """Return the state of a file with those that belong to it: the images of an ALS header, the chunks of a folder.

    Raises
    ------
    OSError
        If it is gone.
    """
    size, changed, inode, device = facts(path.stat())
    others: list[Path] = []
    if path.is_dir():
        others = [Path(here, name) for here, _, names in os.walk(path) for name in names]
    elif path.suffix.lower() == ".hdr":
        others = [one for one in path.parent.iterdir() if one.name.startswith(path.stem)]
    for one in others:
        with suppress(OSError):  # it was a temporary file
            stat = one.stat()
            size, changed = size + stat.st_size, max(changed, stat.st_mtime_ns)
    return size, changed, inode, device


def _words(energy: float, content: _Content) -> str:
    return f"the frame at {energy:g} eV is being measured: {content.n_lines} lines"


def _content_of(frame: Any) -> tuple[bytes, int]:
    """Return a hash of a frame, and how many lines hold anything."""
    lines = frame.reshape(-1, frame.shape[-1])
    filled = np.isfinite(lines) & (lines != 0)
    n_lines = int(filled.any(axis=1).sum())
    return blake2b(np.ascontiguousarray(frame).data, digest_size=16).digest(), n_lines


def _has_ended(path: Path) -> bool:
    """Whether an entry of an HDF5 file says when its scan ended."""
    from napari_xanes.io.hdf5.file import is_hdf5, open_hdf5

    if not path.is_file() or not is_hdf5(path):
        return False
    try:
        with open_hdf5(path) as file:
            return any("end_time" in (file.get(name) or ()) for name in file if hasattr(file.get(name), "keys"))
    except OSError:
        return False
