"""Docks in large fonts: the size of napari's preferences for all their widgets, and rows that fold when narrow."""

from __future__ import annotations

from typing import Any

from napari.settings import get_settings
from qtpy.QtCore import QEvent, QObject
from qtpy.QtWidgets import QApplication, QBoxLayout, QHBoxLayout, QLabel, QWidget

from napari_xanes.gui.while_seen import WhileSeen

_SHARE = 0.55
"""Buttons beside a text may have so much of their row."""

_FONT_EVENTS = (QEvent.Type.FontChange, QEvent.Type.StyleChange, QEvent.Type.Polish)


class DockFont(QObject):
    """Gives a dock the font size of napari's preferences while it is seen.

    napari's style sets it for labels, buttons and boxes only; lists, tables and lines to type in would
    stay as small as before.

    Parameters
    ----------
    widget : QWidget
        What the dock shows.
    """

    def __init__(self, widget: QWidget) -> None:
        super().__init__(widget)
        self._widget = widget
        WhileSeen(widget, [(get_settings().appearance.events.font_size, self._apply)], begin=self._apply)
        self._apply()

    def _apply(self, _event: Any = None) -> None:
        size = get_settings().appearance.font_size
        if size != self._widget.font().pointSize():
            font = QApplication.font()
            font.setPointSize(size)
            self._widget.setFont(font)


class TextWidth(QObject):
    """Keeps a widget as wide as its longest text needs, in whatever font.

    Parameters
    ----------
    widget : QWidget
        The widget, such as a box with a number.
    text : str
        Its longest text.
    beside : int
        Width of what it has beside the text, in pixels.
    """

    def __init__(self, widget: QWidget, text: str, beside: int) -> None:
        super().__init__(widget)
        self._widget, self._text, self._beside = widget, text, beside
        widget.installEventFilter(self)
        self._apply()

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        """Measure the text again in another font."""
        if event is not None and event.type() in _FONT_EVENTS:
            self._apply()
        return False

    def _apply(self) -> None:
        self._widget.setFixedWidth(self._widget.fontMetrics().horizontalAdvance(self._text) + self._beside)


class FoldingWidget(QWidget):
    """Lays itself out anew when it becomes wider or narrower, or its children change, as in another font."""

    def resizeEvent(self, event: Any) -> None:
        """Fold what does not fit, or unfold it."""
        super().resizeEvent(event)
        self._fold()

    def event(self, event: Any) -> bool:
        """Measure the children again when they change."""
        if event.type() == QEvent.Type.LayoutRequest:
            self._fold()
        return super().event(event)

    def _fold(self) -> None:
        raise NotImplementedError


class LabelRow(FoldingWidget):
    """A text beside buttons; above them where they would leave it less than half of the row.

    Parameters
    ----------
    label : QLabel
        The text; it breaks lines.
    *buttons : QWidget
        What stands beside it.
    """

    def __init__(self, label: QLabel, *buttons: QWidget) -> None:
        super().__init__()
        self._buttons = buttons
        self._row = QBoxLayout(QBoxLayout.Direction.LeftToRight, self)
        self._row.setContentsMargins(0, 0, 0, 0)
        self._row.setSpacing(4)
        self._row.addWidget(label, 1)
        beside = QHBoxLayout()
        beside.setSpacing(4)
        for button in buttons:
            beside.addWidget(button)
        self._row.addLayout(beside)

    def _fold(self) -> None:
        beside = sum(button.sizeHint().width() for button in self._buttons) <= _SHARE * self.width()
        direction = QBoxLayout.Direction.LeftToRight if beside else QBoxLayout.Direction.TopToBottom
        if self._row.direction() != direction:
            self._row.setDirection(direction)
