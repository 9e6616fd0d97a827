"""The plot of an embedding: branches of the library, density of pixels, and marks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyqtgraph as pg
from napari.settings import get_settings
from numpy.typing import NDArray
from qtpy.QtCore import QSize
from scipy.ndimage import gaussian_filter

from napari_xanes.gui.embedding.lasso import LassoView
from napari_xanes.gui.embedding.library_match import labels_of
from napari_xanes.gui.embedding.marks import Mark
from napari_xanes.gui.embedding.model import Branch, Picture, branches
from napari_xanes.gui.theme import plot_colours, readable

_NUMBERS = 6
"""Largest number of steps between 10Dq values along a branch."""

_USUAL_SIZE = 9
"""The size of texts, in points, that napari begins with."""


class EmbeddingPlot(pg.PlotWidget):
    """Draws a `Picture`.

    Attributes
    ----------
    lasso : LassoView
        Its view, in which the user draws a line around points.
    """

    def __init__(self) -> None:
        self.lasso = LassoView()
        super().__init__(viewBox=self.lasso)
        self._colours = plot_colours("dark")
        self.hideAxis("left")
        self.hideAxis("bottom")
        self.hideButtons()
        self._density = pg.ImageItem()
        self._density.setZValue(5)
        self._regions: list[pg.ScatterPlotItem] = []
        self._marks: list[Any] = []
        self._parts: list[Any] = []
        # A ring does not hide the points under it.
        self._cursor = pg.ScatterPlotItem(size=15, symbol="o", brush=None)
        self._cursor.setZValue(20)
        self.addItem(self._density)
        self.addItem(self._cursor, ignoreBounds=True)
        self.setToolTip("Wheel: zoom. Drag: move. Double-click: show all")

    def sizeHint(self) -> QSize:
        """Narrow enough for a small laptop."""
        return QSize(340, 320)

    def mouseDoubleClickEvent(self, event: Any) -> None:
        """Show all."""
        self.show_all()

    def set_theme(self, theme: str) -> None:
        """Use the colours of a napari theme."""
        self._colours = plot_colours(theme)
        self.setBackground(self._colours.background)
        self._cursor.setPen(pg.mkPen(self._colours.foreground, width=2.5))
        colour = pg.mkColor(self._colours.foreground)
        # The density has the colour of the text; other colours are for the charges.
        table = np.array([(*colour.getRgb()[:3], alpha) for alpha in np.linspace(70, 255, 256)], dtype=np.uint8)
        self._density.setLookupTable(table)

    def show_picture(self, picture: Picture) -> None:
        """Draw the library's branches and the density of the pixels."""
        self._parts = self._replace_items(self._parts, [])
        for branch in branches(picture.library, labels_of(picture.maps)):
            self._draw(branch, picture)
        # Blurred by one cell, so that small groups of pixels are visible beside the lines.
        counts = gaussian_filter(picture.density.astype(np.float32), 1.0)
        brightness = np.where(counts > 0.02, np.log1p(counts), np.nan)
        top = float(np.nanmax(brightness, initial=1.0))
        self._density.setImage(brightness, autoLevels=False, levels=(0.0, top))
        x0, x1, y0, y1 = picture.limits
        self._density.setRect(x0, y0, x1 - x0, y1 - y0)
        self.show_all()

    def show_all(self) -> None:
        """Show the whole picture, with space for the labels."""
        self.lasso.autoRange(padding=0.08)

    def _draw(self, branch: Branch, picture: Picture) -> None:
        coordinates, library = picture.embedding.coordinates, picture.library
        colour = readable(branch.colour, self._colours.background)
        loose_members = np.setdiff1d(branch.members, branch.line)
        dots = pg.ScatterPlotItem(*coordinates[loose_members].T, size=3, pen=None, brush=pg.mkBrush(colour + "60"))
        line = pg.PlotDataItem(
            *coordinates[branch.line].T,
            pen=pg.mkPen(colour, width=2),
            symbol="o",
            symbolSize=5,
            symbolBrush=colour,
            symbolPen=None,
        )
        texts = [
            _text(f"{value:g}", colour, coordinates[row])
            for row, value in _labelled_members(branch.line, library.column("ten_dq"))
        ]
        # The name is above or below the outermost member, away from the centre of the plot.
        members, middle = coordinates[branch.members], coordinates[:, 1].mean()
        outer = members[np.argmax(np.abs(members[:, 1] - middle))]
        anchor = (0.5, 1.5 if outer[1] > middle else -0.5)
        texts.append(_text(branch.name, colour, outer, anchor=anchor, size=11))
        for item in (dots, line):
            self.addItem(item)
        for item in texts:
            self.addItem(item, ignoreBounds=True)
        self._parts += [dots, line, *texts]

    def show_cursor(self, point: Any) -> None:
        """Mark the pixel under the cursor; None or NaN removes the mark."""
        visible = point is not None and np.isfinite(point).all()
        self._cursor.setData([float(point[0])] if visible else [], [float(point[1])] if visible else [])

    def show_regions(self, groups: Sequence[tuple[str, NDArray[Any]]]) -> None:
        """Show the pixels of regions; each group has a colour and points (N, 2)."""
        items = []
        for colour, points in groups:
            points = points[np.isfinite(points).all(axis=1)]
            items.append(pg.ScatterPlotItem(*points.T, size=4, pen=None, brush=pg.mkBrush(colour)))
            items[-1].setZValue(10)
        self._regions = self._replace_items(self._regions, items)

    def show_marks(self, marks: Sequence[Mark]) -> None:
        """Show regions' means and pins as points with their names."""
        items: list[Any] = []
        (low, high), _ = self.lasso.viewRange()
        for number, mark in enumerate(marks):
            if not np.isfinite(mark.point).all():
                continue
            colour = readable(mark.colour, self._colours.background)
            pen = pg.mkPen(self._colours.foreground, width=1.5)
            spot = pg.ScatterPlotItem([mark.point[0]], [mark.point[1]], size=11, pen=pen, brush=pg.mkBrush(mark.colour))
            # Names are left of the point, because 10Dq is on the right, unless there is no space. Every second name is
            # lower, so that names of close points do not overlap.
            side = 1.15 if mark.point[0] > low + 0.25 * (high - low) else -0.15
            items += [spot, _text(mark.name, colour, mark.point, anchor=(side, 0.0 if number % 2 else 1.0))]
        for item in items:
            item.setZValue(15)
        self._marks = self._replace_items(self._marks, items)

    def _replace_items(self, old_items: list[Any], new_items: list[Any]) -> list[Any]:
        for item in old_items:
            self.removeItem(item)
        for item in new_items:
            self.addItem(item, ignoreBounds=True)
        return new_items


def _labelled_members(rows: NDArray[np.intp], ten_dq: NDArray[np.float64]) -> list[tuple[int, float]]:
    """Return rows and 10Dq of the members of a branch to label: those at round values."""
    values = ten_dq[rows]
    if not np.isfinite(values).all() or rows.size < 2:
        return []
    interval = next(step for step in (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, np.inf) if np.ptp(values) / step <= _NUMBERS)
    round_ = np.abs(values / interval - np.rint(values / interval)) < 1e-6
    return [(int(row), float(value)) for row, value in zip(rows[round_], values[round_], strict=True)]


def _text(text: str, colour: str, at: Any, *, anchor: tuple[float, float] = (-0.1, 0.5), size: int = 9) -> pg.TextItem:
    item = pg.TextItem(text, color=colour, anchor=anchor)
    font = item.textItem.font()
    font.setPointSize(size + get_settings().appearance.font_size - _USUAL_SIZE)
    font.setBold(size > 10)
    item.setFont(font)
    item.setPos(float(at[0]), float(at[1]))
    item.setZValue(8)
    return item
