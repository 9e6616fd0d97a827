"""The Simulate dock: a theory spectrum that follows its sliders, drawn in the plot of spectra."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import QSignalBlocker, Qt, QTimer
from qtpy.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDoubleSpinBox,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSizePolicy,
    QSlider,
    QVBoxLayout,
    QWidget,
)

from napari_xanes.gui.as_dock import as_dock
from napari_xanes.gui.dock_layout import DOCK_WIDTH, scrolled
from napari_xanes.gui.energy import element_of, energies_of, plain_viewer
from napari_xanes.gui.focus_ring import ShownFocus
from napari_xanes.gui.latest_only_worker import LatestOnlyWorker
from napari_xanes.gui.state.workspace import workspace_of
from napari_xanes.gui.telling import sentence
from napari_xanes.spectrum import Spectrum

if TYPE_CHECKING:
    from napari.viewer import Viewer


@dataclass(frozen=True)
class Knob:
    """A number with a slider: name, label, range, step, start value, unit and tooltip."""

    name: str
    label: str
    low: float
    high: float
    step: float
    start: float
    unit: str
    tip: str


FIELD = (
    Knob("ten_dq", "10Dq", -1.0, 4.0, 0.05, 1.0, "eV", "Cubic crystal field splitting"),
    Knob("ds", "Ds", -0.6, 0.6, 0.01, 0.0, "eV", "Tetragonal field, rank 2"),
    Knob("dt", "Dt", -0.4, 0.4, 0.01, 0.0, "eV", "Tetragonal field, rank 4"),
    Knob(
        "slater_scale", "Slater integrals", 0.4, 1.0, 0.01, 0.8, "", "Factor on the Hartree-Fock values; 0.8: free ion"
    ),
    Knob("spin_orbit_scale", "2p spin-orbit", 0.9, 1.1, 0.01, 1.0, "", "Factor on the Hartree-Fock value"),
    Knob("shift", "shift", -4.0, 4.0, 0.05, 0.0, "eV", "Shift of the energy axis from its empirical position"),
    Knob("lorentz_l3", "Lorentz L3", 0.05, 1.5, 0.05, 0.2, "eV", "Lorentzian full width of the L3 lines"),
    Knob("lorentz_l2", "Lorentz L2", 0.05, 2.0, 0.05, 0.4, "eV", "Lorentzian full width of the L2 lines"),
    Knob(
        "gauss",
        "Gauss",
        0.05,
        1.5,
        0.05,
        0.25,
        "eV",
        "Gaussian full width of the instrument's resolution",
    ),
)
TRANSFER = (
    Knob("delta", "Δ", -5.0, 12.0, 0.1, 4.0, "eV", "Charge transfer energy: d^(n+1)L above d^n"),
    Knob("v_eg", "V(e_g)", 0.0, 4.0, 0.05, 2.0, "eV", "Hopping to the e_g orbitals; that to t2g is half of it"),
    Knob("u_dd", "U(dd)", 0.0, 10.0, 0.1, 6.0, "eV", "Repulsion between two 3d electrons"),
    Knob("u_pd", "U(pd)", 0.0, 12.0, 0.1, 7.2, "eV", "Attraction between the 2p hole and a 3d electron"),
)


class KnobRow(QWidget):
    """A slider and a number field for the same value."""

    def __init__(self, knob: Knob, changed: Any) -> None:
        super().__init__()
        self._knob = knob
        self._slider = QSlider(Qt.Orientation.Horizontal)
        self._slider.setRange(0, round((knob.high - knob.low) / knob.step))
        self.box = QDoubleSpinBox()
        self.box.setRange(knob.low, knob.high)
        self.box.setDecimals(2)
        self.box.setSingleStep(knob.step)
        self.box.setSuffix(f" {knob.unit}" if knob.unit else "")
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self._slider, 1)
        row.addWidget(self.box)
        self.setToolTip(knob.tip)
        self.box.setValue(knob.start)
        self._follow(knob.start)
        self._slider.valueChanged.connect(lambda n: self.box.setValue(knob.low + n * knob.step))
        self.box.valueChanged.connect(self._follow)
        self.box.valueChanged.connect(lambda _: changed())

    def _follow(self, value: float) -> None:
        with QSignalBlocker(self._slider):
            self._slider.setValue(round((value - self._knob.low) / self._knob.step))

    def value(self) -> float:
        """Return the value of the knob."""
        return round(self.box.value(), 6)


def simulate(ion: str, values: dict[str, float], energies: Any) -> Spectrum:
    """Compute the spectrum for the values of the sliders, named after the ion.

    Parameters
    ----------
    ion : str
        Such as ``Mn2+``.
    values : mapping
        The values of the knobs; charge transfer is included if ``delta`` is among them.
    energies : ndarray or None
        Energies in eV of the current stack. The spectrum covers their range if it contains the edge.
    """
    from napari_xanes import theory
    from napari_xanes.theory.multiplet.atomic import find_ion, parse_ion
    from napari_xanes.theory.multiplet.spectra import empirical_offset, simulated

    values = dict(values)
    element, charge = parse_ion(ion)
    centre = empirical_offset(find_ion(element, charge)) + values.pop("shift")
    covers_edge = energies is not None and energies[0] < centre < energies[-1]
    names = {knob.name for knob in TRANSFER}
    transfer = {name: values.pop(name) for name in names & set(values)}
    spectrum = simulated(
        element,
        charge,
        values.pop("ten_dq"),
        energy=(float(energies[0]), float(energies[-1])) if covers_edge else None,
        offset=centre,
        charge_transfer=theory.ChargeTransfer(**transfer) if transfer else None,
        **values,
    )
    return Spectrum(f"theory {ion}", spectrum.energy, spectrum.mu, spectrum.valence, metadata=spectrum.metadata)


class SimulateDock(QWidget):
    """Sliders for an ion in a ligand field; the plot shows the spectrum while the dock is open.

    It is no reference of any fit until the user keeps it as one.

    Parameters
    ----------
    napari_viewer : napari.viewer.Viewer
        The viewer.
    """

    def __init__(self, napari_viewer: Viewer) -> None:
        super().__init__()
        from napari_xanes.theory.multiplet.atomic import ions

        self._viewer = viewer = plain_viewer(napari_viewer)
        self.references = workspace_of(viewer).references
        self.ion = QComboBox()
        self.ion.addItems(ions())
        self.ion.setCurrentText("Mn2+")
        self._ion_chosen = False
        self.transfer = QCheckBox("charge transfer")
        self.knobs = {knob.name: KnobRow(knob, self._schedule) for knob in (*FIELD, *TRANSFER)}
        self.keep = QPushButton("Keep as reference")
        self.keep.setToolTip("Add this curve to the references, which fits use; the sliders no longer change it")
        self.message = QLabel()
        self.message.setWordWrap(True)
        self._latest: Spectrum | None = None
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(16)
        self._timer.timeout.connect(self._submit)
        self._worker = LatestOnlyWorker(self)
        self._worker.done.connect(self._draw)
        self._worker.failed.connect(lambda _key, error: self.message.setText(sentence(error)))
        self._lay_out()
        self.ion.currentTextChanged.connect(lambda _: self._schedule())
        self.ion.textActivated.connect(self._on_ion_chosen)
        self.transfer.toggled.connect(self._on_transfer)
        self.keep.clicked.connect(self._keep)
        self._on_transfer(False)
        ShownFocus(self, viewer)
        as_dock(self, viewer)

    def _lay_out(self) -> None:
        rows = QFormLayout()
        rows.addRow("ion", self.ion)
        for knob in FIELD:
            rows.addRow(knob.label, self.knobs[knob.name])
        rows.addRow(self.transfer)
        for knob in TRANSFER:
            rows.addRow(knob.label, self.knobs[knob.name])
        content = QWidget()
        column = QVBoxLayout(content)
        column.addLayout(rows)
        column.addWidget(self.keep)
        column.addWidget(self.message)
        column.addStretch()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(scrolled(content))
        self.setMinimumSize(DOCK_WIDTH, 220)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Expanding)

    def showEvent(self, event: Any) -> None:
        """Compute the first spectrum."""
        super().showEvent(event)
        self._suggest_ion()
        self._schedule()

    def hideEvent(self, event: Any) -> None:
        """Remove the curve of the sliders; kept curves stay."""
        self._timer.stop()
        self._worker.forget()
        self.references.set_trial(None)
        super().hideEvent(event)

    def _on_ion_chosen(self, _ion: str) -> None:
        self._ion_chosen = True

    def _suggest_ion(self) -> None:
        """Choose an ion of the stack's element, until the user has chosen one."""
        layer = workspace_of(self._viewer).stacks.layer
        element = None if layer is None or self._ion_chosen else element_of(layer)
        if element is not None:
            self.ion.setCurrentText(f"{element}2+")  # changes nothing if the table does not have this element

    def _on_transfer(self, on: bool) -> None:
        for knob in TRANSFER:
            self.knobs[knob.name].setEnabled(on)
        self._schedule()

    def _schedule(self) -> None:
        if self.isVisible():
            self._timer.start()

    def values(self) -> dict[str, float]:
        """Return the values of the knobs; those of charge transfer only if it is on."""
        knobs = (*FIELD, *TRANSFER) if self.transfer.isChecked() else FIELD
        return {knob.name: self.knobs[knob.name].value() for knob in knobs}

    def _submit(self) -> None:
        layer = workspace_of(self._viewer).stacks.layer
        energies = None if layer is None else np.asarray(energies_of(layer))
        ion, values = self.ion.currentText(), self.values()
        self._worker.submit(ion, lambda: simulate(ion, values, energies))

    def _draw(self, _ion: str, spectrum: Spectrum) -> None:
        if not self.isVisible():
            return
        self._latest = spectrum
        self.references.set_trial(spectrum)
        self.message.setText(
            "The plot shows this curve, scaled onto the spectrum under the cursor; fits use it only if you keep it as "
            "a reference"
        )

    def _keep(self) -> None:
        if self._latest is not None:
            spectrum = self._latest
            name = str(spectrum.metadata["simulated"])
            self.references.add(
                [Spectrum(name, spectrum.energy, spectrum.mu, spectrum.valence, metadata=spectrum.metadata)]
            )
