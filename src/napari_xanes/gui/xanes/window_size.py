"""Give a window its size back when a dock that made it larger is closed."""

from __future__ import annotations

from functools import partial
from typing import Any

from qtpy.QtCore import QEvent, QObject, QSize, QTimer
from qtpy.QtWidgets import QMainWindow, QWidget


class WindowSize(QObject):
    """Remembers the size of a widget's main window from before the widget was shown.

    Qt enlarges a window for a dock, and leaves it so when the dock is closed. If the user changed the size meanwhile,
    or maximized the window, it stays as it is.

    Parameters
    ----------
    widget : QWidget
        Its showing and hiding is followed.
    """

    def __init__(self, widget: QWidget) -> None:
        super().__init__(widget)
        self._widget = widget
        self._before = self._enlarged = QSize()
        self._window: QMainWindow | None = None
        widget.installEventFilter(self)

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        """Remember the size at the first event of showing, note how Qt enlarges it, and restore it after hiding."""
        kind = None if event is None else event.type()
        if watched is self._window and kind == QEvent.Type.Resize:
            self._note_size()
        elif kind in (QEvent.Type.ParentChange, QEvent.Type.Show):
            self._remember()
        elif watched is self._widget and kind == QEvent.Type.Hide:
            self._restore()
        return False

    def _remember(self) -> None:
        window: Any = self._widget.window()
        if self._window is None and isinstance(window, QMainWindow):
            self._window, self._before, self._enlarged = window, window.size(), QSize()
            window.installEventFilter(self)
        elif window is not self._widget and not isinstance(window, QMainWindow):
            window.installEventFilter(self)  # the dock, which comes into the main window next, before it is laid out

    def _note_size(self) -> None:
        """Note a size that is the smallest for the docks: Qt chose it, not the user."""
        if self._window is not None:
            size, least = self._window.size(), self._window.minimumSizeHint()
            if size.width() == least.width() or size.height() == least.height():
                self._enlarged = size

    def _restore(self) -> None:
        window, self._window = self._window, None
        if window is None:
            return
        window.removeEventFilter(self)
        if window.isVisible() and window.size() == self._enlarged != self._before and not window.isMaximized():
            timer = QTimer(window)  # which ends with the window
            timer.setSingleShot(True)
            timer.timeout.connect(partial(window.resize, self._before))
            timer.timeout.connect(timer.deleteLater)
            timer.start(0)
