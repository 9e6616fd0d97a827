"""A box of names that begin alike and differ at their ends, such as those of a stack and of what was made of it."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import Qt
from qtpy.QtGui import QFontMetrics
from qtpy.QtWidgets import QComboBox, QSizePolicy, QStyle, QStyleOptionComboBox, QStylePainter, QWidget

from napari_xanes.gui.present import present


class NameBox(QComboBox):
    """A box as narrow as its dock wants; it leaves out the middle of a long name, not its quantity."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.setMinimumContentsLength(12)
        present(self.view()).setTextElideMode(Qt.TextElideMode.ElideMiddle)

    def shown_text(self) -> str:
        """Return the chosen name as far as there is room."""
        return self._option().currentText or ""

    def paintEvent(self, event: Any) -> None:
        """Draw the box with what fits of the name."""
        option, painter = self._option(), QStylePainter(self)
        painter.drawComplexControl(QStyle.ComplexControl.CC_ComboBox, option)
        painter.drawControl(QStyle.ControlElement.CE_ComboBoxLabel, option)

    def _option(self) -> QStyleOptionComboBox:
        option = QStyleOptionComboBox()
        self.initStyleOption(option)
        field = QStyle.SubControl.SC_ComboBoxEditField
        room = present(self.style()).subControlRect(QStyle.ComplexControl.CC_ComboBox, option, field, self)
        option.currentText = shortened(option.currentText or "", self.fontMetrics(), room.width())
        return option


_LEAST = 3
"""Letters of the name itself that must stay."""


def shortened(text: str, metrics: QFontMetrics, room: int) -> str:
    """Return a name in so many pixels, with the quantity behind it as a whole where there is room for that.

    Parameters
    ----------
    text : str
        The name, such as "particle · optical depth".
    metrics : QFontMetrics
        Sizes of its letters.
    room : int
        Width in pixels.
    """
    name, separator, quantity = text.rpartition(" · ")
    rest = room - metrics.horizontalAdvance(separator + quantity)
    if separator and rest >= metrics.horizontalAdvance(f"{name[:_LEAST]}…"):
        return metrics.elidedText(name, Qt.TextElideMode.ElideMiddle, rest) + separator + quantity
    shown = metrics.elidedText(text, Qt.TextElideMode.ElideMiddle, room)
    if shown == text or shown.find("…") >= _LEAST:
        return shown
    # Its beginning alone: of the middle of a name in so little room, nothing but the dots would be left.
    return next((text[:n] for n in range(len(text), 0, -1) if metrics.horizontalAdvance(text[:n]) <= room), text[:1])
