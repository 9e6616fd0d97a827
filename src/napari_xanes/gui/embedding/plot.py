"""The picture of an embedding: branches of the library, the density of pixels, marks, and a lasso."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyqtgraph as pg
from qtpy.QtCore import QSize, Qt, Signal

from napari_xanes.colours import colour_of
from napari_xanes.gui.embedding.model import Picture, branches
from napari_xanes.gui.theme import plot_colours, readable

_MARKS_EVERY = 5
"""Every how many members of a branch its 10Dq is written."""


class LassoView(pg.ViewBox):
    """A view in which dragging with the left button draws a line around points, while `lasso` is on."""

    drawn = Signal(object)

    def __init__(self) -> None:
        super().__init__(enableMenu=False)
        self.lasso = False
        self._points: list[tuple[float, float]] = []
        self._line = pg.PlotCurveItem(pen=pg.mkPen("#E69F00", width=2))
        self.addItem(self._line, ignoreBounds=True)

    def mouseDragEvent(self, event: Any, axis: Any = None) -> None:
        """Draw, or move the view as usual."""
        if not self.lasso or event.button() != Qt.MouseButton.LeftButton:
            super().mouseDragEvent(event, axis)
            return
        event.accept()
        if event.isStart():
            self._points = []
        position = self.mapSceneToView(event.scenePos())
        self._points.append((position.x(), position.y()))
        self._line.setData(*np.array(self._points).T)
        if event.isFinish():
            self._line.setData([], [])
            if len(self._points) > 2:
                self.drawn.emit(np.array(self._points))


class EmbeddingPlot(pg.PlotWidget):
    """Draws a `Picture`.

    Signals
    -------
    lassoed : ndarray, shape (N, 2)
        A line was drawn around points.
    """

    lassoed = Signal(object)

    def __init__(self) -> None:
        self._view = LassoView()
        super().__init__(viewBox=self._view)
        self._view.drawn.connect(self.lassoed)
        self._colours = plot_colours("dark")
        self.hideAxis("left")
        self.hideAxis("bottom")
        self.setAspectLocked(False)
        self._density = pg.ImageItem()
        self._density.setZValue(5)
        self.addItem(self._density)
        self._regions = pg.ScatterPlotItem(size=4, pen=None)
        self._cursor = pg.ScatterPlotItem(size=16, symbol="x")
        self._cursor.setZValue(20)
        self._parts: list[Any] = []
        for item in (self._regions, self._cursor):
            self.addItem(item, ignoreBounds=True)
        self.legend = self.addLegend(offset=(4, 1), labelTextSize="8pt")

    def sizeHint(self) -> QSize:
        """Narrow enough for a small laptop."""
        return QSize(340, 320)

    def set_lasso(self, on: bool) -> None:
        """Whether dragging draws a lasso."""
        self._view.lasso = on
        self.setCursor(Qt.CursorShape.CrossCursor if on else Qt.CursorShape.ArrowCursor)

    def set_theme(self, theme: str) -> None:
        """Take the colours of a napari theme."""
        self._colours = plot_colours(theme)
        self.setBackground(self._colours.background)
        self.legend.setLabelTextColor(self._colours.foreground)
        self._cursor.setPen(pg.mkPen(self._colours.foreground, width=3))

    def show_picture(self, picture: Picture) -> None:
        """Draw the library's branches and the density of the pixels."""
        for part in self._parts:
            self.removeItem(part)
        self._parts = []
        self.legend.clear()
        coordinates, library = picture.embedding.coordinates, picture.library
        for number, (name, rows) in enumerate(branches(library), start=1):
            colour = readable(colour_of(number), self._colours.background)
            same = [i for i, species in enumerate(library.species) if species == name]
            others = pg.ScatterPlotItem(*coordinates[same].T, size=3, pen=None, brush=pg.mkBrush(colour + "60"))
            line = pg.PlotDataItem(
                *coordinates[rows].T,
                pen=pg.mkPen(colour, width=2),
                symbol="o",
                symbolSize=5,
                symbolBrush=colour,
                symbolPen=None,
                name=name,
            )
            for part in (others, line):
                self.addItem(part)
                self._parts.append(part)
            self._write_10dq(library, rows, coordinates, colour)
        self._show_density(picture)
        self.legend.setColumnCount(max(1, len(branches(library))))
        # The legend has a strip at the top to itself.
        low, high = float(coordinates[:, 1].min()), float(coordinates[:, 1].max())
        self.autoRange()
        self.setYRange(low - 0.04 * (high - low), high + 0.16 * (high - low), padding=0)

    def _write_10dq(self, library: Any, rows: Any, coordinates: Any, colour: str) -> None:
        for row in rows[::_MARKS_EVERY]:
            value = library.column("ten_dq")[row]
            if np.isfinite(value):
                text = pg.TextItem(f"{value:g}", color=colour, anchor=(0, 1))
                text.setPos(*coordinates[row])
                self.addItem(text, ignoreBounds=True)
                self._parts.append(text)

    def _show_density(self, picture: Picture) -> None:
        counts, (x0, x1, y0, y1) = picture.density()
        shown = np.log1p(counts)
        shown[counts == 0] = np.nan
        self._density.setImage(shown, autoLevels=False, levels=(0, max(float(np.nanmax(shown, initial=1.0)), 1.0)))
        self._density.setRect(x0, y0, max(x1 - x0, 1e-9), max(y1 - y0, 1e-9))
        self._density.setColorMap(pg.colormap.get("viridis"))
        self._density.setOpacity(0.85)

    def show_cursor(self, point: Any) -> None:
        """Mark the pixel under the cursor; None or NaN for none."""
        known = point is not None and np.isfinite(point).all()
        self._cursor.setData([float(point[0])] if known else [], [float(point[1])] if known else [])

    def show_regions(self, groups: Sequence[tuple[str, Any]]) -> None:
        """Light up the pixels of regions: a colour and points (N, 2) each."""
        spots = [
            {"pos": point, "brush": pg.mkBrush(colour)}
            for colour, points in groups
            for point in points[np.isfinite(points).all(axis=1)]
        ]
        self._regions.setData(spots)
