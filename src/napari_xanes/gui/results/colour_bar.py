"""A colour bar with a title and a unit, under the histogram of what is shown; its ends can be dragged."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyqtgraph as pg
from numpy.typing import NDArray

from napari_xanes.colours import DIVERGING
from napari_xanes.gui.latest_only_worker import LatestOnlyWorker
from napari_xanes.gui.plot_font import PlotFont
from napari_xanes.gui.theme import plot_colours, readable

if TYPE_CHECKING:
    from napari.layers import Image

_BINS = 128
_SAMPLE = 200_000
"""So many values show where they lie; counting all of a large image would take longer than a frame."""

_BAR = 0.22
"""Height of the bar, of that of the histogram."""


def histogram_of(values: NDArray[Any]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return counts (N,) and edges (N + 1,) of evenly spaced finite values, without the outermost thousandth.

    Examples
    --------
    >>> counts, edges = histogram_of(np.array([0.0, 1.0, np.nan]))
    >>> counts.sum(), float(edges[0]), float(edges[-1])
    (2.0, 0.0, 1.0)
    """
    # An odd step samples all columns of an image, whose width is mostly even.
    sample = values.ravel()[:: values.size // _SAMPLE | 1]
    finite = sample[np.isfinite(sample)].astype(np.float64)
    if not finite.size:
        return np.zeros(1), np.array([0.0, 1.0])
    low, high = np.percentile(finite, (0.1, 99.9))
    if not high > low:
        low, high = low - 0.5, low + 0.5
    counts, edges = np.histogram(finite, bins=_BINS, range=(low, high))
    return counts.astype(np.float64), edges


class ColourBar(pg.PlotWidget):
    """Shows the colours of an image layer, and sets its limits."""

    def __init__(self, parent: Any = None) -> None:
        super().__init__(parent)
        self._layer: Image | None = None
        self._setting = False
        self._title, self._edges, self._top = "", (0.0, 1.0), 1.0
        self._worker = LatestOnlyWorker(self)
        self._worker.done.connect(self._show_counts)
        self._shown: Any = None
        self.item: pg.PlotItem = self.getPlotItem()
        self.item.hideButtons()
        self.item.setMenuEnabled(False)
        self.item.hideAxis("left")
        PlotFont(self)
        self.item.getAxis("bottom").enableAutoSIPrefix(False)
        self.item.vb.setMouseEnabled(x=False, y=False)
        self.counts = pg.PlotCurveItem([0, 1], [0], stepMode="center", fillLevel=0)
        self.bar = pg.ImageItem()
        self.limits = pg.LinearRegionItem((0, 1), swapMode="block")
        self.limits.setZValue(10)
        for item in (self.counts, self.bar, self.limits):
            self.item.addItem(item)
        self.setFixedHeight(110)
        self.setToolTip("How often each value occurs. Drag the two lines to change the limits of the colours")
        self.limits.sigRegionChanged.connect(self._set_limits)

    def set_theme(self, theme: str) -> None:
        """Use the colours of a napari theme."""
        colours = plot_colours(theme)
        self.setBackground(colours.background)
        axis = self.item.getAxis("bottom")
        axis.setPen(colours.foreground)
        axis.setTextPen(colours.foreground)
        accent = readable(colours.accent, colours.background, 4)
        self.counts.setPen(pg.mkPen(accent))
        fill = pg.mkColor(accent)
        fill.setAlpha(70)
        self.counts.setBrush(fill)
        shade = pg.mkColor(colours.foreground)
        shade.setAlpha(20)
        self.limits.setBrush(shade)
        for line in self.limits.lines:
            line.setPen(pg.mkPen(colours.foreground, width=2))
            line.setHoverPen(pg.mkPen(accent, width=3))

    def show_layer(self, layer: Image | None, title: str = "", unit: str = "") -> None:
        """Show the values of an image layer under a title; nothing without a layer."""
        self.stop()
        self._layer = layer
        if layer is None:
            return
        for event in (layer.events.contrast_limits, layer.events.colormap):
            event.connect(self._follow)
        self._edges = tuple(layer.contrast_limits)
        self.counts.setData([0, 1], [0])
        self._title = f"{title}{f' ({unit})' if unit not in ('', '1') else ''}"
        self._follow()
        values = self._shown = layer.data
        self._worker.submit(values, lambda: histogram_of(np.asarray(values)))

    def _show_counts(self, values: Any, histogram: tuple[NDArray[np.float64], NDArray[np.float64]]) -> None:
        if values is not self._shown:
            return
        counts, edges = histogram
        self._edges, self._top = (float(edges[0]), float(edges[-1])), float(counts.max()) or 1.0
        self.counts.setData(edges, counts)
        self.item.vb.setYRange(-_BAR * self._top, self._top, padding=0.02)
        self._follow()

    def stop(self) -> None:
        """Follow the layer no longer."""
        if self._layer is not None:
            for event in (self._layer.events.contrast_limits, self._layer.events.colormap):
                event.disconnect(self._follow)
        self._layer = self._shown = None

    def _follow(self, event: Any = None) -> None:
        """Show the limits and colours that the layer has now."""
        layer = self._layer
        if layer is None:
            return
        low, high = layer.contrast_limits
        if not self._setting:
            self._setting = True
            self.limits.setRegion((low, high))
            self._setting = False
        self.item.vb.setXRange(min(low, self._edges[0]), max(high, self._edges[1]), padding=0.03)
        # The limits can be dragged: then another value than 0 is white.
        white = f", white at {(low + high) / 2:.3g}" if layer.colormap.name == DIVERGING else ""
        axis = self.item.getAxis("bottom")
        axis.setLabel(self._title + white)
        axis.resizeEvent()  # else a label of another length stays where the old one began
        colours = layer.colormap.map(np.linspace(0, 1, 256))
        self.bar.setImage((255 * colours).astype(np.uint8)[:, np.newaxis], levels=(0, 255))
        self.bar.setRect(low, -_BAR * self._top, high - low, 0.9 * _BAR * self._top)

    def _set_limits(self) -> None:
        """Give the layer the limits that the user drags."""
        low, high = self.limits.getRegion()
        if self._layer is not None and not self._setting and high > low:
            self._setting = True
            self._layer.contrast_limits = (low, high)
            self._setting = False
