"""Spectra that were pinned, to compare others with them."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import count
from typing import Any

from qtpy.QtCore import Qt, Signal
from qtpy.QtGui import QKeySequence, QShortcut
from qtpy.QtWidgets import QHBoxLayout, QLabel, QListWidget, QListWidgetItem, QPushButton, QVBoxLayout, QWidget

from napari_xanes.colours import colour_of
from napari_xanes.gui.references import swatch
from napari_xanes.gui.spectra.model import Curve, Values

_FIRST_COLOUR = 3  # regions begin with colour 1, references with 5


@dataclass(frozen=True, eq=False)
class Pin:
    """A pinned spectrum: its curve and where it was measured."""

    curve: Curve
    place: str


class PinList(QWidget):
    """The pinned spectra as a list.

    Signals
    -------
    changed :
        A spectrum was pinned or taken away.
    """

    changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.pins: list[Pin] = []
        self._numbers = count(1)
        self._empty = QLabel("Click in the image, or press P, to pin the spectrum under the cursor")
        self._empty.setWordWrap(True)
        self._list = QListWidget()
        self._list.setSelectionMode(QListWidget.SelectionMode.ExtendedSelection)
        self._list.setToolTip("Pinned spectra; Delete removes the selected ones")
        self._list.setMinimumHeight(70)
        remove, clear = QPushButton("Remove"), QPushButton("Remove all")
        remove.setToolTip("Remove the selected pins (Delete)")
        clear.setToolTip("Remove all pins")
        remove.clicked.connect(lambda _checked=False: self.remove_selected())
        clear.clicked.connect(lambda _checked=False: self.clear())
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
        self._rebuild()

    def pin(self, energy: Values, values: Values, place: str) -> Pin:
        """Keep a spectrum; `place` says where it was measured."""
        number = next(self._numbers)
        pin = Pin(Curve(f"pin {number}", energy, values, "pin", colour_of(_FIRST_COLOUR + number - 1)), place)
        self.pins.append(pin)
        self._rebuild()
        return pin

    def remove_selected(self) -> None:
        """Take the selected pins away."""
        rows = {index.row() for index in self._list.selectedIndexes()}
        self.pins = [pin for row, pin in enumerate(self.pins) if row not in rows]
        self._rebuild()

    def clear(self) -> None:
        """Take all pins away."""
        self.pins, self._numbers = [], count(1)
        self._rebuild()

    def _rebuild(self) -> None:
        self._list.clear()
        for pin in self.pins:
            item: Any = QListWidgetItem(f"{pin.curve.name} · {pin.place}")
            item.setData(Qt.ItemDataRole.DecorationRole, swatch(pin.curve.colour))
            self._list.addItem(item)
        self._empty.setVisible(not self.pins)
        self._list.setVisible(bool(self.pins))
        self.changed.emit()
