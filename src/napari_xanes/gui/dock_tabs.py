"""Put a dock behind another one of the plugin as a tab where the window is too low for both."""

from __future__ import annotations

from typing import TYPE_CHECKING
from weakref import ref

from qtpy.QtCore import QEvent, QObject, QSize, QTimer
from qtpy.QtWidgets import QDockWidget, QMainWindow, QWidget

if TYPE_CHECKING:
    from napari.viewer import Viewer

_WAIT, _TURNS = 20, 25  # ms that a layout may take, so often


class DockTabs(QObject):
    """Keeps the window as high as it was when a dock opens: Qt makes it higher, also beyond the screen.

    Docks that fit one above the other stay so, and so does what the user arranges afterwards.

    Parameters
    ----------
    widget : QWidget
        What the dock shows.
    viewer : napari.viewer.Viewer
        The viewer whose window it comes into.
    """

    def __init__(self, widget: QWidget, viewer: Viewer) -> None:
        super().__init__(widget)
        self._widget, self._viewer, self._before = widget, ref(viewer), QSize()
        self._turns = _TURNS
        self._timer = QTimer(self)  # not while Qt lays the window out
        self._timer.setSingleShot(True)
        self._timer.setInterval(0)
        self._timer.timeout.connect(self._place)
        widget.installEventFilter(self)

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        """Note the size of the window before the dock comes into it, and look once the dock is shown."""
        kind = None if event is None else event.type()
        if kind in (QEvent.Type.ParentChange, QEvent.Type.Show) and isinstance(
            self._widget.parentWidget(), QDockWidget
        ):
            window = self._window()
            if kind == QEvent.Type.ParentChange and window is not None:
                self._before = window.size()
            elif kind == QEvent.Type.Show and self._before.isValid():
                self._widget.removeEventFilter(self)
                self._timer.start()
        return False

    def _window(self) -> QMainWindow | None:
        viewer = self._viewer()
        window = None if viewer is None else getattr(viewer.window, "_qt_window", None)
        return window if isinstance(window, QMainWindow) else None

    def _place(self) -> None:
        window, dock = self._window(), self._widget.parentWidget()
        if window is None or not isinstance(dock, QDockWidget) or dock.isFloating():
            return
        beside = [other for other in window.findChildren(QDockWidget) if _shares_height(window, dock, other)]
        if beside and window.minimumSizeHint().height() > self._before.height():
            window.tabifyDockWidget(beside[-1], dock)
            dock.raise_()
            self._timer.timeout.disconnect(self._place)
            self._timer.timeout.connect(self._restore)
            self._timer.setInterval(_WAIT)
            self._timer.start()

    def _restore(self) -> None:
        """Give the window its height back, as soon as its layout allows it: which takes a moment."""
        window = self._window()
        self._turns -= 1
        if window is None or window.isMaximized() or self._turns < 0:
            return
        window.resize(window.width(), self._before.height())
        if window.height() > self._before.height():
            self._timer.start()


def _shares_height(window: QMainWindow, dock: QDockWidget, other: QDockWidget) -> bool:
    """Return whether another dock of the plugin is shown above or below a dock."""
    ours = type(other.widget()).__module__.startswith("napari_xanes.")
    same = window.dockWidgetArea(other) == window.dockWidgetArea(dock)
    return other is not dock and ours and same and other.isVisible() and not other.isFloating()
