"""Run long work in a thread, with progress in napari's activity dock and a way to cancel."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from time import monotonic
from typing import Any
from weakref import ref

from napari.qt.threading import thread_worker
from napari.utils import progress as activity
from qtpy.QtCore import QObject, QTimer, Signal

from napari_xanes.gui.mailbox import mailbox, send
from napari_xanes.gui.settings import apply_limits
from napari_xanes.gui.turns import in_turn
from napari_xanes.progress import Cancelled, Progress

_REPORT_EVERY = 0.2  # s; each report draws the window, which takes 50 ms without a graphics card
_PATIENCE = 500  # ms that a cancelled job gets to stop by itself


class Job(QObject):
    """Runs one function at a time outside the main thread.

    Signals
    -------
    started : str
        A function runs from now on; its title.
    progressed : float, str
        Fraction done (0 to 1) and a description of the present step.
    done : object
        The result. All signals arrive on the main thread.
    failed : Exception
        The error that the function raised.
    ended :
        Emitted last: after `done` and what follows it, after `failed`, or after a cancel.
    """

    started = Signal(str)
    progressed = Signal(float, str)
    done = Signal(object)
    failed = Signal(object)
    ended = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._stop = threading.Event()
        self._worker: Any = None
        self._running = False
        self._bar: Any = None
        self._message = ""
        self._rest: deque[Callable[[], None]] = deque()
        self._patience = self._timer(_PATIENCE, self._give_up)
        self.progressed.connect(self._show)

    def _timer(self, interval: int, action: Callable[[], None]) -> QTimer:
        timer = QTimer(self)
        timer.setSingleShot(True)
        timer.setInterval(interval)
        timer.timeout.connect(action)
        return timer

    @property
    def running(self) -> bool:
        """True while a function runs, or its result is being shown."""
        return self._running

    def then(self, action: Callable[[], None]) -> None:
        """Do something after this turn of the event loop, before the job ends; at once if no job runs.

        For slots of `done`: a window that shows a result in several turns handles its events in between.
        """
        if self._running:
            self._rest.append(action)
        else:
            action()

    def start(self, work: Callable[[Progress], Any], title: str) -> None:
        """Start `work` in a thread. It is called with a progress callback and returns the result.

        Raises
        ------
        RuntimeError
            If another function is still running.
        """
        if self.running:
            raise RuntimeError("another job is still running; wait until it ends, or cancel it")
        self._running = True  # before the bar, which handles events: a second click must not start a second job
        apply_limits()
        self._stop = threading.Event()
        self.destroyed.connect(self._stop.set)  # A closed window must not leave a thread at work.
        self._bar = activity(total=100, desc=title)
        worker = thread_worker(work, start_thread=False, ignore_errors=True)(self._reporter(self._stop))
        worker.returned.connect(self._returned)
        worker.errored.connect(self._errored)
        self._worker = worker
        worker.start()
        self.started.emit(title)

    def cancel(self) -> None:
        """Ask the work to stop at its next progress report; after half a second, stop waiting for it."""
        self._stop.set()
        if self.running:
            self._patience.start()

    def _reporter(self, stop: threading.Event) -> Progress:
        last, box, job = 0.0, mailbox(), ref(self)

        def report(done: float, message: str) -> None:
            nonlocal last
            if stop.is_set():
                raise Cancelled
            now = monotonic()
            if now - last >= _REPORT_EVERY or done >= 1:
                last = now
                send(box, job, lambda found: found.progressed.emit(done, message))

        return report

    def _show(self, done: float, message: str) -> None:
        bar, step = self._bar, round(100 * done)  # updating the bar handles events, and an event may end the job
        if bar is not None and message != self._message:
            self._message = message
            bar.set_description(message)
        if bar is not None and step != bar.n:
            bar.update(step - bar.n)

    def _returned(self, result: Any) -> None:
        stopped = self._stop.is_set()
        self._clear()
        if not stopped:
            self.done.emit(result)
        self._go_on()

    def _go_on(self) -> None:
        """Do what is left to do, a turn of the event loop each, and end."""
        if self._rest:
            in_turn(self, Job._take_turn)
        else:
            self._running = False
            self.ended.emit()

    def _take_turn(self) -> None:
        try:
            self._rest.popleft()()
        finally:
            self._go_on()

    def _errored(self, error: Exception) -> None:
        self._clear()
        if not isinstance(error, Cancelled):
            self.failed.emit(error)
        self._go_on()

    def _give_up(self) -> None:
        """Ignore cancelled work that has not stopped yet; its thread ends by itself."""
        if self._worker is not None:
            self._worker.returned.disconnect(self._returned)
            self._worker.errored.disconnect(self._errored)
            self._clear()
            self._go_on()

    def _clear(self) -> None:
        self._patience.stop()
        self._worker, self._message = None, ""
        if self._bar is not None:
            self._bar.close()
            self._bar = None
