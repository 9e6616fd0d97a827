"""Wait for work in a thread while the window stays alive: for callers, such as napari, that want the result at once."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from napari.utils import progress as activity
from qtpy.QtCore import QCoreApplication, QEventLoop, QObject, Signal

if TYPE_CHECKING:
    from napari.viewer import Viewer

T = TypeVar("T")

_AT_ONCE = 0.03
"""s; work that ends so soon needs no event to be handled, and is listed nowhere."""


class WindowClosed(RuntimeError):
    """The application ended while something waited for a thread."""


class _Finish(QObject):
    reached = Signal()


def in_thread(work: Callable[[], T], title: str = "", *, must_end: bool = False) -> T:
    """Return the result of a function that runs in a thread; the window handles its events meanwhile.

    Outside the main thread, or without a window, the function runs at once.

    Parameters
    ----------
    work : callable
        The function; it must not touch layers or widgets.
    title : str
        Its title among napari's activities; without one it is not listed.
    must_end : bool
        Whether an application that ends waits for the work, such as for a file that is written.

    Raises
    ------
    WindowClosed
        If the application ended meanwhile.
    Exception
        What the function raised.
    """
    if QCoreApplication.instance() is None or threading.current_thread() is not threading.main_thread():
        return work()
    outcome: list[tuple[T | None, BaseException | None]] = []
    loop, finish = QEventLoop(), _Finish()
    finish.reached.connect(loop.quit)

    def run() -> None:
        try:
            outcome.append((work(), None))
        except BaseException as error:
            outcome.append((None, error))
        finish.reached.emit()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(_AT_ONCE)
    _wait(loop, outcome, title)
    if not outcome and not must_end:
        raise WindowClosed(f"{title or 'work in a thread'}: the application ended")
    thread.join()
    result, error = outcome[0]
    if error is not None:
        raise error
    return result  # type: ignore[return-value]  # None is a result, too


def _wait(loop: QEventLoop, outcome: list[Any], title: str) -> None:
    if outcome:
        return
    bar = activity(total=0, desc=title) if title else None
    try:
        if not outcome:
            loop.exec()
    finally:
        if bar is not None:
            bar.close()


def is_closed(viewer: Viewer) -> bool:
    """Return whether the window of a viewer was closed, perhaps while something waited for a thread."""
    from napari.window import Window

    window = getattr(viewer, "window", None)
    return isinstance(window, Window) and not hasattr(window, "_qt_window")
