"""Work off the main thread of which only the newest request matters."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from qtpy.QtCore import QObject, Signal


class LatestOnlyWorker(QObject):
    """Run one request at a time in a thread; of those that come meanwhile keep the last one only.

    Signals
    -------
    done : object, object
        The request's key and its result, on the main thread.
    failed : object, object
        The key and the exception.
    """

    done = Signal(object, object)
    failed = Signal(object, object)
    _ended = Signal(object, object, object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._running = False
        self._waiting: tuple[Any, Callable[[], Any]] | None = None
        self._ended.connect(self._next)

    def submit(self, key: Any, work: Callable[[], Any]) -> None:
        """Run `work` as soon as the running request, if any, has ended."""
        if self._running:
            self._waiting = (key, work)
            return
        self._running = True
        # A daemon, so that a slow disk does not keep a closed napari alive.
        threading.Thread(target=self._run, args=(key, work), daemon=True).start()

    def forget(self) -> None:
        """Drop the waiting request."""
        self._waiting = None

    def _run(self, key: Any, work: Callable[[], Any]) -> None:
        result, error = None, None
        try:
            result = work()
        except Exception as problem:
            error = problem
        try:
            self._ended.emit(key, result, error)
        except RuntimeError:
            return  # the window was closed meanwhile: nobody waits for the result

    def _next(self, key: Any, result: Any, error: Exception | None) -> None:
        self._running = False
        waiting, self._waiting = self._waiting, None
        if waiting is not None:
            self.submit(*waiting)
        if error is None:
            self.done.emit(key, result)
        else:
            self.failed.emit(key, error)
