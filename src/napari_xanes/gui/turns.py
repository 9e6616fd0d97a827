"""Do things one by one, each in a turn of the event loop of its own: the window handles its events in between.

Timers of zero seconds all run in the same turn, and what each of them does adds up to one long wait.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from functools import cache, partial
from weakref import ref

from qtpy.QtCore import QObject, QTimer

from napari_xanes.gui.mailbox import Receiver, deliver

_PAUSE = 10
"""Milliseconds before a turn; Qt draws 5 ms after it was asked to, and what is done is to be seen first."""


class Turns(QObject):
    """A queue of things to do; it lives as long as the process."""

    def __init__(self) -> None:
        super().__init__()
        self._waiting: deque[Callable[[], None]] = deque()
        self._paused = False
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self._take)

    def add(self, action: Callable[[], None]) -> None:
        """Do something in a later turn."""
        self._waiting.append(action)
        if not self._timer.isActive():
            self._timer.start(0)

    @property
    def waiting(self) -> int:
        """How much is still to be done."""
        return len(self._waiting)

    def _take(self) -> None:
        """Do what is next, after a pause that begins when the event loop has its turn again."""
        self._paused = not self._paused
        if self._paused:
            self._timer.start(_PAUSE)
            return
        action = self._waiting.popleft()
        if self._waiting:
            self._timer.start(0)
        action()


@cache
def turns() -> Turns:
    """Return the queue of the process; for the main thread."""
    return Turns()


def in_turn(receiver: Receiver, action: Callable[[Receiver], object]) -> None:
    """Do something with an object in a turn of its own, unless the object is gone by then.

    Parameters
    ----------
    receiver : QObject
        The object.
    action : callable
        Called with the object.
    """
    turns().add(partial(deliver, ref(receiver), action))
