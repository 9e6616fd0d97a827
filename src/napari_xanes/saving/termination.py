"""Let a program that is told to end clean up first."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_SIGNALS = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]


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


@contextmanager
def cleaning_up() -> Iterator[None]:
    """Unwind the block when the process is told to end (SIGTERM, SIGHUP), as after Ctrl-C, and then end it.

    A handler of the program is left alone, and so are threads other than the main one, which get no signals.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    taken = [number for number in _SIGNALS if signal.getsignal(number) is signal.SIG_DFL]
    try:
        for number in taken:
            signal.signal(number, _unwind)
        yield
    except Terminated as termination:
        if termination.number in taken:
            signal.signal(termination.number, signal.SIG_DFL)
            os.kill(os.getpid(), termination.number)
        raise
    finally:
        for number in taken:
            signal.signal(number, signal.SIG_DFL)


def _unwind(number: int, frame: FrameType | None) -> None:
    raise Terminated(number)
