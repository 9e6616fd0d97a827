"""The scree plot of components, and the plot of the spectra that were found."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyqtgraph as pg
from qtpy.QtCore import QSize, Qt

from napari_xanes.gui.curve import Curve
from napari_xanes.gui.exploring.evidence import FoundCurve, Scree
from napari_xanes.gui.plot_font import PlotFont
from napari_xanes.gui.spectra.curve_geometry import outline
from napari_xanes.gui.theme import plot_colours, readable
from napari_xanes.gui.upright_axis import UprightAxis

_HEIGHT = 160  # px


class ThemedPlot(pg.PlotWidget):
    """A plot that zooms by wheel, moves by drag, shows all on a double click and follows napari's theme."""

    def __init__(self, **keywords: Any) -> None:
        super().__init__(enableMenu=False, axisItems={"left": UprightAxis()}, **keywords)
        self.hideButtons()
        self.getPlotItem().setContentsMargins(2, 8, 6, 6)
        self.setMinimumHeight(_HEIGHT)
        self.setToolTip("Wheel: zoom. Drag: move. Double-click: show all")
        for side in ("left", "bottom"):
            self.getAxis(side).enableAutoSIPrefix(False)
        self._colours = plot_colours("dark")
        PlotFont(self)

    def sizeHint(self) -> QSize:
        """Narrow enough for a small laptop."""
        return QSize(320, _HEIGHT)

    def mouseDoubleClickEvent(self, event: Any) -> None:
        """Show all."""
        self.show_all()

    def set_theme(self, theme: str) -> None:
        """Use the colours of a napari theme."""
        self._colours = plot_colours(theme)
        self.setBackground(self._colours.background)
        for side in ("left", "bottom"):
            self.getAxis(side).setPen(self._colours.foreground)
            self.getAxis(side).setTextPen(self._colours.foreground)
        self.draw_again()

    def show_all(self) -> None:
        """Fit the axes to what is drawn."""
        self.getPlotItem().vb.autoRange(padding=0.04)

    def draw_again(self) -> None:
        """Draw with the present colours."""
        raise NotImplementedError


class ScreePlot(ThemedPlot):
    """Draws a `Scree`: dots of the components that were found are filled, those of the others are open."""

    def __init__(self) -> None:
        super().__init__()
        self.setLogMode(x=False, y=True)
        self.setLabel("bottom", "component")
        self.setLabel("left", "over noise")
        self.curve = pg.PlotDataItem()
        self.chance = pg.InfiniteLine(
            angle=0, label="chance", labelOpts={"position": 0.92, "anchors": [(1, 1), (1, 1)]}
        )
        self.addItem(self.curve)
        self.addItem(self.chance)
        self._scree: Scree | None = None

    def show_scree(self, scree: Scree | None) -> None:
        """Draw the eigenvalues of a run; None draws nothing."""
        self._scree = scree
        self.draw_again()
        self.show_all()

    def show_all(self) -> None:
        """Show the components that were found, and some of the noise beside them."""
        if self._scree is None:
            return
        shown = self._scree.eigenvalues[: self._scree.n_shown]
        ends = np.log10([*shown[shown > 0], self._scree.limit])
        self.setXRange(0.5, self._scree.n_shown + 0.5, padding=0)
        self.setYRange(float(ends.min()), float(ends.max()), padding=0.1)

    def draw_again(self) -> None:
        """Draw with the present colours."""
        scree = self._scree
        if scree is None:
            self.curve.setData([], [])
            return
        foreground = self._colours.foreground
        filled = np.arange(scree.eigenvalues.size) < scree.n_found
        self.curve.setData(
            np.arange(1, scree.eigenvalues.size + 1),
            # What is not above zero has no logarithm.
            np.where(scree.eigenvalues > 0, scree.eigenvalues, np.nan),
            connect="finite",
            pen=pg.mkPen(foreground, width=1),
            symbol="o",
            symbolSize=7,
            symbolPen=pg.mkPen(foreground, width=1.5),
            symbolBrush=[pg.mkBrush(foreground if one else self._colours.background) for one in filled],
        )
        pen = pg.mkPen(readable("#D55E00", self._colours.background), width=1.5, style=Qt.PenStyle.DashLine)
        self.chance.setPen(pen)
        self.chance.label.setColor(pen.color())
        self.chance.setValue(float(np.log10(scree.limit)))


class FoundPlot(ThemedPlot):
    """Draws the spectra that were found, each with its band."""

    def __init__(self) -> None:
        super().__init__()
        self.setLabel("bottom", "photon energy (eV)")
        self.lines: list[pg.PlotDataItem] = []
        self.bands: list[pg.PlotCurveItem] = []
        self._curves: Sequence[FoundCurve] = ()

    def show_curves(self, curves: Sequence[FoundCurve], label: str = "absorption") -> None:
        """Draw these spectra instead of those before, with what they are beside the axis."""
        self._curves = curves
        self.setLabel("left", label)
        self.draw_again()
        self.show_all()

    def colour(self, curve: FoundCurve) -> str:
        """Return the colour of a spectrum that is readable on the present background."""
        return readable(curve.colour, self._colours.background)

    def draw_again(self) -> None:
        """Draw with the present colours."""
        self.clear()
        self.lines, self.bands = [], []
        for curve in self._curves:
            colour = self.colour(curve)
            middle, half = (curve.low + curve.high) / 2, (curve.high - curve.low) / 2
            band = Curve(curve.name, curve.energy, middle, "fit", spread=half)
            self.bands.append(
                pg.PlotCurveItem(
                    *outline(band), connect="finite", pen=None, fillLevel="enclosed", brush=pg.mkBrush(colour + "40")
                )
            )
            self.lines.append(
                pg.PlotDataItem(curve.energy, curve.values, connect="finite", pen=pg.mkPen(colour, width=2))
            )
            for item in (self.bands[-1], self.lines[-1]):
                self.addItem(item)
