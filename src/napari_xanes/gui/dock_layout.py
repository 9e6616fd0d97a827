"""Layout that all docks share."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QComboBox,
    QFrame,
    QHBoxLayout,
    QLabel,
    QLayout,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

EMPTY_STATE = "Drop a stack here, or open a sample:\nFile > Open Sample > napari-xanes"
DOCK_WIDTH = 330  # px; with its margins the XANES dock stays below 340


class LaterPage(QWidget):
    """A page whose widgets are made when it is first shown, so that a dock opens soon.

    Parameters
    ----------
    make : callable
        Returns the widgets; expanding ones share the free height.
    margin : int
        Distance to the border in pixels.
    """

    def __init__(self, make: Callable[[], Iterable[QWidget]], margin: int = 4) -> None:
        super().__init__()
        self._make: Callable[[], Iterable[QWidget]] | None = make
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(margin, margin, margin, margin)

    def showEvent(self, event: Any) -> None:
        """Make what the page shows."""
        super().showEvent(event)
        make, self._make = self._make, None
        if make is None:
            return
        for widget in make():
            self._column.addWidget(widget, int(widget.sizePolicy().verticalPolicy() == QSizePolicy.Policy.Expanding))
            if not widget.testAttribute(Qt.WidgetAttribute.WA_WState_ExplicitShowHide):
                widget.show()  # now, and not with the next events
        self._column.addStretch()


def scrolled(content: QWidget) -> QScrollArea:
    """Put a widget into an area that scrolls up and down on small screens, never sideways."""
    area = QScrollArea()
    area.setWidgetResizable(True)
    area.setFrameShape(QFrame.Shape.NoFrame)
    area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    area.setWidget(content)
    return area


def row_of(*widgets: tuple[QWidget, int]) -> QHBoxLayout:
    """Return a row of widgets, each with its stretch factor."""
    row = QHBoxLayout()
    row.setSpacing(4)
    for widget, stretch in widgets:
        row.addWidget(widget, stretch)
    return row


def push_button(text: str, tip: str, action: Callable[[], Any]) -> QPushButton:
    """Return a button with its tooltip and what it does."""
    button = QPushButton(text)
    button.setToolTip(tip)
    button.clicked.connect(lambda _checked=False: action())
    return button


def say(label: QLabel, text: str) -> None:
    """Show a text, or no label without one."""
    label.setText(text)
    label.setVisible(bool(text))


def emptied(layout: QLayout) -> None:
    """Take all widgets out of a layout and delete them."""
    while (item := layout.takeAt(0)) is not None:
        if (widget := item.widget()) is not None:
            widget.deleteLater()


def wrapping_label(text: str = "") -> QLabel:
    """Return a label that breaks lines and never widens its dock."""
    label = QLabel(text)
    label.setWordWrap(True)
    label.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
    return label


def narrowed(widget: QWidget) -> None:
    """Let the choices in a widget be narrower than their longest text, so that they never widen their dock."""
    boxes = [widget] if isinstance(widget, QComboBox) else widget.findChildren(QComboBox)
    for box in boxes:
        box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        box.setMinimumContentsLength(8)
