"""A list of places with check boxes, names that can be edited, and a menu: of regions and of pins."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from qtpy.QtCore import QModelIndex, QSignalBlocker, Qt, Signal
from qtpy.QtGui import QKeySequence, QShortcut
from qtpy.QtWidgets import QLineEdit, QListWidget, QListWidgetItem, QStyledItemDelegate, QWidget

from napari_xanes.gui.present import present
from napari_xanes.gui.references.reference_table import swatch

_BETWEEN = " · "
_NAME = Qt.ItemDataRole.UserRole
_MIN_HEIGHT = 70  # px, three rows


@dataclass(frozen=True)
class Row:
    """A place in the list.

    Parameters
    ----------
    name : str
        Its name, which can be edited.
    said : str
        What is said about it behind its name.
    colour : str
        As ``#rrggbb``.
    shown : bool
        Whether it is ticked.
    """

    name: str
    said: str
    colour: str
    shown: bool


class _NameEditor(QStyledItemDelegate):
    """Lets the user edit the name of a row without what is said behind it."""

    def setEditorData(self, editor: QWidget | None, index: QModelIndex) -> None:
        """Show the name alone."""
        if isinstance(editor, QLineEdit):
            editor.setText(index.data(_NAME))


class PlaceList(QListWidget):
    """Places with a check box each.

    Signals
    -------
    renamed : int, str
        The user typed another name for a row.
    ticked : int, bool
        The user ticked or unticked a row.
    deleted : list of int
        The user pressed Delete on these rows.
    chosen : int
        The user clicked this row, and not its check box.
    """

    renamed = Signal(int, str)
    ticked = Signal(int, bool)
    deleted = Signal(object)
    chosen = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._rows: list[Row] = []
        self._was_ticked = False
        self.setMinimumHeight(_MIN_HEIGHT)
        self.setSelectionMode(QListWidget.SelectionMode.ExtendedSelection)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setEditTriggers(QListWidget.EditTrigger.DoubleClicked | QListWidget.EditTrigger.EditKeyPressed)
        self.setItemDelegate(_NameEditor(self))
        self.itemChanged.connect(self._on_changed)
        self.itemPressed.connect(self._on_pressed)
        self.itemClicked.connect(self._on_clicked)
        delete = QShortcut(QKeySequence(QKeySequence.StandardKey.Delete), self, self._on_delete)
        delete.setContext(Qt.ShortcutContext.WidgetShortcut)

    def show_rows(self, rows: Sequence[Row]) -> None:
        """Show these rows; what is selected stays so."""
        self._rows = list(rows)
        blocker = QSignalBlocker(self)
        while self.count() > len(rows):
            self.takeItem(self.count() - 1)
        while self.count() < len(rows):
            item = QListWidgetItem()
            item.setFlags(item.flags() | Qt.ItemFlag.ItemIsEditable | Qt.ItemFlag.ItemIsUserCheckable)
            self.addItem(item)
        for number, row in enumerate(rows):
            item = present(self.item(number))
            text = f"{row.name}{_BETWEEN}{row.said}"
            item.setText(text)
            item.setData(_NAME, row.name)
            item.setToolTip(text)
            item.setData(Qt.ItemDataRole.DecorationRole, swatch(row.colour))
            item.setCheckState(Qt.CheckState.Checked if row.shown else Qt.CheckState.Unchecked)
        blocker.unblock()

    def texts(self) -> list[str]:
        """Return the texts of the rows."""
        return [present(self.item(row)).text() for row in range(self.count())]

    def selected(self) -> list[int]:
        """Return the selected rows; the current one if none is."""
        rows = sorted(index.row() for index in self.selectedIndexes())
        return rows or ([self.currentRow()] if 0 <= self.currentRow() < self.count() else [])

    def edit_name(self, row: int) -> None:
        """Let the user type another name for a row."""
        self.setCurrentRow(row)
        self.editItem(self.item(row))

    def _on_changed(self, item: Any) -> None:
        row = self.row(item)
        before, shown = self._rows[row], item.checkState() == Qt.CheckState.Checked
        name = item.text().removesuffix(f"{_BETWEEN}{before.said}").strip()
        if shown != before.shown:
            self._was_ticked = True
            if item not in self.selectedItems():
                self.setCurrentItem(item)  # a click on a check box does not select; menu and keys are for this row now
            self.ticked.emit(row, shown)
        elif name and name != before.name:
            self.renamed.emit(row, name)
        else:
            self.show_rows(self._rows)

    def _on_pressed(self, item: Any) -> None:
        self._was_ticked = False

    def _on_clicked(self, item: Any) -> None:
        if not self._was_ticked and len(self.selectedIndexes()) == 1:
            self.chosen.emit(self.row(item))

    def _on_delete(self) -> None:
        if rows := self.selected():
            self.deleted.emit(rows)
