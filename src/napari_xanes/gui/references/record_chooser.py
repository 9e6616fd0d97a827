"""Lists of spectra to choose from, with a search, and the dialog for those of a file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pyqtgraph as pg
from qtpy.QtCore import QSignalBlocker, Qt, Signal
from qtpy.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QLabel,
    QLineEdit,
    QListWidget,
    QListWidgetItem,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from napari_xanes.colours import colour_of
from napari_xanes.gui.dialog_plot import dialog_plot
from napari_xanes.gui.present import present
from napari_xanes.spectrum import Spectrum

MOST_TICKED = 12
"""Of more spectra than this, none is ticked at first."""


class Record(NamedTuple):
    """A spectrum, and why it does not suit the chosen stack."""

    spectrum: Spectrum
    reason: str


class RecordPicker(QWidget):
    """Lists spectra with check boxes, a search and a plot of the selected one.

    Those that suit the chosen stack come first, and are ticked if they are few.

    Signals
    -------
    changed :
        Others are ticked.
    """

    changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._records: list[Record] = []
        self.search = QLineEdit()
        self.search.setPlaceholderText("search: name, element, edge, what is wrong")
        self.search.setClearButtonEnabled(True)
        self.list = QListWidget()
        self.list.setToolTip("Tick the spectra to take; Space ticks the selected one, which is drawn below")
        self._plot = dialog_plot("energy (eV)", "mu(E)", 120)
        self._about = QLabel()
        self._about.setWordWrap(True)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.search)
        layout.addWidget(self.list, 3)
        layout.addWidget(self._plot, 2)
        layout.addWidget(self._about)
        self.search.returnPressed.connect(self.list.setFocus)
        self.search.textChanged.connect(self._filter)
        self.list.currentRowChanged.connect(self._show)
        self.list.itemChanged.connect(lambda _: self.changed.emit())

    @property
    def chosen(self) -> list[Spectrum]:
        """The ticked spectra, also those that the search hides."""
        states = (present(self.list.item(row)).checkState() for row in range(self.list.count()))
        ticked = zip(self._records, states, strict=True)
        return [record.spectrum for record, state in ticked if state == Qt.CheckState.Checked]

    def set_records(self, records: Sequence[Record]) -> None:
        """Show other spectra; ticks stay with the rows if these are as many as before and as suitable."""
        kept = [present(self.list.item(row)).checkState() for row in range(self.list.count())]
        row = max(self.list.currentRow(), 0)
        few = sum(not record.reason for record in records) <= MOST_TICKED
        before = [bool(record.reason) for record in self._records]
        self._records = sorted(records, key=lambda record: bool(record.reason))
        alike = before == [bool(record.reason) for record in self._records]
        with QSignalBlocker(self.list):
            self.list.clear()
            for number, (spectrum, reason) in enumerate(self._records):
                item = QListWidgetItem(f"{spectrum.name} · {reason}" if reason else spectrum.name)
                item.setFlags(item.flags() | Qt.ItemFlag.ItemIsUserCheckable)
                first = Qt.CheckState.Checked if few and not reason else Qt.CheckState.Unchecked
                item.setCheckState(kept[number] if alike else first)
                item.setToolTip(item.text())
                self.list.addItem(item)
            self.list.setCurrentRow(min(row, len(self._records) - 1))
        self._filter(self.search.text())
        self._show(self.list.currentRow())
        self.changed.emit()

    def _filter(self, text: str) -> None:
        """Show the spectra that hold all words of the search."""
        words = text.lower().split()
        for row, record in enumerate(self._records):
            facts = " ".join(str(record.spectrum.metadata.get(name, "")) for name in ("element", "edge"))
            known = f"{present(self.list.item(row)).text()} {facts}".lower()
            present(self.list.item(row)).setHidden(not all(word in known for word in words))

    def _show(self, row: int) -> None:
        self._plot.clear()
        if not 0 <= row < len(self._records):
            return
        spectrum, reason = self._records[row]
        self._plot.plot(spectrum.energy, spectrum.mu, pen=pg.mkPen(colour_of(1), width=1.5))
        first, last = spectrum.energy[0], spectrum.energy[-1]
        about = f"{spectrum.name}: {spectrum.energy.size} energies, {first:.1f} to {last:.1f} eV"
        self._about.setText("\n".join(filter(None, (about, reason))))


class RecordChooser(QDialog):
    """Lists the spectra of a file, with a search box; ticked ones are taken.

    Parameters
    ----------
    path : path
        The file.
    records : sequence of Record
        Its spectra.
    parent : QWidget, optional
        Parent widget.
    """

    def __init__(self, path: str | Path, records: Sequence[Record], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle(f"Spectra of {Path(path).name}")
        self.picker = RecordPicker()
        self.search, self.list = self.picker.search, self.picker.list
        self._buttons, self.add_button = ok_and_cancel(self)
        layout = QVBoxLayout(self)
        layout.addWidget(self.picker)
        layout.addWidget(self._buttons)
        self.picker.changed.connect(self._count)
        self.picker.set_records(records)
        self.resize(480, 520)
        self.search.setFocus()

    @property
    def chosen(self) -> list[Spectrum]:
        """The ticked spectra, also those that the search hides."""
        return self.picker.chosen

    def _count(self) -> None:
        n = len(self.chosen)
        self.add_button.setText(f"Add {n}" if n else "Add")
        self.add_button.setEnabled(n > 0)

    def keyPressEvent(self, event: Any) -> None:
        """Keep Enter in the search box from closing the dialog; a button that has the focus takes it itself."""
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            event.accept()
        else:
            super().keyPressEvent(event)


def ok_and_cancel(dialog: QDialog) -> tuple[QDialogButtonBox, QPushButton]:
    """Return the buttons that end a dialog, and the one that accepts it."""
    buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Ok | QDialogButtonBox.StandardButton.Cancel, dialog)
    buttons.accepted.connect(dialog.accept)
    buttons.rejected.connect(dialog.reject)
    return buttons, present(buttons.button(QDialogButtonBox.StandardButton.Ok))
