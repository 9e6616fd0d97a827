"""A plot in a dialog, with room for the labels of its axes."""

from __future__ import annotations

import pyqtgraph as pg

from napari_xanes.gui.plot_font import PlotFont
from napari_xanes.gui.upright_axis import UprightAxis


def dialog_plot(bottom: str, left: str, height: int) -> pg.PlotWidget:
    """Return an empty plot with the colour of its dialog.

    Parameters
    ----------
    bottom, left : str
        Labels of the axes.
    height : int
        Least height in pixels.
    """
    plot = pg.PlotWidget(axisItems={"left": UprightAxis()})
    plot.setBackground(None)
    plot.setMinimumHeight(height)
    plot.getPlotItem().setContentsMargins(2, 8, 6, 6)  # pyqtgraph leaves no room for the lower parts of letters
    for side, text in (("bottom", bottom), ("left", left)):
        plot.getAxis(side).enableAutoSIPrefix(False)
        plot.setLabel(side, text)
    PlotFont(plot)
    return plot
