"""Run requests in a thread; a new request replaces the one that waits."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any
from weakref import ref

from qtpy.QtCore import QObject, Signal

from napari_xanes.gui.mailbox import Mailbox, mailbox, send


class LatestOnlyWorker(QObject):
    """Runs one request at a time in a thread. Of the requests that arrive meanwhile, it keeps only the last.

    Signals
    -------
    done : object, object
        The key of the request and its result, on the main thread.
    failed : object, object
        The key of the request and the exception.
    """

    done = Signal(object, object)
    failed = Signal(object, object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._running = False
        self._pending: tuple[Any, Callable[[], Any]] | None = None
        self._mailbox = mailbox()

    def submit(self, key: Any, work: Callable[[], Any]) -> None:
        """Run `work` at once, or when the running request has ended."""
        if self._running:
            self._pending = (key, work)
            return
        self._running = True
        # A daemon thread does not keep napari alive after its window is closed.
        threading.Thread(target=_run, args=(self._mailbox, ref(self), key, work), daemon=True).start()

    def forget(self) -> None:
        """Drop the waiting request."""
        self._pending = None

    def _next(self, key: Any, result: Any, error: Exception | None) -> None:
        self._running = False
        pending, self._pending = self._pending, None
        if pending is not None:
            self.submit(*pending)
        if error is None:
            self.done.emit(key, result)
        else:
            self.failed.emit(key, error)


def _run(box: Mailbox, worker: ref[LatestOnlyWorker], key: Any, work: Callable[[], Any]) -> None:
    """Do the work in its thread, which knows the worker by a weak reference only."""
    result, error = None, None
    try:
        result = work()
    except Exception as problem:
        error = problem
    send(box, worker, lambda found: found._next(key, result, error))
