"""The warnings of a run, in view and yet not in the way."""

from __future__ import annotations

from collections.abc import Sequence

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QPushButton, QVBoxLayout, QWidget

from napari_xanes.gui.dock_layout import say, wrapping_label
from napari_xanes.wording import counted

_SHORT = 120
"""Letters: about three lines of the dock."""


class WarningList(QWidget):
    """Shows warnings; long ones open under a button that tells how many there are."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.button, self.label = QPushButton(), wrapping_label()
        self.button.setCheckable(True)
        self.button.setToolTip("Show what this run warns of, or hide it again")
        self.label.setTextFormat(Qt.TextFormat.PlainText)
        self.label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        column.addWidget(self.button)
        column.addWidget(self.label)
        self.button.toggled.connect(self.label.setVisible)

    def show_warnings(self, texts: Sequence[str]) -> None:
        """Show these warnings, one a line."""
        long = sum(map(len, texts)) > _SHORT
        self.setVisible(bool(texts))
        self.button.setText(f"⚠ {counted(len(texts), 'warning', 'warnings')}")
        self.button.setVisible(long)
        say(self.label, "\n".join(f"• {text}" for text in texts))
        self.label.setVisible(bool(texts) and (self.button.isChecked() or not long))
