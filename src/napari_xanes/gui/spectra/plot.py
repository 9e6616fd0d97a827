"""The plot of spectra: curves, bands, the energy line and, below, a residual."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import numpy as np
import pyqtgraph as pg
from qtpy.QtCore import QPointF, Qt, Signal

from napari_xanes.gui.curve import Curve
from napari_xanes.gui.pixels.spectra import Values
from napari_xanes.gui.spectra.curve_geometry import distance, outline, span
from napari_xanes.gui.spectra.legend import Entry, Legend
from napari_xanes.gui.theme import plot_colours, readable
from napari_xanes.gui.two_plots import TwoPlots

_STYLES = {
    "cursor": (Qt.PenStyle.SolidLine, 2),
    "region": (Qt.PenStyle.SolidLine, 2),
    "pin": (Qt.PenStyle.DotLine, 2),
    "reference": (Qt.PenStyle.DashLine, 2),
    "fit": (Qt.PenStyle.SolidLine, 1),
    "residual": (Qt.PenStyle.SolidLine, 1),
}
_MARK = 7  # px, the size of the mark at E0
_NEAR = 8  # px from a curve that still point at it


class SpectrumPlot(TwoPlots):
    """Plots spectra over photon energy.

    Signals
    -------
    energy_requested : float
        The user clicked, or moved the energy line to, this energy in eV.
    """

    energy_requested = Signal(float)

    def __init__(self, parent: Any = None) -> None:
        super().__init__(parent)
        self._place_residual(False)
        self.legend = Legend()
        self.line = pg.InfiniteLine(movable=True, angle=90)
        # The line starts at 0 eV; the range of the axis must not include it.
        self.main.addItem(self.line, ignoreBounds=True)
        self.line.sigDragged.connect(lambda line: self.energy_requested.emit(float(line.value())))
        self.line.hide()
        self.scene().sigMouseClicked.connect(self._on_click)
        for plot in (self.main, self.lower):
            plot.vb.sigRangeChangedManually.connect(self._on_zoom)
        self._curves: dict[str, Curve] = {}
        self._asked_hidden: frozenset[str] = frozenset()
        self._items: dict[str, pg.PlotCurveItem] = {}
        self._bands: dict[str, pg.PlotCurveItem] = {}
        self._residual_item: pg.PlotCurveItem | None = None
        self._residual: tuple[Values, Values] | None = None
        self._bottom = "photon energy (eV)"
        self._fits_all = True
        self._given: list[tuple[str, Curve]] = []
        self._hidden: frozenset[str] = frozenset()  # in all
        self._own_hidden: set[str] = set()  # by `toggle`
        self._marks = pg.ScatterPlotItem(size=_MARK, pxMode=True)
        self._marks.setZValue(6)
        self.main.addItem(self._marks, ignoreBounds=True)
        self.paint_count = 0
        self.main.vb.sigResized.connect(self._on_resize)
        self.set_theme("dark")

    def paintEvent(self, event: Any) -> None:
        """Count the paint events, for tests and the benchmark."""
        super().paintEvent(event)
        self.paint_count += 1

    @property
    def curves(self) -> list[Curve]:
        """The curves shown, in the order of the legend."""
        return list(self._curves.values())

    @property
    def residual(self) -> tuple[Values, Values] | None:
        """Energies and residual of the fit that is drawn below; None without one."""
        return self._residual

    @property
    def hidden_keys(self) -> frozenset[str]:
        """Keys of the curves that only the legend shows."""
        return self._hidden & {key for key, _ in self._given}

    def set_theme(self, theme: str) -> None:
        """Use the colours of a napari theme."""
        self._colours = colours = plot_colours(theme)
        self.paint_axes(colours)
        self.line.setPen(pg.mkPen(readable(colours.accent, colours.background, 4), width=1))
        self.line.setHoverPen(pg.mkPen(colours.foreground, width=2))
        self.legend.set_colours(colours.background, colours.foreground)
        for key, curve in self._curves.items():
            self._paint(key, curve)
        self._mark_edges()
        self._renew_legend()

    def set_labels(self, left: str, bottom: str = "photon energy (eV)") -> None:
        """Set the labels of the axes."""
        self.main.setLabel("left", left)
        # The panel is too low for a word: it would overlap the label above.
        self.lower.setLabel("left", "Δ")
        self._bottom = bottom
        self._label_bottom()

    def set_curves(self, curves: Sequence[tuple[str, Curve]], hidden: Collection[str] = ()) -> None:
        """Show exactly these curves, each with a unique key; hidden ones, by their keys, only in the legend."""
        self._given, self._asked_hidden = list(curves), frozenset(hidden)
        self._show()

    def toggle(self, key: str) -> None:
        """Hide a curve, or show it again."""
        self._own_hidden ^= {key}
        self._show()

    def curve_at(self, position: QPointF) -> str | None:
        """Return the key of the curve that is drawn near a position in the scene; None if there is none."""
        if not self.main.vb.sceneBoundingRect().contains(position):
            return None
        here, pixel = self.main.vb.mapSceneToView(position), self.main.vb.viewPixelSize()
        point = (here.x(), here.y())
        distances = {key: distance(curve, point, pixel, _NEAR) for key, curve in self._above().items()}
        nearest = min(distances, key=lambda key: distances[key], default=None)
        return nearest if nearest is not None and distances[nearest] <= _NEAR else None

    def _above(self) -> dict[str, Curve]:
        """Return the curves of the large plot: a residual around 0 must not flatten them."""
        return {key: curve for key, curve in self._curves.items() if curve.kind != "residual"}

    def _show(self) -> None:
        self._hidden = self._asked_hidden | self._own_hidden
        curves = [(key, curve) for key, curve in self._given if key not in self._hidden]
        for key in set(self._curves) - {key for key, _ in curves}:
            self._remove(key)
        old_curves = {key: self._curves.pop(key, None) for key, _ in curves}
        self._curves = {}
        for key, curve in curves:
            self._put(key, curve, old=old_curves[key])
        self._mark_edges()
        self._renew_legend()
        self._fit_range()

    def show_energy(self, energy: float | None) -> None:
        """Move the energy line to an energy (eV), except while the user drags it."""
        self.line.setVisible(energy is not None)
        if energy is not None and not self.line.moving:
            self.line.setValue(energy)

    def show_residual(self, energy: Values | None, residual: Values | None) -> None:
        """Draw a residual below the spectra; None hides the panel."""
        self._residual = None if energy is None or residual is None else (energy, residual)
        if energy is None or residual is None:
            self._place_residual(False)
        else:
            if self._residual_item is None:
                self._residual_item = pg.PlotCurveItem(connect="finite")
                self.lower.addItem(self._residual_item)
                self.lower.addItem(pg.InfiniteLine(0, 0, pen=pg.mkPen("#888888", style=Qt.PenStyle.DotLine)))
            self._residual_item.setData(energy, residual, pen=pg.mkPen(self._colours.foreground))
            shared = [curve.values for curve in self._curves.values() if curve.kind == "residual"]
            reach = float(np.nanmax(np.abs(np.concatenate([residual, *shared])), initial=0.0)) or 1.0
            self.lower.setYRange(-reach, reach)
            # Two ticks, half way up and down, with one number: the panel is too low for more.
            step = 10.0 ** np.floor(np.log10(reach / 2))
            tick = float(step * np.floor(reach / 2 / step))
            self.lower.getAxis("left").setTicks([[(-tick, ""), (tick, f"±{tick:g}")]])
            self._place_residual(True)
        self._label_bottom()

    def show_all(self) -> None:
        """Fit the range to all curves, now and after each change."""
        self._fits_all = True
        self._fit_range(force=True)

    def _place_residual(self, shown: bool) -> None:
        """Show the residual with a quarter of the height, or hide it."""
        self.lower.setVisible(shown)
        self.lower.setMaximumHeight(70 if shown else 0)
        self.ci.layout.setRowStretchFactor(0, 3)
        self.ci.layout.setRowStretchFactor(1, 1 if shown else 0)

    def _label_bottom(self) -> None:
        """Label the energy axis under the lower plot only."""
        lower = self.lower.isVisible()
        self.main.getAxis("bottom").setStyle(showValues=not lower)
        self.main.getAxis("bottom").setLabel(None if lower else self._bottom)
        self.main.getAxis("bottom").showLabel(not lower)
        self.lower.getAxis("bottom").setLabel(self._bottom)

    def _put(self, key: str, curve: Curve, old: Curve | None) -> None:
        self._curves[key] = curve
        if old is curve:
            return
        if key not in self._items:
            self._items[key] = pg.PlotCurveItem(connect="finite")
            self._items[key].setZValue({"reference": 1, "region": 2, "pin": 3, "cursor": 4}.get(curve.kind, 5))
            (self.lower if curve.kind == "residual" else self.main).addItem(self._items[key])
        if old is None or (old.colour, old.kind) != (curve.colour, curve.kind):
            self._paint(key, curve)
        self._items[key].setData(curve.energy, curve.values)
        self._put_band(key, curve)

    def _mark_edges(self) -> None:
        """Mark E0 of the curves that are normalized."""
        found = [(curve, curve.e0) for curve in self._curves.values() if curve.e0 is not None]
        if not found and not len(self._marks.points()):
            return
        self._marks.setData(
            x=[e0 for _, e0 in found],
            y=[np.interp(e0, curve.energy, curve.values) for curve, e0 in found],
            brush=[pg.mkBrush(self._colour(curve)) for curve, _ in found],
            pen=pg.mkPen(self._colours.background),
        )

    def _put_band(self, key: str, curve: Curve) -> None:
        band = self._bands.get(key)
        if curve.spread is None:
            if band is not None:
                self.main.removeItem(self._bands.pop(key))
            return
        if band is None:
            band = self._bands[key] = pg.PlotCurveItem(fillLevel="enclosed", pen=None, connect="finite")
            band.setZValue(0)
            self.main.addItem(band)
            self._paint(key, curve)
        band.setData(*outline(curve))

    def _paint(self, key: str, curve: Curve) -> None:
        style, width = _STYLES[curve.kind]
        colour = self._colour(curve)
        self._items[key].setPen(pg.mkPen(colour, width=width, style=style))
        if key in self._bands:
            fill = pg.mkColor(colour)
            fill.setAlpha(55)
            self._bands[key].setBrush(fill)

    def _remove(self, key: str) -> None:
        curve = self._curves.pop(key)
        (self.lower if curve.kind == "residual" else self.main).removeItem(self._items.pop(key))
        if key in self._bands:
            self.main.removeItem(self._bands.pop(key))

    def _renew_legend(self) -> None:
        """Name all curves in the legend, also those that are hidden."""
        entries = []
        for key, curve in self._given:
            style, width = _STYLES[curve.kind]
            name = curve.name if curve.e0 is None else f"{curve.name} · E0 {curve.e0:.1f}"
            said = "" if curve.e0 is None else f" eV, edge jump {curve.jump:.3g}"
            entries.append(Entry(key, name, said, self._colour(curve), style, width, key not in self._hidden))
        self.legend.set_entries(entries)

    def _colour(self, curve: Curve) -> str:
        """Return the colour of a curve, as it stands out from the background."""
        return readable(curve.colour, self._colours.background) if curve.colour else self._colours.foreground

    def _fit_range(self, *, force: bool = False) -> None:
        """Keep all curves in view, without a new range for each noisy pixel."""
        if not self._fits_all or not self._above():
            return
        shown = self._above().values()
        measured = [curve for curve in shown if curve.kind != "reference"] or list(shown)
        ends = [end for curve in measured for end in (curve.energy[0], curve.energy[-1])]
        low_x, high_x = min(ends), max(ends)
        view = self.main.vb.viewRange()
        slack = 0.02 * (high_x - low_x or 1.0)
        if abs(view[0][0] - low_x) > slack or abs(view[0][1] - high_x) > slack:
            self.main.setXRange(low_x, high_x, padding=0.01)
        spans = [found for curve in shown if (found := span(curve)) is not None]
        if not spans:
            return
        low, high = min(s[0] for s in spans), max(s[1] for s in spans)
        height = (high - low) or abs(high) or 1.0
        bottom, top = view[1]
        if force or low < bottom or high > top or (top - bottom) > 2.2 * height:
            bottom = low - 0.05 * height
            self.main.setYRange(bottom, bottom + 1.1 * height, padding=0)

    def _on_resize(self, *_: Any) -> None:
        self._fit_range(force=True)

    def _on_zoom(self, *_: Any) -> None:
        self._fits_all = False

    def _on_click(self, event: Any) -> None:
        inside = self.main.vb.sceneBoundingRect().contains(event.scenePos())
        if not inside or event.button() != Qt.MouseButton.LeftButton:
            return
        if event.double():
            self.show_all()
        elif not event.isAccepted():
            self.energy_requested.emit(float(self.main.vb.mapSceneToView(event.scenePos()).x()))
