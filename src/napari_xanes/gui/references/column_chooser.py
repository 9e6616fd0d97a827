"""A dialog in which the user says what the columns of a text hold."""

from __future__ import annotations

import json
import re
import warnings
from pathlib import Path
from typing import Any

import pyqtgraph as pg
from qtpy.QtCore import QSettings, Qt
from qtpy.QtWidgets import (
    QAbstractItemView,
    QCheckBox,
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QFormLayout,
    QHeaderView,
    QLabel,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

import napari_xanes as nx
from napari_xanes.colours import colour_of
from napari_xanes.gui.dialog_plot import dialog_plot
from napari_xanes.gui.present import present
from napari_xanes.io.column_choice import Choice, column_of
from napari_xanes.io.spectra.columns import tables_of
from napari_xanes.io.spectra.table import Table
from napari_xanes.spectrum import Spectrum

ROLES = ("", "energy", "I0", "signal")
"""What a column may be used for. The signal is It, If or mu(E); several signals are summed."""

MODES = {
    "automatic": None,
    "transmission: ln(I0 / signal)": "transmission",
    "fluorescence: signal / I0": "fluorescence",
    "as is: signal": "as is",
}

_SHOWN = 3
"""Number of first values that the table shows of each column."""

_DRAWN = 8
"""Number of spectra of one file that are drawn."""

_NAME_WIDTH = 240
"""Largest width of the names, so that long ones leave room for the values."""

_REMEMBERED = "columns of spectra"


def tables_to_choose_from(path: str | Path) -> list[Table]:
    """Return the tables of numbers in a file; none if it is no text with columns."""
    try:
        return [table for table in tables_of(Path(path)) if table.values.shape[1] > 1]
    except (OSError, ValueError):
        return []


def remembered_choice(table: Table) -> Choice | None:
    """Return what the user chose before for files with the same columns."""
    text = _settings().value(f"{_REMEMBERED}/{_key(table)}")
    try:
        stored = json.loads(text) if isinstance(text, str) else None
        return Choice(**stored) if isinstance(stored, dict) else None
    except (TypeError, ValueError):
        return None


def read_with_remembered_choice(path: str | Path) -> list[Spectrum]:
    """Return the spectra of a file, with the columns that the user chose before for files with the same columns.

    Raises
    ------
    OSError, ValueError
        If there are none.
    """
    tables = tables_to_choose_from(path)
    choice = remembered_choice(tables[0]) if tables else None
    return nx.read_spectra(path, **({} if choice is None else choice.to_plain()))


def _settings() -> QSettings:
    return QSettings("napari-xanes", "napari-xanes")


def _key(table: Table) -> str:
    """Return one word for the columns of a table: files of one program and beamline share it."""
    from hashlib import sha256

    return sha256("\n".join([*(table.names or ()), str(table.values.shape[1])]).encode()).hexdigest()


def _column_named(name: str, table: Table) -> int | None:
    """Return which column of a table has a name, with or without its unit and device; None for names of a layout."""
    try:
        return column_of(name, table.names, table.values.shape[1], what="")
    except ValueError:
        bare = name.split(" (")[0]
        found = [i for i, known in enumerate(table.names or ()) if known.split(" ")[0] == bare]
        return found[0] if len(found) == 1 else None


class ColumnChooser(QDialog):
    """Shows the columns of a text with their first values; the user gives each a role and sees mu(E).

    Parameters
    ----------
    path : path
        A text file with columns.
    problem : str
        Why the file could not be read without help.
    parent : QWidget, optional
        Parent widget.

    Attributes
    ----------
    spectra : list of Spectrum
        What the chosen columns give; empty while they give nothing.
    """

    def __init__(self, path: str | Path, problem: str = "", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle(f"Columns of {Path(path).name}")
        self.spectra: list[Spectrum] = []
        self._path, self._tables = Path(path), tables_to_choose_from(path)
        self._scan, self._mode = QComboBox(), QComboBox()
        self._scan.addItems([table.title or str(i) for i, table in enumerate(self._tables, 1)])
        self._mode.addItems(list(MODES))
        self._roles: list[QComboBox] = []
        self._table = QTableWidget(0, 3)
        self._table.setHorizontalHeaderLabels(["column", "first values", "use as"])
        present(self._table.verticalHeader()).hide()
        present(self._table.horizontalHeader()).setSectionResizeMode(1, QHeaderView.ResizeMode.Stretch)
        self._table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self._plot = dialog_plot("energy (eV)", "mu(E)", 150)
        self._status = QLabel(problem)
        self._status.setWordWrap(True)
        self._status.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._remember = QCheckBox("Remember for files with the same columns")
        self._buttons = QDialogButtonBox(
            QDialogButtonBox.StandardButton.Ok | QDialogButtonBox.StandardButton.Cancel, self
        )
        self._buttons.accepted.connect(self.accept)
        self._buttons.rejected.connect(self.reject)
        self._lay_out()
        self._fill_table()
        self._take_over_automatic_choice(problem)
        self._scan.currentIndexChanged.connect(lambda _: self._fill_table())
        self._mode.currentIndexChanged.connect(lambda _: self._preview())
        self.resize(620, 560)

    def _lay_out(self) -> None:
        form = QFormLayout()
        if len(self._tables) > 1:
            form.addRow("scan", self._scan)
        form.addRow("mu(E) is", self._mode)
        layout = QVBoxLayout(self)
        layout.addWidget(self._table, 3)
        layout.addLayout(form)
        layout.addWidget(self._plot, 2)
        layout.addWidget(self._status)
        layout.addWidget(self._remember)
        layout.addWidget(self._buttons)

    def choice(self) -> Choice:
        """Return what the user chose; what is left open follows from names and values."""
        columns: dict[str, list[str | int]] = {role: [] for role in ROLES}
        for number, box in enumerate(self._roles, 1):
            columns[box.currentText()].append(number)
        mode: Any = MODES[self._mode.currentText()]
        return Choice(
            energy=next(iter(columns["energy"]), None),
            i0=next(iter(columns["I0"]), None),
            signal=columns["signal"] or None,
            mode=mode,
            scan=self._scan.currentText() if len(self._tables) > 1 else None,
        )

    def set_role(self, column: int, role: str) -> None:
        """Give a column, counted from 0, a role of `ROLES`; energy and I0 have one column each."""
        if role in ("energy", "I0"):
            for box in self._roles:
                if box.currentText() == role:
                    self._set_quietly(box, "")
        self._set_quietly(self._roles[column], role)
        self._preview()

    def accept(self) -> None:
        """Close the dialog if the columns give a spectrum, and remember them if wanted."""
        if not self.spectra:
            return
        if self._remember.isChecked():
            table = self._tables[max(self._scan.currentIndex(), 0)]
            kept = {key: value for key, value in self.choice().to_plain().items() if key != "scan"}
            _settings().setValue(f"{_REMEMBERED}/{_key(table)}", json.dumps(kept))
        super().accept()

    def _set_quietly(self, box: QComboBox, role: str) -> None:
        box.blockSignals(True)
        box.setCurrentText(role)
        box.blockSignals(False)

    def _fill_table(self) -> None:
        """List the columns of the chosen scan."""
        table = self._tables[max(self._scan.currentIndex(), 0)]
        kept = [box.currentText() for box in self._roles]
        n_columns = table.values.shape[1]
        self._roles = []
        self._table.setRowCount(n_columns)
        for i in range(n_columns):
            name = table.names[i] if table.names else f"column {i + 1}"
            values = ", ".join(f"{value:.8g}" for value in table.values[:_SHOWN, i])
            self._table.setItem(i, 0, QTableWidgetItem(name))
            self._table.setItem(i, 1, QTableWidgetItem(values))
            box = QComboBox()
            box.addItems(ROLES)
            box.setCurrentText(kept[i] if len(kept) == n_columns else "")
            box.currentTextChanged.connect(lambda role, column=i: self.set_role(column, role))
            self._table.setCellWidget(i, 2, box)
            self._roles.append(box)
        self._table.resizeColumnToContents(0)
        self._table.setColumnWidth(0, min(self._table.columnWidth(0), _NAME_WIDTH))
        if kept:
            self._preview()

    def _take_over_automatic_choice(self, problem: str) -> None:
        """Show the roles that the reader found by itself."""
        self._preview()
        if not self.spectra:
            self._status.setText(_in_the_dialog(problem) or self._status.text())
            return
        table = self._tables[0]
        taken = self.spectra[0].metadata.get("columns")
        if not isinstance(taken, dict) or not table.names:
            return
        roles = {"energy": "energy", "i0": "I0"}
        for kind, names in taken.items():
            for name in names:
                column = _column_named(name, table)
                if column is not None:
                    self._set_quietly(self._roles[column], roles.get(kind, "signal"))
        mode = self.spectra[0].metadata.get("mode")
        for text, value in MODES.items():
            if value is not None and value == mode:
                self._mode.blockSignals(True)
                self._mode.setCurrentText(text)
                self._mode.blockSignals(False)

    def _preview(self) -> None:
        """Draw mu(E) of the chosen columns, or say why there is none."""
        self._plot.clear()
        choice = self.choice()
        with warnings.catch_warnings(record=True) as notes:
            warnings.simplefilter("always")
            try:
                self.spectra = nx.read_spectra(self._path, **choice.to_plain())
                text = " ".join(str(note.message) for note in notes)
            except (OSError, ValueError) as error:
                self.spectra, text = [], str(error).removeprefix(f"{self._path}: ")
        for number, spectrum in enumerate(self.spectra[:_DRAWN], 1):
            self._plot.plot(spectrum.energy, spectrum.mu, pen=pg.mkPen(colour_of(number), width=1.5))
        said = "; ".join(self.spectra[0].metadata.get("reasons", ())) if self.spectra else ""
        self._status.setText("\n".join(part for part in (said, _in_the_dialog(text)) if part))
        present(self._buttons.button(QDialogButtonBox.StandardButton.Ok)).setEnabled(bool(self.spectra))


def _in_the_dialog(text: str) -> str:
    """Return what the reader says, with the table of the dialog in the place of Python's parameters.

    Examples
    --------
    >>> _in_the_dialog("no energy among its columns: k, chi; choose one with energy=")
    'no energy among its columns: k, chi; choose one in the table above'
    >>> _in_the_dialog("no column of I0 was found; choose with i0= and signal=")
    'no column of I0 was found; choose in the table above'
    """
    return re.sub(r"with (energy|i0|signal)=\d*( and (energy|i0|signal)=)?", "in the table above", text)
