"""Copies of a window that a crash leaves behind: written every few minutes, swept when the window is closed."""

from __future__ import annotations

import atexit
import os
import time
import zlib
from contextlib import suppress
from functools import partial
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary, ref

import numpy as np
from qtpy.QtCore import QLockFile, QObject, QTimer, Signal

from napari_xanes.gui.energy import plain_viewer
from napari_xanes.gui.job import Job
from napari_xanes.gui.projects.gathering import gather
from napari_xanes.gui.projects.notices import window_of
from napari_xanes.gui.settings import settings as preferences
from napari_xanes.gui.settings import settings_file
from napari_xanes.gui.telling import show_warning
from napari_xanes.history import Source
from napari_xanes.io.project_file import write_project
from napari_xanes.progress import Progress
from napari_xanes.project import Picture, Project, ProjectLayer
from napari_xanes.stack import SpectralStack

if TYPE_CHECKING:
    from napari.viewer import Viewer

MOST_BYTES = 64 << 20
"""Stacks and images of more bytes than this, all together, are not in the copy; recipes and files are."""

MOST_COPIES = 5
LONGEST = 30 * 86400
"""So many copies are kept for so many seconds."""

_LOOK_AGAIN = 60_000
"""ms; while copies are switched off, the setting is looked at so often."""

_numbers = count(1)
_SAVERS: WeakKeyDictionary[Any, Autosaver] = WeakKeyDictionary()


class Copy:
    """The file of a copy and the lock that says that its window lives.

    Parameters
    ----------
    path : Path
        The file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.swept = False
        self._lock = QLockFile(f"{path}.lock")
        self._lock.setStaleLockTime(0)  # only the end of its process frees it, never its age

    def take(self) -> bool:
        """Take the lock; False if another window, of this process or another, has it."""
        return self._lock.isLocked() or self._lock.tryLock(0)

    def release(self) -> None:
        """Let another window offer the copy."""
        self._lock.unlock()

    def sweep(self) -> None:
        """Remove the copy; it is not needed any more."""
        self.swept = True
        with suppress(OSError):
            self.path.unlink(missing_ok=True)
        self.release()


class Autosaver(QObject):
    """Writes a copy of a window every few minutes, in a thread.

    Signals
    -------
    written : bool
        The copy is up to date; True if it had to be written.
    """

    written = Signal(bool)

    def __init__(self, viewer: Viewer) -> None:
        super().__init__()
        self._viewer = ref(viewer)
        self._copy: Copy | None = None
        self._state = 0
        self._job = Job(self)
        self._job.done.connect(self._on_written)
        self._job.failed.connect(self._on_failed)
        self._told = False
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self._on_time)
        self._wait()

    def write(self) -> None:
        """Write the copy now, if the window holds something else than the last one."""
        viewer, folder = self._viewer(), copies_folder()
        if viewer is None or folder is None or self._job.running:
            return
        if not len(viewer.layers):
            self.sweep()
            return
        project = small(gather(viewer, copy_stacks=False).project)
        copy = self._begun(viewer, folder)
        if copy is not None:
            self._job.start(partial(_write, project, copy, self._state), "copy of the window")

    def sweep(self) -> None:
        """Remove the copy: the window was closed."""
        self._job.cancel()
        if self._copy is not None:
            copy, self._copy = self._copy, None
            copy.sweep()
            atexit.unregister(copy.sweep)

    def _begun(self, viewer: Viewer, folder: Path) -> Copy | None:
        if self._copy is None:
            try:
                folder.mkdir(parents=True, exist_ok=True)
            except OSError:
                return None
            copy = Copy(folder / f"window-{os.getpid()}-{next(_numbers)}-{int(time.time())}.h5")
            if not copy.take():
                return None
            self._copy, self._state = copy, 0
            # Of the copy itself: the window and the end of Python may come after the end of this object.
            atexit.register(copy.sweep)
            window = window_of(viewer)
            if window is not None:
                window.destroyed.connect(partial(_sweep, copy))
        return self._copy

    def _on_time(self) -> None:
        if preferences().autosave_minutes:
            self.write()
        self._wait()

    def _wait(self) -> None:
        self._timer.start(60_000 * preferences().autosave_minutes or _LOOK_AGAIN)

    def _on_written(self, state: int) -> None:
        was, self._state = self._state, state
        if self._copy is None:  # the window was closed meanwhile
            return
        self.written.emit(was != state)

    def _on_failed(self, error: Exception) -> None:
        """Say once that there is no copy, for example on a full disk."""
        if not self._told:
            self._told = True
            show_warning(f"No copy of the window can be kept for a crash: {error}")


def autosaver_of(viewer: Viewer) -> Autosaver:
    """Return what keeps copies of a viewer's window; the first call begins with it."""
    viewer = plain_viewer(viewer)
    if viewer not in _SAVERS:
        _SAVERS[viewer] = Autosaver(viewer)
    return _SAVERS[viewer]


