"""A dialog in which the user chooses among the spectra of a file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pyqtgraph as pg
from qtpy.QtCore import QSignalBlocker, Qt
from qtpy.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QLabel,
    QLineEdit,
    QListWidget,
    QListWidgetItem,
    QVBoxLayout,
    QWidget,
)

from napari_xanes.colours import colour_of
from napari_xanes.gui.present import present
from napari_xanes.spectrum import Spectrum

MOST_TICKED = 12
"""Of a file with more spectra than this, none is ticked at first."""


class Record(NamedTuple):
    """A spectrum of a file, and why it does not suit the chosen stack."""

    spectrum: Spectrum
    reason: str


class RecordChooser(QDialog):
    """Lists the spectra of a file, with a search box; ticked ones are taken.

    Those that suit the chosen stack are ticked if they are few, and come first.

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
        self._records = sorted(records, key=lambda record: bool(record.reason))
        self.search = QLineEdit()
        self.search.setPlaceholderText("search: name, element, edge, what is wrong")
        self.search.setClearButtonEnabled(True)
        self.list = QListWidget()
        self.list.setToolTip("Tick the spectra to take; Space ticks the selected one, which is drawn below")
        self._plot = pg.PlotWidget()
        self._plot.setBackground(None)
        self._plot.setLabel("bottom", "energy (eV)")
        self._plot.setLabel("left", "mu(E)")
        self._plot.setMinimumHeight(120)
        for side in ("bottom", "left"):
            self._plot.getAxis(side).enableAutoSIPrefix(False)
        self._about = QLabel()
        self._about.setWordWrap(True)
        self._buttons = QDialogButtonBox(
            QDialogButtonBox.StandardButton.Ok | QDialogButtonBox.StandardButton.Cancel, self
        )
        self.add_button = present(self._buttons.button(QDialogButtonBox.StandardButton.Ok))
        self._buttons.accepted.connect(self.accept)
        self._buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.addWidget(self.search)
        layout.addWidget(self.list, 3)
        layout.addWidget(self._plot, 2)
        layout.addWidget(self._about)
        layout.addWidget(self._buttons)
        self._fill()
        self.search.returnPressed.connect(self.list.setFocus)
        self.search.textChanged.connect(self._filter)
        self.list.currentRowChanged.connect(self._show)
        self.list.itemChanged.connect(lambda _: self._count())
        self.list.setCurrentRow(0)
        self._count()
        self.resize(480, 520)
        self.search.setFocus()

    @property
    def chosen(self) -> list[Spectrum]:
        """The ticked spectra, also those that the search hides."""
        ticked = [
            present(self.list.item(row)).checkState() == Qt.CheckState.Checked for row in range(self.list.count())
        ]
        return [record.spectrum for record, on in zip(self._records, ticked, strict=True) if on]

    def _fill(self) -> None:
        few = sum(not record.reason for record in self._records) <= MOST_TICKED
        with QSignalBlocker(self.list):
            for spectrum, reason in self._records:
                item = QListWidgetItem(f"{spectrum.name} · {reason}" if reason else spectrum.name)
                item.setFlags(item.flags() | Qt.ItemFlag.ItemIsUserCheckable)
                on = few and not reason
                item.setCheckState(Qt.CheckState.Checked if on else Qt.CheckState.Unchecked)
                item.setToolTip(item.text())
                self.list.addItem(item)

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
