"""The table of a drift: one row per frame, shifts can be edited."""

from __future__ import annotations

from typing import Any

import numpy as np
from qtpy.QtCore import QAbstractTableModel, QModelIndex, Qt, Signal
from qtpy.QtWidgets import QAbstractItemView, QHeaderView, QTableView, QWidget

from napari_xanes.gui.prepare.drift import PIXELS, Drift
from napari_xanes.gui.present import present

_SHIFTS = (1, 2)
"""Columns that can be edited."""

_DECIMALS = {PIXELS: 3, "nm": 1, "µm": 4}
"""Decimals of shifts and their errors."""

_ENERGY_WIDTH = 74  # px, for an energy of five digits and the mark


class DriftModel(QAbstractTableModel):
    """Rows and columns of a drift; cells are made when they are shown, so that long scans open at once.

    Signals
    -------
    edited : int, int, float
        Frame, axis and the new shift in pixels.
    refused : str
        Why a text is no shift.
    """

    edited = Signal(int, int, float)
    refused = Signal(str)

    def __init__(self, parent: Any = None) -> None:
        super().__init__(parent)
        self.drift: Drift | None = None
        self._unit, self._columns = PIXELS, list[tuple[str, Any]]()

    def show_drift(self, drift: Drift | None, unit: str = PIXELS) -> None:
        """Show a drift in a unit; cells of the same frames are renewed in place."""
        columns = [] if drift is None else _columns(drift, unit)
        before = self.drift
        same = drift is not None and before is not None and drift.found is before.found
        if same and [name for name, _ in columns] == [name for name, _ in self._columns]:
            self.drift, self._unit, self._columns = drift, unit, columns
            self.dataChanged.emit(self.index(0, 0), self.index(self.rowCount() - 1, len(columns) - 1))
            return
        self.beginResetModel()
        self.drift, self._unit, self._columns = drift, unit, columns
        self.endResetModel()

    def rowCount(self, parent: QModelIndex = QModelIndex()) -> int:  # noqa: B008  Qt's signature
        """Return the number of frames."""
        return 0 if self.drift is None or parent.isValid() else self.drift.energy.size

    def columnCount(self, parent: QModelIndex = QModelIndex()) -> int:  # noqa: B008  Qt's signature
        """Return the number of columns."""
        return 0 if parent.isValid() else len(self._columns)

    def headerData(self, section: int, orientation: Any, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return the name of a column."""
        if role == Qt.ItemDataRole.DisplayRole and orientation == Qt.Orientation.Horizontal:
            return self._columns[section][0]
        return None

    def data(self, index: QModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return the text of a cell."""
        if self.drift is None or not index.isValid():
            return None
        row, column = index.row(), index.column()
        value = float(self._columns[column][1][row])
        if role == Qt.ItemDataRole.EditRole:
            return f"{value:.6g}"
        if role == Qt.ItemDataRole.ToolTipRole:
            return self.drift.words_of(row)
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        if role != Qt.ItemDataRole.DisplayRole:
            return None
        if column == 0:
            mark = "× " if self.drift.marked[row] else ""
            return f"{mark}{value:.1f}"
        changed = "*" if column in _SHIFTS and self.drift.changed[row] else ""
        is_length = column in _SHIFTS or self._columns[column][0].startswith("±")
        text = f"{value:.{_DECIMALS[self._unit]}f}" if is_length else f"{value:.3g}"
        return f"{text}{changed}" if np.isfinite(value) else ""

    def flags(self, index: QModelIndex) -> Qt.ItemFlag:
        """Return what can be done with a cell."""
        flags = Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable
        return flags | Qt.ItemFlag.ItemIsEditable if index.column() in _SHIFTS else flags

    def setData(self, index: QModelIndex, value: Any, role: int = Qt.ItemDataRole.EditRole) -> bool:
        """Ask for another shift."""
        if role != Qt.ItemDataRole.EditRole or self.drift is None:
            return False
        axis = index.column() - _SHIFTS[0]
        try:
            shift = float(str(value).replace(",", "."))
        except ValueError:
            self.refused.emit(f"{value!r} is no number; give the shift in {self._unit}")
            return False
        if f"{shift:.6g}" == self.data(index, Qt.ItemDataRole.EditRole):
            return False
        self.edited.emit(index.row(), axis, shift / self.drift.units()[self._unit][axis])
        return True


def _columns(drift: Drift, unit: str) -> list[tuple[str, Any]]:
    """Return names and values of the columns."""
    factors, now = drift.units()[unit], drift.alignment
    shifts = now.shifts * factors
    columns = [("E (eV)", drift.energy), ("dy", shifts[:, 0]), ("dx", shifts[:, 1])]
    if now.sigma is not None:
        sigma = now.sigma * factors
        columns += [("± dy", sigma[:, 0]), ("± dx", sigma[:, 1])]
    if now.residual is not None:
        columns.append(("resid.", now.residual))
    return columns + [(name.replace("_", " "), values) for name, values in drift.others().items()]


class DriftTable(QTableView):
    """Shows a `DriftModel`.

    Signals
    -------
    frame_requested : int
        The user chose this row.
    """

    frame_requested = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.rows = DriftModel(self)
        self.setModel(self.rows)
        present(self.verticalHeader()).hide()
        present(self.verticalHeader()).setDefaultSectionSize(20)
        present(self.horizontalHeader()).setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
        present(self.horizontalHeader()).setMinimumSectionSize(40)
        self.rows.modelReset.connect(self._on_reset)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setTabKeyNavigation(False)  # so that Tab leaves the table; arrows move within it
        self.setMinimumHeight(130)
        self.setAccessibleName("shifts of the frames")
        self.setToolTip("Choose a row to show its frame; double-click dy or dx to set a shift by hand")
        present(self.selectionModel()).currentRowChanged.connect(self._on_row)
        self._following = False

    def show_frame(self, frame: int) -> None:
        """Select the row of a frame, except while a cell is edited."""
        if self.state() == QAbstractItemView.State.EditingState or not 0 <= frame < self.rows.rowCount():
            return
        column = max(self.currentIndex().column(), 0)
        self._following = True
        self.setCurrentIndex(self.rows.index(frame, column))
        self._following = False

    def _on_reset(self) -> None:
        if self.rows.columnCount():
            present(self.horizontalHeader()).setSectionResizeMode(0, QHeaderView.ResizeMode.Fixed)
            self.setColumnWidth(0, _ENERGY_WIDTH)

    def _on_row(self, current: QModelIndex, _previous: QModelIndex) -> None:
        if current.isValid() and not self._following:
            self.frame_requested.emit(current.row())
