"""A user of the window, whose actions are counted: drops, presses of buttons, choices in lists, strokes in the image.

Moving the mouse without a press is no action, nor is waiting. Everything arrives as events of mouse and keys, so what
is hidden, covered or disabled can't be used.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from qtpy.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from qtpy.QtGui import QDragEnterEvent, QDropEvent
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QAbstractButton, QApplication, QComboBox, QScrollArea, QWidget

LEFT, NONE = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier


class User:
    """Does what a user does in a window, and counts it.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        A viewer with a window.
    dock : QWidget
        The XANES dock.
    wait : callable
        Handles events until a condition is true.
    """

    def __init__(self, viewer: Any, dock: Any, wait: Callable[[Callable[[], Any]], None]) -> None:
        self.viewer, self.dock, self.wait = viewer, dock, wait
        self.actions: list[str] = []

    def drop(self, *paths: Path) -> None:
        """Drop files onto the dock."""
        self.actions.append(f"drop {', '.join(path.name for path in paths)}")
        data, at = QMimeData(), QPoint(100, 100)
        data.setUrls([QUrl.fromLocalFile(str(path.resolve())) for path in paths])
        enter = QDragEnterEvent(at, Qt.DropAction.CopyAction, data, LEFT, NONE)
        QApplication.sendEvent(self.dock, enter)
        assert enter.isAccepted()
        QApplication.sendEvent(self.dock, QDropEvent(QPointF(at), Qt.DropAction.CopyAction, data, LEFT, NONE))

    def press(self, button: QAbstractButton) -> None:
        """Press a button that can be seen."""
        self.actions.append(f"press {button.text()}")
        self.wait(button.isEnabled)
        _bring_into_view(button)
        QTest.mouseClick(button, LEFT)

    def step(self, name: str) -> Any:
        """Press the button of a step, and return its panel."""
        self.press(self.dock.rail.buttons[name])
        return self.dock.panel(name)

    def choose(self, box: QComboBox, data: Any) -> None:
        """Choose an entry of a list: open it, and go to the entry."""
        row = box.findData(data)
        self.actions.append(f"choose {box.itemText(row)}")
        _bring_into_view(box)
        QTest.mouseClick(box, LEFT)
        view: Any = box.view()
        self.wait(view.isVisible)
        # Keys, because Qt ignores a press so soon after the one that opened the list: it might be a double click.
        for key in (Qt.Key.Key_Home, *[Qt.Key.Key_Down] * row, Qt.Key.Key_Return):
            QTest.keyClick(view, key)
        assert box.currentData() == data

    def hover(self, layer: Any, row: float, column: float) -> None:
        """Move the mouse over a pixel of a layer; no action."""
        native = self.viewer.window._qt_viewer.canvas.native
        QTest.mouseMove(native, self._place(layer, row, column) + QPoint(2, 2))
        QTest.mouseMove(native, self._place(layer, row, column))

    def stroke(self, layer: Any, *pixels: tuple[float, float]) -> None:
        """Draw in the image with the mouse held down, through pixels of a layer."""
        self.actions.append("a stroke in the image")
        native = self.viewer.window._qt_viewer.canvas.native
        first, *others = [self._place(layer, *pixel) for pixel in pixels]
        QTest.mouseMove(native, first)
        QTest.mousePress(native, LEFT, NONE, first)
        for place in others:
            QTest.mouseMove(native, place)
            QTest.qWait(1)
        QTest.mouseRelease(native, LEFT, NONE, others[-1])

    def _place(self, layer: Any, row: float, column: float) -> QPoint:
        """Return where the middle of a pixel lies on the canvas."""
        node = self.viewer.window._qt_viewer.canvas.layer_to_visual[layer].node
        x, y, *_ = node.transforms.get_transform("visual", "canvas").map((column + 0.5, row + 0.5))
        return QPoint(round(float(x)), round(float(y)))


def _bring_into_view(widget: QWidget) -> None:
    """Scroll to a widget, as a user would; it must not be hidden."""
    assert widget.isVisible(), "it can't be seen"
    parent = widget.parentWidget()
    while parent is not None:
        if isinstance(parent, QScrollArea):
            parent.ensureWidgetVisible(widget)
        parent = parent.parentWidget()
