"""The legend of a plot of spectra, beside the curves and never over them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from qtpy.QtCore import QEvent, QPoint, QSize, Qt, Signal
from qtpy.QtGui import QColor, QIcon, QPainter, QPen, QPixmap
from qtpy.QtWidgets import QFrame, QListView, QListWidget, QListWidgetItem, QSizePolicy, QWidget

from napari_xanes.gui.present import present

_LINE, _ROW = QSize(22, 10), 18  # px, the piece of line and the height of a row
_BESIDE = 40  # px of an entry that its text does not need
_LONGEST = 150  # px of a text; longer ones are cut, and whole in the tooltip
_MOST_ROWS = 3
_KEY = Qt.ItemDataRole.UserRole


@dataclass(frozen=True)
class Entry:
    """An entry of the legend.

    Parameters
    ----------
    key : str
        Key of the curve.
    name : str
        What the entry says.
    said : str
        What the tooltip says behind the name.
    colour : str
        Colour of the curve as it is drawn, as ``#rrggbb``.
    style : Qt.PenStyle
        Style of its line.
    width : int
        Width of its line in pixels.
    shown : bool
        Whether the curve is drawn.
    """

    key: str
    name: str
    said: str
    colour: str
    style: Any
    width: int
    shown: bool


class Legend(QListWidget):
    """Names of curves with a piece of their lines, in as many rows as they need; more than three rows scroll.

    Signals
    -------
    toggled : str
        The user clicked the entry of this curve, or pressed Space or Enter on it.
    """

    toggled = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.entries: list[Entry] = []
        self._foreground = "#ffffff"
        self.setFlow(QListView.Flow.LeftToRight)
        self.setWrapping(True)
        self.setResizeMode(QListView.ResizeMode.Adjust)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setIconSize(_LINE)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setSelectionMode(QListWidget.SelectionMode.NoSelection)
        self.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Maximum)
        self.setMinimumHeight(_ROW)
        self.setToolTip("Click a curve to hide it, or to show it again. Right click: more")
        self.itemClicked.connect(lambda item: self.toggled.emit(item.data(_KEY)))

    def set_colours(self, background: str, foreground: str) -> None:
        """Use the colours of the plot."""
        self._foreground = foreground
        self.setStyleSheet(
            f"QListWidget {{ background: {background}; color: {foreground}; padding: 0px; }}"
            "QListWidget::item { padding: 0px; margin: 0px; background: transparent; }"
            f"QListWidget::item:focus {{ border: 1px dotted {foreground}; }}"
        )
        self._write()

    def set_entries(self, entries: Sequence[Entry]) -> None:
        """Show these entries."""
        if list(entries) != self.entries:
            self.entries = list(entries)
            self._write()

    def key_at(self, position: QPoint | None) -> str | None:
        """Return the key of the entry at a position, or of the current one; None if there is none."""
        item = self.currentItem() if position is None else self.itemAt(position)
        return None if item is None else str(item.data(_KEY))

    def sizeHint(self) -> QSize:
        """As high as its rows, up to three; with less room it scrolls."""
        return QSize(100, _ROW * min(max(self._rows(), 1), _MOST_ROWS))

    def keyPressEvent(self, event: Any) -> None:
        """Hide or show the current curve with Space or Enter."""
        if event.key() in (Qt.Key.Key_Space, Qt.Key.Key_Return, Qt.Key.Key_Enter) and self.currentItem() is not None:
            self.toggled.emit(present(self.currentItem()).data(_KEY))
            return
        super().keyPressEvent(event)

    def resizeEvent(self, event: Any) -> None:
        """Take as many rows as the entries need in this width."""
        super().resizeEvent(event)
        self._fit()

    def changeEvent(self, event: Any) -> None:
        """Measure the texts again in another font."""
        super().changeEvent(event)
        if event.type() in (QEvent.Type.FontChange, QEvent.Type.StyleChange):
            self._write()

    def _fit(self) -> None:
        # Rows end where a scroll bar would begin, also where none is shown, unless there can't be one.
        crowded = self._rows() > _MOST_ROWS
        policy = Qt.ScrollBarPolicy.ScrollBarAsNeeded if crowded else Qt.ScrollBarPolicy.ScrollBarAlwaysOff
        self.setVerticalScrollBarPolicy(policy)
        self.setMaximumHeight(self.sizeHint().height())
        self.updateGeometry()

    def _rows(self) -> int:
        rows, left = 0, 0
        for number in range(self.count()):
            width = present(self.item(number)).sizeHint().width()
            if width > left:
                rows, left = rows + 1, max(self.maximumViewportSize().width() - 1, _LONGEST)  # as Qt counts
            left -= width
        return rows

    def _write(self) -> None:
        current = self.currentRow()
        while self.count() > len(self.entries):
            self.takeItem(self.count() - 1)
        while self.count() < len(self.entries):
            self.addItem(QListWidgetItem())
        self.ensurePolished()  # the font is that of napari's style
        metrics = self.fontMetrics()
        for number, entry in enumerate(self.entries):
            item = present(self.item(number))
            text = metrics.elidedText(entry.name, Qt.TextElideMode.ElideMiddle, _LONGEST)
            item.setText(text)
            item.setData(_KEY, entry.key)
            item.setIcon(QIcon(_line(entry)))
            said = f"{entry.name}{entry.said}"
            item.setToolTip(f"{said}: click to hide" if entry.shown else f"{said}: hidden, click to show")
            colour = QColor(self._foreground)
            colour.setAlpha(255 if entry.shown else 110)
            item.setForeground(colour)
            font = item.font()
            font.setStrikeOut(not entry.shown)
            item.setFont(font)
            item.setSizeHint(QSize(metrics.horizontalAdvance(text) + _BESIDE, _ROW))
        if 0 <= current < self.count():
            self.setCurrentRow(current)
        self._fit()


def _line(entry: Entry) -> QPixmap:
    """Return a piece of the line of a curve."""
    pixmap = QPixmap(_LINE)
    pixmap.fill(Qt.GlobalColor.transparent)
    colour = QColor(entry.colour)
    colour.setAlpha(255 if entry.shown else 90)
    painter = QPainter(pixmap)
    painter.setPen(QPen(colour, entry.width + 1, entry.style))
    painter.drawLine(1, _LINE.height() // 2, _LINE.width() - 1, _LINE.height() // 2)
    painter.end()
    return pixmap
