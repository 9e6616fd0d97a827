"""A frame around the widget that has the keyboard: napari's style shows that of few widgets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from weakref import ref

from qtpy.QtCore import QEvent, QObject, Qt
from qtpy.QtGui import QColor, QPainter, QPen
from qtpy.QtWidgets import QApplication, QWidget

from napari_xanes.gui.theme import plot_colours

if TYPE_CHECKING:
    from napari.viewer import Viewer

_WIDTH = 2  # px


class FocusRing(QWidget):
    """The frame around one widget, over everything that the widget draws. The mouse passes through it.

    Parameters
    ----------
    widget : QWidget
        The widget, which owns the frame.
    colour : str
        Colour of the frame.
    """

    def __init__(self, widget: QWidget, colour: str) -> None:
        super().__init__(widget)
        self._colour = colour
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.setAttribute(Qt.WidgetAttribute.WA_NoSystemBackground)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setGeometry(widget.rect())
        widget.installEventFilter(self)
        self.show()
        self.raise_()

    def eventFilter(self, watched: Any, event: Any) -> bool:
        """Keep the size of the widget."""
        if event.type() == QEvent.Type.Resize:
            self.setGeometry(watched.rect())
        return False

    def paintEvent(self, event: Any) -> None:
        """Draw the frame."""
        painter = QPainter(self)
        painter.setPen(QPen(QColor(self._colour), _WIDTH))
        painter.drawRect(self.rect().adjusted(1, 1, -1, -1))


class ShownFocus(QObject):
    """Frames the widget of a dock that has the keyboard, unless a press of the mouse gave it.

    Parameters
    ----------
    dock : QWidget
        The dock.
    viewer : napari.viewer.Viewer
        The viewer, whose theme gives the colour.
    """

    def __init__(self, dock: QWidget, viewer: Viewer) -> None:
        super().__init__(dock)
        self._dock, self._viewer = dock, ref(viewer)
        self.ring: FocusRing | None = None
        application = QApplication.instance()
        assert isinstance(application, QApplication)
        application.focusChanged.connect(self._on_focus)

    def _on_focus(self, _before: QWidget | None, now: QWidget | None) -> None:
        if self.ring is not None:
            self.ring.destroyed.disconnect(self._forget)
            self.ring.hide()
            self.ring.deleteLater()
            self.ring = None
        viewer, by_mouse = self._viewer(), QApplication.mouseButtons() != Qt.MouseButton.NoButton
        if now is None or viewer is None or by_mouse or not self._dock.isAncestorOf(now):
            return
        if all(ring.isHidden() for ring in now.findChildren(FocusRing)):  # a dock within a dock frames it once
            self.ring = FocusRing(now, plot_colours(viewer.theme).foreground)
            self.ring.destroyed.connect(self._forget)

    def _forget(self, ring: QObject | None = None) -> None:
        self.ring = None
