"""Long work beside the window: a thread worker with progress in napari's activity dock and a way to stop it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from time import monotonic
from typing import Any

from napari.qt.threading import thread_worker
from napari.utils import progress as activity
from qtpy.QtCore import QObject, QTimer, Signal

from napari_xanes.progress import Cancelled, Progress

_REPORT_EVERY = 0.05  # s; more often would keep the window busy with drawing progress
_PATIENCE = 500  # ms that a cancelled job has to stop by itself


class Job(QObject):
    """One piece of work at a time, off the main thread.

    Signals
    -------
    progressed : float, str
        Fraction done and what is being done.
    done : object
        The result; on the main thread.
    failed : object
        The exception.
    ended :
        After any of done, failed, or a cancel; nothing comes any more.
    """

    progressed = Signal(float, str)
    done = Signal(object)
    failed = Signal(object)
    ended = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._stop = threading.Event()
        self._worker: Any = None
        self._bar: Any = None
        self._patience = QTimer(self, singleShot=True, interval=_PATIENCE)
        self._patience.timeout.connect(self._give_up)
        self.progressed.connect(self._show)

    @property
    def running(self) -> bool:
        """Whether work is under way."""
        return self._worker is not None

    def start(self, work: Callable[[Progress], Any], title: str) -> None:
        """Begin `work`, which gets a progress callback and returns the result.

        Raises
        ------
        RuntimeError
            If work is under way already.
        """
        if self.running:
            raise RuntimeError("something is running already; wait for it or cancel it")
        self._stop = threading.Event()
        self._bar = activity(total=100, desc=title)
        worker = thread_worker(work, start_thread=False, ignore_errors=True)(self._reporter(self._stop))
        worker.returned.connect(self._returned)
        worker.errored.connect(self._errored)
        self._worker = worker
        worker.start()

    def cancel(self) -> None:
        """Ask the work to stop, which it does at its next report; if that takes long, go on without it."""
        self._stop.set()
        if self.running:
            self._patience.start()

    def _reporter(self, stop: threading.Event) -> Progress:
        last = 0.0

        def report(done: float, message: str) -> None:
            nonlocal last
            if stop.is_set():
                raise Cancelled
            now = monotonic()
            if now - last >= _REPORT_EVERY or done >= 1:
                last = now
                self.progressed.emit(done, message)

        return report

    def _show(self, done: float, message: str) -> None:
        bar = self._bar  # drawing it handles events, and one of them may end the job
        if bar is not None:
            bar.set_description(message)
            bar.update(round(100 * done) - bar.n)

    def _returned(self, result: Any) -> None:
        stopped = self._stop.is_set()
        self._clear()
        if not stopped:
            self.done.emit(result)
        self.ended.emit()

    def _errored(self, error: Exception) -> None:
        self._clear()
        if not isinstance(error, Cancelled):
            self.failed.emit(error)
        self.ended.emit()

    def _give_up(self) -> None:
        """Hear no more of work that was cancelled and has not stopped; its thread ends by itself."""
        if self._worker is not None:
            self._worker.returned.disconnect(self._returned)
            self._worker.errored.disconnect(self._errored)
            self._clear()
            self.ended.emit()

    def _clear(self) -> None:
        self._patience.stop()
        self._worker = None
        if self._bar is not None:
            self._bar.close()
            self._bar = None