def copies_folder() -> Path | None:
    """Return the folder of the copies, beside napari's settings; None if napari keeps none."""
    path = settings_file()
    return None if path is None else path.parent / "napari-xanes-windows"


def left_behind() -> list[Copy]:
    """Return the copies whose windows were not closed, newest first, locked for the caller; old ones are removed."""
    folder = copies_folder()
    if folder is None or not folder.is_dir():
        return []
    paths = sorted(folder.glob("window-*.h5"), key=_age)
    free = [copy for copy in map(Copy, paths) if copy.take()]
    kept = [copy for copy in free[:MOST_COPIES] if _age(copy.path) < LONGEST]
    for copy in free:
        if copy not in kept:
            copy.sweep()
    return kept


def _age(path: Path) -> float:
    try:
        return time.time() - path.stat().st_mtime
    except OSError:
        return float("inf")


def small(project: Project) -> Project:
    """Return a project without stacks and images that are too large for a copy every few minutes; it names them."""
    kept: dict[int, ProjectLayer] = {}
    left_out, room = [], MOST_BYTES
    for index, layer in zip(project.indices, project.layers, strict=True):
        n_bytes = _n_bytes(layer.value)
        if n_bytes > room:
            left_out.append(layer.name)
        else:
            kept[index] = layer
            room -= n_bytes
    settings = {**project.settings, "left_out": left_out}
    return Project(list(kept.values()), project.references, settings, indices=list(kept))


def _n_bytes(value: Any) -> int:
    """Return the bytes that a layer takes in a copy; what a user brushed and what a run found always fits."""
    return int(value.data.nbytes) if isinstance(value, SpectralStack | Picture) else 0


def _sweep(copy: Copy, *_: Any) -> None:
    copy.sweep()


def _write(project: Project, copy: Copy, state: int, progress: Progress) -> int:
    """Write a copy unless it would be the same as the last one; return what tells them apart."""
    now = _state_of(project)
    if now != state:
        write_project(project, copy.path, progress=progress)
    if copy.swept:  # the window was closed meanwhile
        copy.sweep()
    return now


def _state_of(project: Project) -> int:
    digest = zlib.crc32(repr((project.settings, [spectrum.name for spectrum in project.references])).encode())
    for layer in project.layers:
        digest = zlib.crc32(repr((layer.name, layer.settings)).encode(), digest)
        parts = layer.value if isinstance(layer.value, list) else [layer.value]
        for part in parts:
            values = part.tobytes() if isinstance(part, np.ndarray) else _name_of(part).encode()
            digest = zlib.crc32(values, digest)
    return digest or 1


def _name_of(value: Any) -> str:
    """Return what is another one if a layer shows another value; values themselves never change."""
    if isinstance(value, Source):
        return repr(value)
    return str(id(value.data if isinstance(value, SpectralStack | Picture) else value))
