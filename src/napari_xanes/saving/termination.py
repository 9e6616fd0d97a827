"""Let a program that is interrupted or told to end clean up first, and lose no interrupt meanwhile."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

_ENDING = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]


_active: list[Interruption] = []
"""Of the blocks of the main thread, the innermost last."""


class Terminated(BaseException):
    """The process is told to end.

    Parameters
    ----------
    number : int
        The signal.
    """

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


class Interruption:
    """What a handler of a signal raised in a block.

    Python runs handlers wherever it comes to next, also in what HDF5 calls while it closes a dataset, and there the
    exception can be lost: a write that did not happen would go unseen.

    While the exception leaves the block, further signals wait until the clean-up is done: people press Ctrl-C twice,
    and a shell and a queue may both tell a program to end.
    """

    def __init__(self) -> None:
        self.error: BaseException | None = None
        self.n_deferring = 0
        self.waiting: list[int] = []

    def check(self) -> None:
        """Raise again what was raised, if anything was."""
        if self.error is not None:
            raise self.error

    @property
    def must_wait(self) -> bool:
        """Whether signals must wait; not if a library has lost `error`, because then nothing is being left."""
        return self.n_deferring > 0 or (self.error is not None and self.error in _being_handled())

    def send_waiting(self) -> None:
        """Send the signals again that waited, if they need not wait any more."""
        while self.waiting and not self.must_wait:
            signal.raise_signal(self.waiting.pop(0))


def _being_handled() -> Iterator[BaseException]:
    """Give the exception that is being handled in this thread, and those in whose handling it was raised."""
    error = sys.exception()
    while error is not None:
        yield error
        error = error.__context__


@contextmanager
def cleaning_up() -> Iterator[Interruption]:
    """Unwind the block when the process is told to end (SIGTERM, SIGHUP), as after Ctrl-C, and then end it.

    A handler of the program is called as before; what it raises is kept, too. Signals that come during the clean-up
    are handled after it. Threads other than the main one get no signals.

    Yields
    ------
    Interruption
        To be checked before what the block made is taken for whole.
    """
    interruption = Interruption()
    if threading.current_thread() is not threading.main_thread():
        yield interruption
        return
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, *_ENDING)}
    taken = [number for number in _ENDING if before[number] is signal.SIG_DFL]
    try:
        for number, handler in before.items():
            if number in taken or callable(handler):
                signal.signal(number, _recording(interruption, _unwind if number in taken else handler))
        _active.append(interruption)
        try:
            yield interruption
        finally:
            _active.remove(interruption)
    except Terminated as termination:
        if termination.number in taken:
            signal.signal(termination.number, signal.SIG_DFL)
            os.kill(os.getpid(), termination.number)
        raise
    finally:
        interruption.n_deferring += 1
        for number, handler in reversed(before.items()):
            if number in taken or callable(handler):
                signal.signal(number, handler)
        for number in (*_ENDING, signal.SIGINT):
            if number in interruption.waiting:
                signal.raise_signal(number)


@contextmanager
def deferred() -> Iterator[None]:
    """Let signals wait until a short block is done, so that it does not stop half-way through making or removing files.

    Only within `cleaning_up`, and only in the main thread, which handles the signals.
    """
    if not _active or threading.current_thread() is not threading.main_thread():
        yield
        return
    interruption = _active[-1]
    interruption.n_deferring += 1
    try:
        yield
    finally:
        interruption.n_deferring -= 1
        interruption.send_waiting()


def _recording(interruption: Interruption, handler: Any) -> Callable[[int, FrameType | None], None]:
    def handle(number: int, frame: FrameType | None) -> None:
        if interruption.must_wait:
            interruption.waiting.append(number)
            return
        try:
            handler(number, frame)
        except BaseException as error:
            interruption.error = interruption.error or error
            raise

    return handle


def _unwind(number: int, frame: FrameType | None) -> None:
    raise Terminated(number)
