"""The plot of spectra, with what is said about it: always the same, wherever it is shown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_xanes.gui.curve import Curve
from napari_xanes.gui.dock_layout import say, wrapping_label
from napari_xanes.gui.energy import energies_of, energy_of_step, go_to_step, plain_viewer, step_of_energy
from napari_xanes.gui.pixels.region_changes import hide_region
from napari_xanes.gui.pixels.spectra import Values
from napari_xanes.gui.spectra.curve_sources import CurveSources
from napari_xanes.gui.spectra.curves import asking, place_in_words, readout
from napari_xanes.gui.spectra.display import MODES, Composer, axis_label
from napari_xanes.gui.spectra.handles import StepHandles
from napari_xanes.gui.spectra.pages import Pages
from napari_xanes.gui.spectra.plot import SpectrumPlot
from napari_xanes.gui.state.workspace import workspace_of
from napari_xanes.gui.theme_follower import ThemeFollower
from napari_xanes.gui.while_seen import WhileSeen

if TYPE_CHECKING:
    from napari.layers import Layer
    from napari.viewer import Viewer

_PLOT_HEIGHT = 112  # px, the smallest height at which axes and curves can be read


class SpectrumView(QWidget):
    """Spectra of the chosen stack: under the cursor, in regions, pinned, with references and a fit.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        The viewer.

    Signals
    -------
    redrawn :
        Other curves are shown.
    """

    redrawn = Signal()

    def __init__(self, viewer: Viewer) -> None:
        super().__init__()
        self._viewer = viewer = plain_viewer(viewer)
        self._workspace = workspace = workspace_of(viewer)
        self._stacks, self._cursor = workspace.stacks, workspace.cursor
        self._composer = Composer()
        self._mode, self._offset = MODES[0], 0.0
        self.composed: list[tuple[str, Curve]] = []
        self.curves = CurveSources()
        self.plot = SpectrumPlot()
        self.handles = StepHandles(self.plot, workspace.recipe, workspace.preview, workspace.reference_lines)
        self.plot.setMinimumHeight(_PLOT_HEIGHT)
        self.plot.setToolTip(
            "Click or drag the line: move to an energy. Wheel: zoom. Drag: move. Double-click: show all. "
            "Right click: what can be done with a curve. Δ: residual of the fit"
        )
        self.readout, self.message = wrapping_label(" "), wrapping_label()
        self.message.hide()
        page = QWidget()
        column = QVBoxLayout(page)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        column.addWidget(self.plot.legend)
        column.addWidget(self.plot, 1)
        column.addWidget(self.readout)
        column.addWidget(self.message)
        self.pages = Pages(viewer, page)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(self.pages)
        workspace.references.changed.connect(self._on_references)
        self.plot.legend.toggled.connect(self.toggle)
        self.plot.energy_requested.connect(self._on_energy_requested)
        self.plot.line.sigPositionChangeFinished.connect(lambda *_: self._on_step())
        self.seen = WhileSeen(self, self._followed(), self._states(), begin=self._begin)
        ThemeFollower(self, viewer, self._set_theme)

    @property
    def mode(self) -> str:
        """How the curves are shown, one of `MODES`."""
        return self._mode

    def set_mode(self, mode: str) -> None:
        """Show all curves in another way, one of `MODES`."""
        self._mode = mode
        self.plot.set_labels(self.label())
        self.redraw()
        self.plot.show_all()

    @property
    def offset(self) -> float:
        """Distance between two curves that are drawn one above the other, in the unit of the values."""
        return self._offset

    @offset.setter
    def offset(self, distance: float) -> None:
        self._offset = distance
        self.redraw()
        self.plot.show_all()

    @property
    def shown_curves(self) -> list[Curve]:
        """The curves that are drawn, in the order of the legend, without the offset between them."""
        return [curve for key, curve in self.composed if key not in self.plot.hidden_keys]

    def toggle(self, key: str) -> None:
        """Hide a curve, or show it again; with a region or pin, in all plots."""
        pin, region = self.curves.pin(key), self.curves.region(key)
        if pin is not None:
            self._workspace.pins.change(pin.number, visible=not pin.visible)
        elif region is not None:
            hide_region(region.layer, region.number, not region.hidden)
        else:
            self.plot.toggle(key)
            self.redrawn.emit()

    def label(self) -> str:
        """Return quantity and unit of the curves."""
        return axis_label(self.handles.mode(self._mode), self._quantity() or "reference")

    def _quantity(self) -> str:
        layer = self._stacks.layer
        return self.handles.quantity or ("" if layer is None else self._workspace.shown.quantity_of(layer))

    def _begin(self) -> None:
        self._on_stack()
        self._on_references()
        self._on_fit()

    def _states(self) -> tuple[Any, ...]:
        """Return what is followed only while it is asked for."""
        shared = self._workspace
        return shared.cursor, shared.regions, shared.pin_spectra, shared.fit, shared.run_fit, shared.pinning

    def _followed(self) -> tuple[tuple[Any, Any], ...]:
        """Return what changes while the mouse moves, with what it changes here."""
        cursor, regions, pins = self._cursor, self._workspace.regions, self._workspace.pin_spectra
        return (
            (self._viewer.layers.events, self._on_layers),
            (self._viewer.layers.selection.events.active, self._on_layers),
            (self._stacks.layer_changed, self._on_stack),
            (self._stacks.step_changed, self._on_step),
            (self._workspace.shown.changed, self._on_quantity),
            (cursor.pixel_changed, self._on_cursor),
            (cursor.spectrum_ready, self._on_spectrum),
            (cursor.failed, self._on_unreadable),
            (regions.changed, self._on_regions),
            (regions.failed, self._on_unreadable),
            (pins.changed, self._on_pins),
            (pins.failed, self._on_unreadable),
            (self._workspace.fit.changed, self._on_fit),
            (self._workspace.preview.curve_changed, self._on_preview),
            (self._workspace.reference_lines.changed, self._on_looked_at),
        )

    def _set_theme(self, theme: str) -> None:
        self.plot.set_theme(theme)
        self.handles.set_theme(theme)

    def _on_layers(self, event: Any = None) -> None:
        """Choose the page to show, and draw again what depends on layers."""
        self.pages.choose(self._stacks.layer)
        self.redraw()

    def _on_stack(self, layer: Layer | None = None) -> None:
        """Show another current stack, or none."""
        layer, spectrum = self._stacks.layer, self._cursor.spectrum
        self.curves.cursor = None
        self._ask_for_cursor()
        if spectrum is not None:
            self._on_spectrum(*spectrum)
        self._on_layers()
        if layer is not None:
            self._workspace.references.offer(layer)
        self.plot.set_labels(self.label())
        self._on_step()
        self.redraw()
        self.plot.show_all()

    def _on_quantity(self) -> None:
        self._on_preview()
        self.plot.show_all()

    def _on_preview(self) -> None:
        self.plot.set_labels(self.label())
        self.redraw()
        self._show_readout()

    def _on_looked_at(self) -> None:
        before = [curve.name for _, curve in self.composed]
        self._on_preview()
        if before != [curve.name for _, curve in self.composed]:
            self.plot.show_all()

    def _on_step(self, step: int = 0) -> None:
        layer = self._stacks.layer
        self.plot.show_energy(energy_of_step(layer, self._stacks.step) if layer is not None else None)
        self._show_readout()

    def _on_energy_requested(self, energy: float) -> None:
        layer = self._stacks.layer
        if layer is not None:
            step = step_of_energy(layer, energy)
            if step != self._stacks.step:
                go_to_step(self._viewer, layer, step)

    def _on_cursor(self, layer: Layer | None, index: tuple[int, ...] | None) -> None:
        if index is None:
            self.curves.cursor = None
            self._ask_for_cursor()
            self.redraw()

    def _ask_for_cursor(self) -> None:
        self.readout.setText(asking(stack=self._stacks.layer is not None, flat=self._viewer.dims.ndisplay == 2))

    def _on_spectrum(self, index: tuple[int, ...], values: Values) -> None:
        layer = self._stacks.layer
        if layer is None or values.size != energies_of(layer).size:
            return
        place = place_in_words(layer, index, self._cursor.box)
        self.curves.set_cursor(layer, values, self._cursor.sigma(), place)
        self.redraw()
        self._show_readout()

    def _show_readout(self) -> None:
        layer, index, step = self._stacks.layer, self._cursor.index, self._stacks.step
        curve = self.curves.cursor
        if layer is not None and index is not None and curve is not None:
            energy, quantity = energy_of_step(layer, step), self._workspace.shown.quantity_of(layer)
            sigma = np.nan if curve.sigma is None else float(curve.sigma[step])
            words = readout(layer, index, energy, curve.values[step], sigma, quantity)
            self.readout.setText(words + self.handles.readout(energy))

    def _on_regions(self) -> None:
        self.curves.set_regions(self._stacks.layer, self._workspace.regions.regions)
        self.redraw()

    def _on_pins(self) -> None:
        self.curves.set_pins(self._workspace.pin_spectra.spectra)
        self.redraw()

    def _on_references(self) -> None:
        self.curves.set_references(self._workspace.references)
        self._on_layers()
        if self._stacks.layer is None:
            self.plot.show_all()

    def _on_fit(self) -> None:
        """Draw the fit of the workspace and its residual."""
        fit = self._workspace.fit
        self.curves.set_fits(fit.curves)
        self.redraw()
        self.plot.show_residual(*(fit.residual or (None, None)))

    def _on_unreadable(self, error: Exception) -> None:
        self._show_message(f"Spectra can't be read: {error}")

    def _show_message(self, text: str) -> None:
        say(self.message, text)

    def redraw(self) -> None:
        """Update the plot; do nothing while it is hidden."""
        if not self.seen.live:
            return
        layer, sources, quantity = self._stacks.layer, self.curves, self._quantity()
        measured, references = self.handles.preferred(sources.measured(), sources.comparable_references(quantity))
        self.composed, problem = self._composer.compose(self.handles.mode(self._mode), measured, references)
        stacked = self._composer.stacked(self._mode, self.composed, self._offset)
        self.plot.set_curves(stacked, sources.hidden)
        self._show_message(problem or self.pages.reason() or sources.warning(layer, quantity))
        self.redrawn.emit()
