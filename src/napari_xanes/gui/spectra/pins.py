"""The list of pinned spectra."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Qt
from qtpy.QtGui import QKeySequence, QShortcut
from qtpy.QtWidgets import QHBoxLayout, QLabel, QListWidget, QListWidgetItem, QPushButton, QVBoxLayout, QWidget

from napari_xanes.gui.references.reference_list import swatch
from napari_xanes.gui.state.workspace import workspace_of

if TYPE_CHECKING:
    from napari.viewer import Viewer


class PinList(QWidget):
    """The viewer's pinned spectra as a list."""

    def __init__(self, viewer: Viewer, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._set = workspace_of(viewer).pins
        self._empty = QLabel("No pins yet: click in the image, or press P, to pin the spectrum under the cursor")
        self._empty.setWordWrap(True)
        self._list = QListWidget()
        self._list.setSelectionMode(QListWidget.SelectionMode.ExtendedSelection)
        self._list.setToolTip("Pinned spectra; Delete removes the selected ones")
        self._list.setMinimumHeight(70)
        remove, clear = QPushButton("Remove"), QPushButton("Remove all")
        remove.setToolTip("Remove the selected pins (Delete)")
        clear.setToolTip("Remove all pins")
        remove.clicked.connect(lambda _checked=False: self.remove_selected())
        clear.clicked.connect(lambda _checked=False: self._set.clear())
        buttons = QHBoxLayout()
        buttons.addWidget(remove)
        buttons.addWidget(clear)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(3)
        layout.addWidget(self._empty)
        layout.addWidget(self._list, 1)
        layout.addLayout(buttons)
        delete = QShortcut(QKeySequence(QKeySequence.StandardKey.Delete), self._list, self.remove_selected)
        delete.setContext(Qt.ShortcutContext.WidgetShortcut)
        self._set.changed.connect(self._rebuild)
        self._rebuild()

    def remove_selected(self) -> None:
        """Remove the selected pins."""
        self._set.remove(index.row() for index in self._list.selectedIndexes())

    def _rebuild(self) -> None:
        self._list.clear()
        for pin in self._set.pins:
            item: Any = QListWidgetItem(f"{pin.curve.name} · {pin.place}")
            item.setData(Qt.ItemDataRole.DecorationRole, swatch(pin.curve.colour))
            self._list.addItem(item)
        self._empty.setVisible(not self._set.pins)
        self._list.setVisible(bool(self._set.pins))
