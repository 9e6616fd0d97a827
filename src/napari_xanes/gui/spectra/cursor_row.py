"""The row above the plot: the chosen stack, and the box of pixels around the cursor."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QSignalBlocker
from qtpy.QtWidgets import QHBoxLayout, QLabel, QWidget

from napari_xanes.gui.fonts import TextWidth
from napari_xanes.gui.forms.stack_box import StackBox
from napari_xanes.gui.spectra.box import OddSpinBox
from napari_xanes.gui.state.workspace import workspace_of

if TYPE_CHECKING:
    from napari.viewer import Viewer

_SPACING = 4  # px
_ARROW = 32  # px that a box needs beside its text
_LEAST_NAME = "NMC…counts"
"""A name of a stack that should be seen."""


class CursorRow(QWidget):
    """Chooses the stack and the size of the box, for all docks of the viewer."""

    def __init__(self, viewer: Viewer) -> None:
        super().__init__()
        self._cursor = workspace_of(viewer).cursor
        self.stack_box, self.box = StackBox(viewer), OddSpinBox()
        TextWidth(self.box, "11 px", beside=60)
        self.label = QLabel("box")
        self.box.setToolTip("Width of the box of pixels around the cursor; the plot shows their mean")
        self.box.setValue(self._cursor.box)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(_SPACING)
        row.addWidget(self.stack_box, 1)
        row.addWidget(self.label)
        row.addWidget(self.box)
        self.box.valueChanged.connect(self._set_box)
        self._cursor.box_changed.connect(self._show_box)

    def resizeEvent(self, event: Any) -> None:
        """Leave out the word before the box where the name of the stack would be cut to nothing."""
        super().resizeEvent(event)
        beside = self.box.width() + self.label.sizeHint().width() + 2 * _SPACING
        name = self.fontMetrics().horizontalAdvance(_LEAST_NAME) + _ARROW
        self.label.setVisible(self.width() - beside >= name)

    def _set_box(self, size: int) -> None:
        self._cursor.box = size

    def _show_box(self, size: int) -> None:
        with QSignalBlocker(self.box):
            self.box.setValue(size)
