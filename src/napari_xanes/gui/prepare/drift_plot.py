"""The plot of a drift: shifts with error bars over photon energy, and a quantity per frame below."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyqtgraph as pg
from qtpy.QtCore import QSize, Qt, Signal

from napari_xanes.colours import OKABE_ITO
from napari_xanes.gui.prepare.drift import BAR_SIGMA, PIXELS, Drift, Panel
from napari_xanes.gui.theme import plot_colours, readable
from napari_xanes.gui.two_plots import TwoPlots

_CURVES = {"dy": (OKABE_ITO[0], "o"), "dx": (OKABE_ITO[1], "t")}
"""Colour and symbol of a shift, so that symbols alone tell them apart."""

_MARK = OKABE_ITO[5]
_LEAST_SPAN = 0.02  # pixels


class DriftPlot(TwoPlots):
    """Draws a `Drift`.

    Signals
    -------
    frame_requested : int
        The user clicked nearest to this frame.
    """

    frame_requested = Signal(int)

    def __init__(self, parent: Any = None) -> None:
        super().__init__(parent)
        self.ci.layout.setRowStretchFactor(0, 3)
        self.ci.layout.setRowStretchFactor(1, 1)
        self.main.getAxis("bottom").setStyle(showValues=False)
        self.lower.setLabel("bottom", "photon energy (eV)")
        self.legend = self.main.addLegend(offset=(-4, 2), labelTextSize="8pt", verSpacing=-4, colCount=3)
        self.shifts = {name: pg.PlotDataItem(connect="finite") for name in _CURVES}
        self.bars = {name: pg.ErrorBarItem() for name in _CURVES}
        self.marks = pg.ScatterPlotItem(symbol="x", size=13)
        self.by_hand = pg.ScatterPlotItem(symbol="s", size=13, brush=None)
        self.frame_line = pg.InfiniteLine(angle=90)
        for item in (*self.bars.values(), *self.shifts.values(), self.by_hand, self.marks):
            self.main.addItem(item)
        self.main.addItem(self.frame_line, ignoreBounds=True)
        self._lower_items: list[Any] = []
        self._drift: Drift | None = None
        self._unit, self._panel = PIXELS, ""
        self.scene().sigMouseClicked.connect(self._on_click)
        self.setToolTip("Click: show this frame. Wheel: zoom. Double-click: show all")
        self.setMinimumHeight(210)
        self.set_theme("dark")

    def sizeHint(self) -> QSize:
        """Narrow enough for a small laptop."""
        return QSize(340, 250)

    def set_theme(self, theme: str) -> None:
        """Use the colours of a napari theme."""
        self._colours = colours = plot_colours(theme)
        self.paint_axes(colours)
        self.frame_line.setPen(pg.mkPen(readable(colours.accent, colours.background, 4), width=1))
        self.legend.setLabelTextColor(colours.foreground)
        self._redraw()

    def show_drift(self, drift: Drift | None, unit: str = PIXELS, panel: str = "") -> None:
        """Draw a drift in a unit, with one of its panels below; None clears the plot."""
        same = drift is not None and self._drift is not None and drift.found is self._drift.found
        same = same and (unit, panel) == (self._unit, self._panel)
        self._drift, self._unit, self._panel = drift, unit, panel
        self._redraw()
        if not same:
            self.show_all()

    def show_frame(self, frame: int) -> None:
        """Mark a frame by a line."""
        energies = () if self._drift is None else self._drift.energy
        known = 0 <= frame < len(energies)
        self.frame_line.setVisible(known)
        if known:
            self.frame_line.setValue(float(energies[frame]))

    def show_all(self) -> None:
        """Fit the axes to the shifts; bars that are longer than the drift do not count."""
        drift = self._drift
        if drift is None:
            return
        shifts = drift.alignment.shifts * drift.units()[self._unit]
        least = _LEAST_SPAN * drift.units()[self._unit][0]
        reach = np.minimum(np.nan_to_num(BAR_SIGMA * drift.sigma * drift.units()[self._unit]), np.ptp(shifts) + least)
        low, high = float((shifts - reach).min()), float((shifts + reach).max())
        room = 0.08 * (high - low) + least / 2
        self.main.setYRange(low - room, high + 3 * room, padding=0)
        slack = 0.02 * float(np.ptp(drift.energy)) or 1.0
        self.main.setXRange(drift.energy[0] - slack, drift.energy[-1] + slack, padding=0)

    def _redraw(self) -> None:
        drift = self._drift
        for item in (*self.shifts.values(), *self.bars.values(), self.marks, self.by_hand):
            item.setVisible(drift is not None)
        self._draw_lower(None if drift is None else drift.panels(self._unit).get(self._panel))
        if drift is None:
            return
        self.main.setLabel("left", f"shift ({self._unit})")
        factors = drift.units()[self._unit]
        shifts, sigma = drift.alignment.shifts * factors, drift.sigma * factors
        for axis, (name, (colour, symbol)) in enumerate(_CURVES.items()):
            colour = readable(colour, self._colours.background)
            self.shifts[name].setData(
                drift.energy,
                shifts[:, axis],
                pen=pg.mkPen(colour, width=1),
                symbol=symbol,
                symbolSize=5,
                symbolBrush=colour,
                symbolPen=None,
            )
            known = np.isfinite(sigma[:, axis])
            height = 2 * BAR_SIGMA * sigma[known, axis]
            self.bars[name].setData(
                x=drift.energy[known], y=shifts[known, axis], height=height, pen=pg.mkPen(colour, width=2)
            )
        colour = readable(_MARK, self._colours.background, 4)
        self._mark(self.marks, drift.marked, drift.energy, shifts, pg.mkPen(colour, width=2))
        self._mark(self.by_hand, drift.changed, drift.energy, shifts, pg.mkPen(self._colours.foreground, width=1.5))
        self._renew_legend(drift)

    @staticmethod
    def _mark(item: pg.ScatterPlotItem, where: Any, energy: Any, shifts: Any, pen: Any) -> None:
        """Mark both shifts of some frames."""
        x, y = np.repeat(energy[where], 2), shifts[where].ravel()
        item.setData(x, y, pen=pen, brush=pen.color() if item.opts["symbol"] == "x" else None)

    def _renew_legend(self, drift: Drift) -> None:
        self.legend.clear()
        for name, item in self.shifts.items():
            self.legend.addItem(item, name)
        if drift.marked.any():
            self.legend.addItem(self.marks, "outlier")
        if drift.changed.any():
            self.legend.addItem(self.by_hand, "changed")

    def _draw_lower(self, panel: Panel | None) -> None:
        for item in self._lower_items:
            self.lower.removeItem(item)
        self._lower_items = []
        drift = self._drift
        if panel is None or drift is None:
            self.lower.setLabel("left", "")
            return
        self.lower.setLabel("left", panel.label)
        for name, values in panel.curves.items():
            colour, symbol = _CURVES.get(name, (self._colours.foreground, "o"))
            colour = readable(colour, self._colours.background)
            self._lower_items.append(
                pg.PlotDataItem(
                    drift.energy,
                    values,
                    connect="finite",
                    pen=pg.mkPen(colour, width=1),
                    symbol=symbol,
                    symbolSize=4,
                    symbolBrush=colour,
                    symbolPen=None,
                )
            )
        if panel.usual is not None:
            self._lower_items.append(
                pg.InfiniteLine(panel.usual, 0, pen=pg.mkPen("#888888", style=Qt.PenStyle.DotLine))
            )
        for item in self._lower_items:
            self.lower.addItem(item)
        values = np.concatenate([*panel.curves.values(), [0.0] if panel.from_zero else []])
        values = values[np.isfinite(values)]
        low, high = (float(values.min()), float(values.max())) if values.size else (0.0, 0.0)
        self.lower.setYRange(low, high if high > low else low + 1.0, padding=0.08)

    def _on_click(self, event: Any) -> None:
        if event.button() != Qt.MouseButton.LeftButton or self._drift is None:
            return
        if event.double():
            self.show_all()
            return
        for plot in (self.main, self.lower):
            if plot.vb.sceneBoundingRect().contains(event.scenePos()):
                energy = float(plot.vb.mapSceneToView(event.scenePos()).x())
                self.frame_requested.emit(int(np.abs(self._drift.energy - energy).argmin()))
