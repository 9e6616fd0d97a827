"""The Spectra dock."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QSize, Signal
from qtpy.QtWidgets import (
    QComboBox,
    QLabel,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from napari_xanes.gui.dock_layout import row_of, wrapping_label
from napari_xanes.gui.energy import energies_of, energy_of_step, go_to_step, plain_viewer, step_of_energy
from napari_xanes.gui.files.drop_target import DropTarget
from napari_xanes.gui.pixels.spectra import Values
from napari_xanes.gui.spectra.box import OddSpinBox
from napari_xanes.gui.spectra.curve_sources import CurveSources
from napari_xanes.gui.spectra.curves import place, readout
from napari_xanes.gui.spectra.display import MODES, Composer, axis_label
from napari_xanes.gui.spectra.export_button import ExportButton
from napari_xanes.gui.spectra.pages import Pages
from napari_xanes.gui.spectra.pinning import PinGestures
from napari_xanes.gui.spectra.plot import SpectrumPlot
from napari_xanes.gui.spectra.stack_box import StackBox
from napari_xanes.gui.spectra.tabs import SpectraTabs
from napari_xanes.gui.state.workspace import workspace_of

if TYPE_CHECKING:
    from napari.viewer import Viewer


class SpectraDock(QWidget):
    """Spectra of the current stack: under the cursor, in regions, pinned, with references and fits.

    Parameters
    ----------
    napari_viewer : napari.viewer.Viewer
        The viewer.

    Signals
    -------
    cursor_moved : Layer, tuple of int or None
        The layer of the current stack and the pixel under the cursor, (y, x) or (z, y, x); None outside the image.
    """

    cursor_moved = Signal(object, object)

    def __init__(self, napari_viewer: Viewer, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._viewer = viewer = plain_viewer(napari_viewer)
        self.workspace = workspace = workspace_of(viewer)
        self.stacks, self.cursor, self.tracker = workspace.stacks, workspace.cursor, workspace.regions
        self._gestures = PinGestures(viewer, self.pin)
        self._composer = Composer()
        self._live = False
        self.curves = CurveSources()
        self._build(viewer)
        self._connect()
        DropTarget(self, viewer)

    def sizeHint(self) -> QSize:
        """Narrow enough for a small laptop."""
        return QSize(380, 640)

    def minimumSizeHint(self) -> QSize:
        """Wide enough for the axis and the curves."""
        return QSize(300, 420)

    def _build(self, viewer: Viewer) -> None:
        self.stack_box = StackBox(viewer)
        self.box = OddSpinBox()
        self.box.setMaximumWidth(96)
        self.box.setToolTip("Width of the box of pixels around the cursor; the plot shows their mean")
        self.plot = SpectrumPlot()
        self.plot.setMinimumHeight(190)
        self.plot.setToolTip(
            "Click or drag the line: move to an energy. Wheel: zoom. Drag: move. Double-click: show all. "
            "Δ: residual of the fit"
        )
        self.readout, self.message = wrapping_label(" "), wrapping_label()
        self.message.hide()
        self.mode = QComboBox()
        self.mode.addItems(MODES)
        self.mode.setToolTip(
            "How to show all curves. As measured: references (dashed) are scaled and shifted onto the spectrum"
        )
        self.pin_button = QPushButton("Pin")
        self.pin_button.setToolTip("Keep the spectrum under the cursor (or press P, or click in the image)")
        self.export_button = ExportButton(self.plot, self._label)
        self.tabs = SpectraTabs(viewer, self.tracker)
        self.regions, self.reference_list, self.pins = self.tabs.regions, self.tabs.references, self.workspace.pins
        page = QWidget()
        layout = QVBoxLayout(page)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addLayout(row_of((self.stack_box, 1), (QLabel("box"), 0), (self.box, 0)))
        layout.addWidget(self.plot, 1)
        layout.addWidget(self.readout)
        layout.addWidget(self.message)
        layout.addLayout(row_of((QLabel("show"), 0), (self.mode, 1), (self.pin_button, 0), (self.export_button, 0)))
        layout.addWidget(self.tabs)
        self.pages = Pages(viewer, page)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(6, 4, 6, 4)
        outer.addWidget(self.pages)

    def _connect(self) -> None:
        self.workspace.references.changed.connect(self._on_references)
        self.pins.changed.connect(self._redraw)
        self.box.valueChanged.connect(lambda size: setattr(self.cursor, "box", size))
        self.mode.currentTextChanged.connect(self._on_mode)
        self.pin_button.clicked.connect(lambda _checked=False: self.pin())
        self.plot.energy_requested.connect(self._on_energy_requested)
        self.plot.line.sigPositionChangeFinished.connect(lambda *_: self._on_step())

    def showEvent(self, event: Any) -> None:
        """Start to follow cursor, regions and layers."""
        super().showEvent(event)
        if self._live:
            return
        self._live = True
        viewer = self._viewer
        viewer.events.theme.connect(self._on_theme)
        viewer.layers.events.connect(self._on_layers)
        viewer.layers.selection.events.active.connect(self._on_layers)
        self._gestures.attach()
        self.stacks.layer_changed.connect(self._on_stack)
        self.stacks.step_changed.connect(self._on_step)
        self._on_theme()
        self._on_stack()
        self._on_references()
        self._connect_state()
        for followed in (self.cursor, self.tracker, self.workspace.fit):
            followed.start(self)

    def _connect_state(self) -> None:
        """Listen to what changes while the mouse moves; all docks share it, so a hidden dock must not."""
        self.box.setValue(self.cursor.box)
        self.cursor.pixel_changed.connect(self._on_cursor)
        self.cursor.spectrum_ready.connect(self._on_spectrum)
        self.cursor.failed.connect(self._on_unreadable)
        self.tracker.changed.connect(self._on_regions)
        self.tracker.failed.connect(self._on_unreadable)
        self.workspace.fit.changed.connect(self._on_fit)
        self._on_fit()

    def _disconnect_state(self) -> None:
        self.cursor.pixel_changed.disconnect(self._on_cursor)
        self.cursor.spectrum_ready.disconnect(self._on_spectrum)
        self.cursor.failed.disconnect(self._on_unreadable)
        self.tracker.changed.disconnect(self._on_regions)
        self.tracker.failed.disconnect(self._on_unreadable)
        self.workspace.fit.changed.disconnect(self._on_fit)

    def hideEvent(self, event: Any) -> None:
        """Stop to follow them: a hidden dock must not draw."""
        super().hideEvent(event)
        if not self._live:
            return
        self._live = False
        for followed in (self.cursor, self.tracker, self.workspace.fit):
            followed.stop(self)
        self._disconnect_state()
        viewer = self._viewer
        viewer.events.theme.disconnect(self._on_theme)
        viewer.layers.events.disconnect(self._on_layers)
        viewer.layers.selection.events.active.disconnect(self._on_layers)
        self._gestures.detach()
        self.stacks.layer_changed.disconnect(self._on_stack)
        self.stacks.step_changed.disconnect(self._on_step)

    def _on_fit(self) -> None:
        """Draw the fit of the workspace and its residual."""
        fit = self.workspace.fit
        self.curves.set_fits(fit.curves)
        self.plot.show_residual(*(fit.residual or (None, None)))
        self._redraw()

    def pin(self) -> None:
        """Pin the spectrum under the cursor."""
        layer, index, curve = self.stacks.layer, self.cursor.index, self.curves.cursor
        if layer is not None and curve is not None and index is not None:
            quantity = layer.metadata["xanes"]["quantity"]
            self.pins.pin(curve.energy, curve.values, place(layer, index), quantity)

    def _label(self) -> str:
        layer = self.stacks.layer
        return axis_label(self.mode.currentText(), layer.metadata["xanes"]["quantity"]) if layer is not None else ""

    def _on_theme(self, event: Any = None) -> None:
        self.plot.set_theme(self._viewer.theme)

    def _on_layers(self, event: Any = None) -> None:
        """Choose the page to show, and list the stacks."""
        self.pages.choose(self.stacks.layer)
        self.stack_box.refresh()
        self._redraw()

    def _on_stack(self, layer: Any = None) -> None:
        """Show another current stack, or none."""
        layer = self.stacks.layer
        self.curves.cursor = None
        self._ask_for_cursor()
        self._on_layers()
        if layer is not None:
            self.workspace.references.offer(layer)
            self.plot.set_labels(self._label())
        self._on_step()
        self._redraw()
        self.plot.show_all()

    def _on_step(self, step: Any = None) -> None:
        layer = self.stacks.layer
        self.plot.show_energy(energy_of_step(layer, self.stacks.step) if layer is not None else None)
        self._show_readout()

    def _on_energy_requested(self, energy: float) -> None:
        layer = self.stacks.layer
        if layer is not None:
            step = step_of_energy(layer, energy)
            if step != self.stacks.step:
                go_to_step(self._viewer, layer, step)

    def _on_cursor(self, layer: Any, index: Any) -> None:
        if index is None:
            self.curves.cursor = None
            self._ask_for_cursor()
            self._redraw()
        self.cursor_moved.emit(layer, index)

    def _ask_for_cursor(self) -> None:
        flat = self._viewer.dims.ndisplay == 2
        self.readout.setText(
            "Move the cursor over the image to see spectra" if flat else "The 3D view shows no spectra: switch to 2D"
        )

    def _on_spectrum(self, index: Any, values: Values) -> None:
        layer = self.stacks.layer
        if layer is None or values.size != energies_of(layer).size:
            return
        self.curves.set_cursor(layer, values)
        self._redraw()
        self._show_readout()

    def _show_readout(self) -> None:
        layer, index, step = self.stacks.layer, self.cursor.index, self.stacks.step
        curve = self.curves.cursor
        if layer is not None and index is not None and curve is not None:
            self.readout.setText(readout(layer, index, energy_of_step(layer, step), curve.values[step]))

    def _on_regions(self) -> None:
        self.curves.set_regions(self.stacks.layer, self.tracker.regions)
        self._redraw()

    def _on_references(self) -> None:
        self.curves.set_references(self.workspace.references)
        self._redraw()

    def _on_mode(self, mode: str) -> None:
        self.plot.set_labels(self._label())
        self._redraw()
        self.plot.show_all()

    def _on_unreadable(self, error: Exception) -> None:
        self._show_message(f"Spectra can't be read: {error}")

    def _show_message(self, text: str) -> None:
        self.message.setText(text)
        self.message.setVisible(bool(text))

    def _redraw(self) -> None:
        """Update the plot; do nothing while the dock is hidden."""
        if not self._live:
            return
        layer, sources = self.stacks.layer, self.curves
        pins, mode = self.pins.pins, self.mode.currentText()
        measured, references = sources.measured(pins, layer, mode), sources.comparable_references(layer)
        curves, problem = self._composer.compose(mode, measured, references)
        self.plot.set_curves(curves)
        self.pin_button.setEnabled(sources.cursor is not None)
        n_references = len(self.workspace.references.spectra)
        self.tabs.count_items(len(sources.regions), n_references, len(self.pins.pins))
        self._show_message(problem or self.pages.reason() or sources.warning(layer, pins, mode))
