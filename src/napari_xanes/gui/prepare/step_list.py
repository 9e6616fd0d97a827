"""The steps of a recipe as a list: each with a box to switch it, moved by drag or keys."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from qtpy.QtCore import QModelIndex, QSignalBlocker, QSize, Qt, Signal
from qtpy.QtGui import QKeyEvent
from qtpy.QtWidgets import QAbstractItemView, QListWidget, QListWidgetItem, QSizePolicy, QWidget

from napari_xanes.gui.present import present

_FREE = Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable | Qt.ItemFlag.ItemIsUserCheckable
_MOVES = Qt.ItemFlag.ItemIsDragEnabled
_ROWS = 3


@dataclass(frozen=True)
class Row:
    """A step in the list.

    Parameters
    ----------
    text : str
        The step in one line.
    tip : str
        All that there is to say.
    enabled : bool
        Whether the step is carried out.
    fixed : bool
        Whether it was carried out before the stack came here, and can't be changed.
    wrong : bool
        Whether it can't be carried out.
    """

    text: str
    tip: str = ""
    enabled: bool = True
    fixed: bool = False
    wrong: bool = False


class StepList(QListWidget):
    """Shows steps; rows are counted without the fixed ones on top.

    Space switches the selected step, Delete removes it, Alt with an arrow moves it.

    Signals
    -------
    row_selected : int
        The user selected this row.
    switched : int, bool
        The user switched a step on or off.
    moved : int, int
        The user moves a step to another row. Connect it queued: Qt may still be at work on the row.
    removed : int
        The user wants a step removed.
    """

    row_selected = Signal(int)
    switched = Signal(int, bool)
    moved = Signal(int, int)
    removed = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._fixed = 0
        self._rows: list[Row] = []
        self.setDragDropMode(QAbstractItemView.DragDropMode.InternalMove)
        self.setDefaultDropAction(Qt.DropAction.MoveAction)
        self.setTextElideMode(Qt.TextElideMode.ElideRight)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Expanding)
        self.setTabKeyNavigation(False)
        self.setToolTip(
            "The steps in their order. Space: switch on or off. Delete: remove. Alt+Up, Alt+Down or drag: move"
        )
        self.currentRowChanged.connect(self._on_row)
        self.itemChanged.connect(self._on_item)
        present(self.model()).rowsMoved.connect(self._on_moved)

    def sizeHint(self) -> QSize:
        """As many rows as there are, up to a few: the form below needs the height more."""
        return QSize(200, self._height_of(min(max(self.count(), 1), _ROWS)))

    def minimumSizeHint(self) -> QSize:
        """All rows, up to a few: the others are scrolled to."""
        return QSize(60, self._height_of(min(max(self.count(), 1), _ROWS)))

    def _height_of(self, rows: int) -> int:
        return rows * self._row_height() + 2 * self.frameWidth()

    def _row_height(self) -> int:
        return self.fontMetrics().height() + 6

    def show_rows(self, rows: Sequence[Row], selected: int) -> None:
        """Show steps, the fixed ones first; `selected` counts without them."""
        with QSignalBlocker(self):
            while self.count() > len(rows):
                self.takeItem(self.count() - 1)
            while self.count() < len(rows):
                self.addItem(QListWidgetItem())
            self._rows = list(rows)
            self._fixed = sum(row.fixed for row in rows)
            for number, row in enumerate(rows):
                self._show(present(self.item(number)), number, row)
            self.setCurrentRow(selected + self._fixed if selected >= 0 else -1)
        self.updateGeometry()

    def _show(self, item: QListWidgetItem, number: int, row: Row) -> None:
        item.setText(f"{'⚠ ' if row.wrong else ''}{number + 1}  {row.text}")
        item.setToolTip(f"<p>{row.tip}</p>")
        item.setFlags(Qt.ItemFlag.NoItemFlags if row.fixed else _FREE | _MOVES)
        item.setCheckState(Qt.CheckState.Checked if row.enabled else Qt.CheckState.Unchecked)

    def keyPressEvent(self, event: QKeyEvent | None) -> None:
        """Move or remove the selected step."""
        event = present(event)
        row, key = self.currentRow() - self._fixed, event.key()
        if row >= 0 and event.modifiers() & Qt.KeyboardModifier.AltModifier and key in _DIRECTIONS:
            self.moved.emit(row, row + _DIRECTIONS[key])
        elif row >= 0 and key == Qt.Key.Key_Delete:
            self.removed.emit(row)
        else:
            super().keyPressEvent(event)

    def _on_row(self, row: int) -> None:
        if row >= self._fixed:
            self.row_selected.emit(row - self._fixed)

    def _on_item(self, item: QListWidgetItem) -> None:
        row = self.row(item)
        enabled = item.checkState() == Qt.CheckState.Checked
        if row >= self._fixed and enabled != self._rows[row].enabled:
            self.switched.emit(row - self._fixed, enabled)

    def _on_moved(self, parent: QModelIndex, first: int, last: int, into: QModelIndex, before: int) -> None:
        to = before if before < first else before - 1
        self.moved.emit(first - self._fixed, max(0, to - self._fixed))


_DIRECTIONS: dict[Any, int] = {Qt.Key.Key_Up: -1, Qt.Key.Key_Down: 1}
