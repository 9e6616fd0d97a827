"""A dialog that adds spectra of the theory libraries to the references."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtWidgets import QComboBox, QDialog, QDoubleSpinBox, QFormLayout, QVBoxLayout, QWidget

from napari_xanes.gui.dock_layout import say, wrapping_label
from napari_xanes.gui.energy import energies_of
from napari_xanes.gui.latest_only_worker import LatestOnlyWorker
from napari_xanes.gui.library_names import suggest_library
from napari_xanes.gui.references.record_chooser import Record, RecordPicker, ok_and_cancel
from napari_xanes.gui.references.theory_records import edge_of, theory_spectra
from napari_xanes.gui.state.workspace import workspace_of
from napari_xanes.gui.telling import sentence
from napari_xanes.spectrum import Spectrum

if TYPE_CHECKING:
    from napari.viewer import Viewer

_K_NOTE = (
    "These energies come from theory (FEFF) and may be off by some eV: set a shift in the list of references, or use "
    "measured references where you have them."
)
_L_NOTE = "Multiplets in a cubic field. The step Theory gives other fields and charge transfer."


class TheoryChooser(QDialog):
    """Offers the spectra of a library; it begins with the element and edge of the chosen stack.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        The viewer whose references they become.
    parent : QWidget, optional
        Parent widget.
    """

    def __init__(self, viewer: Viewer, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        from napari_xanes.theory.library.shipped import LIBRARIES

        self.setWindowTitle("Theory spectra")
        self._references = workspace_of(viewer).references
        self.library = QComboBox()
        for name in LIBRARIES:
            self.library.addItem(f"{' '.join(edge_of(name)).replace('L3', 'L2,3')}  ({name})", name)
        self.ten_dq = _spin(0.0, 2.5, 1.0, 0.1)
        self.broadening = _spin(0.1, 3.0, 0.3, 0.1)
        self.picker = RecordPicker()
        self._note = wrapping_label()
        self._buttons, self.add_button = ok_and_cancel(self)
        form = QFormLayout()
        form.addRow("library", self.library)
        form.addRow("10Dq", self.ten_dq)
        form.addRow("resolution", self.broadening)
        layout = QVBoxLayout(self)
        layout.addLayout(form)
        layout.addWidget(self.picker, 1)
        layout.addWidget(self._note)
        layout.addWidget(self._buttons)
        self._worker = LatestOnlyWorker(self)
        self._worker.done.connect(self._show)
        self._worker.failed.connect(lambda _key, error: say(self._note, sentence(error)))
        self.library.currentIndexChanged.connect(lambda _: self._load())
        self.ten_dq.valueChanged.connect(lambda _: self._load())
        self.broadening.valueChanged.connect(lambda _: self._load())
        self.picker.changed.connect(self._count)
        self._suggest(viewer)
        self.resize(480, 560)
        self._load()

    def accept(self) -> None:
        """Keep the ticked spectra as references."""
        self._references.add(self.picker.chosen)
        super().accept()

    def _suggest(self, viewer: Viewer) -> None:
        layer, element = workspace_of(viewer).stacks.layer, self._references.check.absorber.element
        names = [self.library.itemData(row) for row in range(self.library.count())]
        found = None if layer is None else suggest_library(names, energies_of(layer), element)
        if found is not None:
            self.library.setCurrentIndex(names.index(found))

    def _load(self) -> None:
        name, ten_dq, broadening = self.library.currentData(), self.ten_dq.value(), self.broadening.value()
        is_k = edge_of(name)[1] == "K"
        self.ten_dq.setEnabled(not is_k)
        say(self._note, _K_NOTE if is_k else _L_NOTE)
        self._count()
        self._worker.submit(name, lambda: theory_spectra(name, ten_dq, broadening))

    def _show(self, name: str, spectra: list[Spectrum]) -> None:
        check = self._references.check
        self.picker.set_records([Record(one, check.why_unsuitable(one)) for one in spectra])

    def _count(self) -> None:
        self.add_button.setText(f"Add {len(self.picker.chosen)}" if self.picker.chosen else "Add")
        self.add_button.setEnabled(bool(self.picker.chosen))


def _spin(low: float, high: float, value: float, step: float) -> QDoubleSpinBox:
    box = QDoubleSpinBox()
    box.setRange(low, high)
    box.setSingleStep(step)
    box.setDecimals(2)
    box.setValue(value)
    box.setSuffix(" eV")
    return box
