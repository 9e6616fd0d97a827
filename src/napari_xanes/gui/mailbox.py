"""Hand something from a thread to an object of the window, which may be gone by then."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from functools import cache, partial
from typing import TypeVar
from weakref import ref

from qtpy.compat import isalive
from qtpy.QtCore import QObject, Signal

Receiver = TypeVar("Receiver", bound=QObject)


class Mailbox(QObject):
    """Lives as long as the process. A thread that emits a signal of an object which Qt deletes meanwhile may crash."""

    arrived = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self.arrived.connect(self._open)

    def _open(self, letter: Callable[[], None]) -> None:
        letter()


@cache
def mailbox() -> Mailbox:
    """Return the mailbox of the process; the first call must come from the main thread."""
    return Mailbox()


def send(box: Mailbox, receiver: ref[Receiver], action: Callable[[Receiver], object]) -> None:
    """Do something with an object on the main thread, unless it is gone; to be called in any thread.

    Parameters
    ----------
    box : Mailbox
        The mailbox, which the main thread has got.
    receiver : ref
        A weak reference to the object.
    action : callable
        Called with the object.
    """
    with suppress(RuntimeError):  # the process ends, and PyQt has deleted the mailbox
        box.arrived.emit(partial(deliver, receiver, action))


def deliver(receiver: ref[Receiver], action: Callable[[Receiver], object]) -> None:
    """Do something with an object on the main thread, unless it is gone."""
    found = receiver()
    if found is not None and isalive(found):  # type: ignore[no-untyped-call]
        action(found)
