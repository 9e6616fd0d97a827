"""The parameters of the selected step as handles in the plot: E0, the ranges of the lines, and what crop keeps."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import pyqtgraph as pg
from qtpy.QtCore import QObject, QSignalBlocker, Qt

from napari_xanes.gui.curve import Curve
from napari_xanes.gui.spectra.curves import with_unit
from napari_xanes.gui.spectra.display import MODES
from napari_xanes.gui.state.preview import RecipePreview
from napari_xanes.gui.state.recipe import RecipeState
from napari_xanes.gui.state.reference_lines import ReferenceLines
from napari_xanes.gui.theme import plot_colours, readable
from napari_xanes.history import Step

if TYPE_CHECKING:
    from napari_xanes.gui.spectra.plot import SpectrumPlot

_COLOURS = {"pre": "#56B4E9", "post": "#E69F00", "e0": "#009E73", "energy": "#CC79A7"}
_DIGITS = 1
"""Decimals in eV of what is set by hand."""


class StepHandles(QObject):
    """Draws the preview of the recipe and the handles of its selected step, and edits the step as they are dragged.

    Parameters
    ----------
    plot : SpectrumPlot
        The plot.
    recipe : RecipeState
        The steps.
    preview : RecipePreview
        What they make of the spectrum under the cursor.
    looked_at : ReferenceLines
        The reference whose normalization is looked at, in the place of all this.
    """

    def __init__(
        self, plot: SpectrumPlot, recipe: RecipeState, preview: RecipePreview, looked_at: ReferenceLines
    ) -> None:
        super().__init__(plot)
        self._plot, self._recipe, self._preview, self._looked_at = plot, recipe, preview, looked_at
        self.e0 = pg.InfiniteLine(movable=True, angle=90, label="E0", labelOpts={"position": 0.06})
        self.ranges: dict[str, pg.LinearRegionItem] = {}
        self.lines: dict[str, pg.PlotCurveItem] = {}
        self.e0.setZValue(5)
        plot.main.addItem(self.e0, ignoreBounds=True)
        self.e0.sigDragged.connect(self._on_e0)
        for name in ("pre", "post", "energy"):
            region = self.ranges[name] = pg.LinearRegionItem((0, 1), swapMode="push")
            region.setZValue(-10)
            plot.main.addItem(region, ignoreBounds=True)
            region.sigRegionChanged.connect(self._dragged(name))
        for name in ("pre", "post"):
            self.lines[name] = pg.PlotCurveItem(connect="finite")
            plot.main.addItem(self.lines[name], ignoreBounds=True)
        preview.curve_changed.connect(self.show_handles)
        looked_at.changed.connect(self.show_handles)
        self.set_theme("dark")
        self.show_handles()

    @property
    def quantity(self) -> str:
        """The quantity of the preview or of the reference that is looked at; no text without one."""
        if self._looked_at.curve is not None:
            return self._looked_at.curve.quantity
        return "" if self._preview.curves is None else self._preview.curves.spectrum.quantity

    def mode(self, mode: str) -> str:
        """Return how curves are shown: a reference that is looked at as it is, all others as the user chose."""
        return MODES[0] if self._looked_at.curve is not None else mode

    def curves(self) -> list[tuple[str, Curve]]:
        """Return the curve of the preview, under its key."""
        shown, step = self._preview.curves, self._recipe.step
        if shown is None:
            return []
        before = step is not None and (shown.edge is not None or shown.kept is not None)
        name = f"before {step.step.name.replace('_', ' ')}" if step is not None and before else "preview"
        return [("preview", Curve(name, shown.spectrum.energy, shown.spectrum.values, "cursor"))]

    def preferred(
        self, measured: list[tuple[str, Curve]], references: list[Curve]
    ) -> tuple[list[tuple[str, Curve]], list[Curve]]:
        """Return the curves to draw: those that were measured, or the preview; no references beside handles."""
        if self._looked_at.curve is not None and self._looked_at.spectrum is not None:
            energy, values, quantity = self._looked_at.curve
            name = f"{self._looked_at.spectrum.name}{', normalized' if quantity == 'normalized' else ''}"
            return [("looked at", Curve(name, energy, values, "cursor"))], []
        shown = self._preview.curves
        if shown is None:
            return measured, references
        return self.curves(), references if shown.edge is None and shown.kept is None else []

    def readout(self, energy: float) -> str:
        """Return the value of the preview at an energy, to be added to that of the stack."""
        shown = self.curves()
        if not shown:
            return ""
        _key, curve = shown[0]
        value = float(curve.values[int(np.argmin(np.abs(curve.energy - energy)))])
        return f" · {curve.name}: {with_unit(value, self.quantity)}"

    def set_theme(self, theme: str) -> None:
        """Use the colours of a napari theme."""
        background = plot_colours(theme).background
        colours = {name: readable(colour, background) for name, colour in _COLOURS.items()}
        self.e0.setPen(pg.mkPen(colours["e0"], width=2, style=Qt.PenStyle.DashLine))
        self.e0.setHoverPen(pg.mkPen(colours["e0"], width=4))
        self.e0.label.setColor(colours["e0"])
        for name, region in self.ranges.items():
            fill = pg.mkColor(colours[name])
            fill.setAlpha(45)
            region.setBrush(fill)
            fill.setAlpha(90)
            region.setHoverBrush(fill)
            for line in region.lines:
                line.setPen(pg.mkPen(colours[name], width=1))
                line.setHoverPen(pg.mkPen(colours[name], width=4))
        for name, item in self.lines.items():
            item.setPen(pg.mkPen(colours[name], width=2, style=Qt.PenStyle.DashLine))

    def show_handles(self) -> None:
        """Draw the handles of the selected step where they are; one that is being dragged stays with the mouse."""
        shown, edge, kept = self._preview.curves, self._looked_at.edge, None
        if self._looked_at.curve is None and shown is not None:
            edge, kept = shown.edge, shown.kept
        self.e0.setVisible(edge is not None)
        for item in (*self.lines.values(), *self.ranges.values()):
            item.setVisible(False)
        if edge is not None:
            if not self.e0.moving:
                with QSignalBlocker(self.e0):
                    self.e0.setValue(edge.e0)
            for name, line, ends in zip(("pre", "post"), (edge.pre, edge.post), edge.ranges, strict=True):
                self._place(name, (edge.e0 + ends[0], edge.e0 + ends[1]))
                self.lines[name].setData(edge.spectrum.energy, line)
                self.lines[name].setVisible(True)
        if kept is not None:
            self._place("energy", kept)

    def _place(self, name: str, ends: tuple[float, float]) -> None:
        region = self.ranges[name]
        region.setVisible(True)
        if not self._is_dragged(region):
            with QSignalBlocker(region):
                region.setRegion(ends)

    @staticmethod
    def _is_dragged(region: pg.LinearRegionItem) -> bool:
        return bool(region.moving or any(line.moving for line in region.lines))

    def _on_e0(self, line: pg.InfiniteLine) -> None:
        self._set("e0", round(float(line.value()), _DIGITS))

    def _dragged(self, name: str) -> Callable[[Any], None]:
        """Return what takes a range that the user drags."""

        def take(region: pg.LinearRegionItem) -> None:
            edge = self._looked_at.edge
            if edge is None and self._preview.curves is not None:
                edge = self._preview.curves.edge
            low, high = (float(end) for end in region.getRegion())
            if not self._is_dragged(region) or low >= high:
                return
            if name == "energy":
                self._set("energy", [[round(low, _DIGITS), round(high, _DIGITS)]])
            elif edge is not None:
                self._set(name, [round(low - edge.e0, _DIGITS), round(high - edge.e0, _DIGITS)])

        return take

    def _set(self, name: str, value: Any) -> None:
        """Set a parameter of the selected step, or a line of the reference that is looked at."""
        if self._looked_at.edge is not None:
            self._looked_at.change(**{name: value})
            return
        entry = self._recipe.step
        if entry is not None:
            self._recipe.change(self._recipe.row, Step(entry.step.name, {**entry.step.parameters, name: value}))
