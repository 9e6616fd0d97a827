"""Two plots, one below the other, that share the axis of photon energy."""

from __future__ import annotations

from typing import Any

import pyqtgraph as pg

from napari_xanes.gui.plot_font import PlotFont
from napari_xanes.gui.theme import PlotColours
from napari_xanes.gui.upright_axis import UprightAxis


class TwoPlots(pg.GraphicsLayoutWidget):
    """A large plot, and a low one below that follows its energies."""

    def __init__(self, parent: Any = None) -> None:
        super().__init__(parent)
        self.ci.layout.setContentsMargins(2, 4, 6, 4)
        self.ci.layout.setSpacing(0)
        self.main: pg.PlotItem = self.addPlot(row=0, col=0, axisItems={"left": UprightAxis(steady=True)})
        self.lower: pg.PlotItem = self.addPlot(row=1, col=0, axisItems={"left": UprightAxis(steady=True, whole=True)})
        for plot in (self.main, self.lower):
            plot.hideButtons()
            plot.setMenuEnabled(False)
            plot.disableAutoRange()
            plot.showGrid(x=True, y=True, alpha=0.08)
            for side in ("left", "bottom"):
                plot.getAxis(side).enableAutoSIPrefix(False)
        self.lower.setXLink(self.main)
        PlotFont(self)

    def paint_axes(self, colours: PlotColours) -> None:
        """Use the colours of a theme for background and axes."""
        self.setBackground(colours.background)
        for plot in (self.main, self.lower):
            for side in ("left", "bottom"):
                plot.getAxis(side).setPen(colours.foreground)
                plot.getAxis(side).setTextPen(colours.foreground)
