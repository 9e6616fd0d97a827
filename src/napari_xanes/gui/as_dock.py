"""What every dock of the plugin does in napari's window: it makes room for itself, and leaves when it is closed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QEvent, QObject, QTimer
from qtpy.QtWidgets import QDockWidget, QWidget

from napari_xanes.gui.dock_tabs import DockTabs
from napari_xanes.gui.fonts import DockFont

if TYPE_CHECKING:
    from napari.viewer import Viewer


def as_dock(widget: QWidget, viewer: Viewer) -> None:
    """Let a widget behave as a dock of a window.

    Parameters
    ----------
    widget : QWidget
        What the dock shows.
    viewer : napari.viewer.Viewer
        The viewer whose window it comes into.
    """
    DockTabs(widget, viewer)
    DockFont(widget)
    DeletedWhenClosed(widget)


class DeletedWhenClosed(QObject):
    """Deletes a widget whose dock was closed.

    napari takes the widget out of a dock that it closes, and forgets it. Python would find it after dozens of docks,
    a megabyte each. A widget that comes into another dock in the same turn of events stays.

    Parameters
    ----------
    widget : QWidget
        What the dock shows.
    """

    def __init__(self, widget: QWidget) -> None:
        super().__init__(widget)
        self._widget = widget
        self._docked = False
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(0)
        self._timer.timeout.connect(self._look)
        widget.installEventFilter(self)

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        """Note that the widget came into a dock, and look after it left one."""
        if event is not None and event.type() == QEvent.Type.ParentChange:
            parent = self._widget.parentWidget()
            self._docked = self._docked or isinstance(parent, QDockWidget)
            if parent is None and self._docked:
                self._timer.start()
        return False

    def _look(self) -> None:
        if self._widget.parentWidget() is None:
            self._widget.deleteLater()
