"""A scan whose frames appear in a folder, one file per energy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from napari_xanes.io.energies import given_energies
from napari_xanes.io.files import files_in, one_line
from napari_xanes.io.formats import Reader
from napari_xanes.live.ending import Ending, EndWatch
from napari_xanes.live.reading import read_frames, series_reader, why_damaged
from napari_xanes.live.settling import Settling, State
from napari_xanes.live.source import View
from napari_xanes.stack import SpectralStack
from napari_xanes.wording import counted

SETTLE = 0.5
"""Seconds that size and time of a file must stay before it is read."""

_UNFINISHED = (".part", ".partial", ".tmp", ".temp", ".swp", "~", ".lock")
"""Ends of names that programs give to files that are not finished."""


class FrameFolder:
    """Frames that appear in a folder, read by the readers of series and of folders of TIFF.

    Parameters
    ----------
    folder : Path
        The folder. It may be empty still.
    reading : mapping
        Keywords of `napari_xanes.read`. Given energies are those of the files in the order of their numbers: then a
        file waits until those before it are there.
    ending : Ending
        What tells the end; the number of given energies does in any case.
    settle : float
        Seconds that size and time of a file must stay before it is read.
    """

    def __init__(
        self, folder: Path, reading: Mapping[str, Any], ending: Ending | None = None, settle: float = SETTLE
    ) -> None:
        self._folder, self.name = folder, folder.resolve().name
        self._reading = dict(reading)
        self._energies = None if reading.get("energies") is None else given_energies(reading["energies"])[0]
        ending = ending or Ending()
        if ending.energies is None and self._energies is not None:
            ending = replace(ending, energies=int(self._energies.size))
        self._expected, self._end = ending.energies, EndWatch(ending)
        self._settling = Settling(settle)
        self._reader: Reader | None = None
        self._suffix = ""
        self._known: dict[Path, State] = {}
        self._damaged: dict[Path, tuple[State, str]] = {}
        self._view = View(expected=self._expected)

    @property
    def path(self) -> Path | None:
        """The folder; None while damaged files lie in it, which are left out here."""
        return None if self._damaged else self._folder

    def look(self) -> View:
        """Return the complete frames; see `Source.look`."""
        with self._end.looking():
            files, growing = self._settled_files()
        new = {path: state for path, state in files.items() if self._known.get(path) != state}
        whole = {path: state for path, state in files.items() if path not in self._damaged}
        waiting = [f"{path.name} is still being written" for path in growing]
        waiting += [f"{path.name} is left out until it heals: {text}" for path, (_, text) in self._damaged.items()]
        ready, gap = self._in_order(whole)
        waiting += gap
        view = replace(self._view, told=(), waiting=tuple(waiting))
        if new or ready.keys() != self._known.keys():
            view = self._read(ready, view)
        elif growing:
            self._end.something_new()
        done = self._end.has_ended(self._folder, view.n_frames, all_settled=not growing)
        self._view = replace(view, is_complete=done)
        return self._view

    def _settled_files(self) -> tuple[dict[Path, State], list[Path]]:
        """Return complete files with their states, by name, and those that still grow; note damaged ones."""
        if self._reader is None:
            self._find_format()
        if self._reader is None:
            return {}, []
        files: dict[Path, State] = {}
        growing = []
        for path in files_in(self._folder, (self._suffix,))[0]:
            state = self._settling.settled(path)
            if state is None:
                growing.append(path)
            elif self._known.get(path) == state or self._is_whole(path, state):
                files[path] = state
        self._damaged = {path: found for path, found in self._damaged.items() if path.exists()}
        return files, growing

    def _is_whole(self, path: Path, state: State) -> bool:
        """Whether a file reads as a whole; what failed once is tried again when the file has changed."""
        assert self._reader is not None
        if self._damaged.get(path, (None, ""))[0] == state:
            return False
        if problem := why_damaged(self._reader, path):
            self._damaged[path] = (state, one_line(problem, without=str(path)))
            return False
        self._damaged.pop(path, None)
        return True

    def _find_format(self) -> None:
        """Take the format of the first complete file that is a frame of a scan."""
        for path in files_in(self._folder, ("",))[0]:
            if path.name.lower().endswith(_UNFINISHED) or self._settling.settled(path) is None:
                continue
            try:
                self._reader = series_reader(path)
            except OSError:
                continue
            if self._reader is not None:
                self._suffix = path.suffix.lower()
                return

    def _in_order(self, files: Mapping[Path, State]) -> tuple[dict[Path, State], list[str]]:
        """With given energies, return the files up to the first gap in their numbers, and what is missing in words."""
        if self._energies is None:
            return dict(files), []
        ready: dict[Path, State] = {}
        last = None
        for path, state in files.items():
            digits = "".join(filter(str.isdigit, path.stem[len(path.stem.rstrip("0123456789")) :]))
            number = int(digits) if digits else None
            if number is None:
                return ready, [f"{path.name} has no number at its end, so its place among the energies is not known"]
            if number != (last + 1 if last is not None else min(number, 1)):
                n_later = len(files) - len(ready)
                text = f"a file before {path.name} is missing: {counted(n_later, 'file waits', 'files wait')} for it"
                return ready, [text]
            ready[path], last = state, number
        return ready, []

    def _read(self, ready: Mapping[Path, State], view: View) -> View:
        """Return the view of other files than before."""
        changed = [path for path, state in self._known.items() if ready.get(path) != state]
        told = [
            f"{path.name} was written again: the new one is taken" if path in ready else f"{path.name} is gone"
            for path in changed
        ]
        if not ready:
            self._known = {}
            return View(None, view.generation + bool(changed), False, view.expected, view.waiting, tuple(told))
        try:
            stack = self._stack(list(ready))
        except (OSError, ValueError) as error:
            return replace(view, waiting=(*view.waiting, one_line(str(error))), told=tuple(told))
        n_new = len(ready.keys() - self._known.keys())
        before = set() if view.stack is None else set(view.stack.energy.tolist())
        after = set(stack.energy.tolist())
        # Another kind of file than a frame of a new energy (a flat, a repeat) may change earlier frames, too.
        is_void = bool(changed) or not before <= after or len(after - before) != n_new
        if is_void and before and not changed:
            told.append("new files belong to earlier frames (repeats, flats): these are taken anew")
        self._known = dict(ready)
        self._end.something_new()
        return replace(view, stack=stack, generation=view.generation + is_void, told=tuple(told))

    def _stack(self, files: Sequence[Path], memory_limit: int | None = 0) -> SpectralStack:
        assert self._reader is not None
        reading = dict(self._reading)
        if self._energies is not None:
            reading["energies"] = self._energies[: len(files)]
        return read_frames(self._reader, self._folder, files, reading, memory_limit)

    def whole(self) -> SpectralStack:
        """Return the stack of all complete files."""
        if not self._known:
            raise ValueError(f"{self._folder} holds no complete frame; wait for the first one")
        return self._stack(list(self._known), memory_limit=None)
