"""Pixels of two maps as points: a lasso makes a label in the image, and regions light up their points."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pyqtgraph as pg
from numpy.typing import NDArray
from qtpy.QtCore import QSignalBlocker
from qtpy.QtWidgets import QComboBox, QLabel, QPushButton, QSizePolicy, QVBoxLayout, QWidget

from napari_xanes.gui.dock_layout import narrowed, row_of, wrapping_label
from napari_xanes.gui.embedding.lasso import LassoView, add_label
from napari_xanes.gui.exploring.plane import MOST_POINTS, Plane, axes_of
from napari_xanes.gui.exploring.plots import ThemedPlot
from napari_xanes.gui.latest_only_worker import LatestOnlyWorker
from napari_xanes.gui.pixels.areas import depth_of, pixels_of
from napari_xanes.gui.state.workspace import workspace_of
from napari_xanes.gui.telling import show_error, tell
from napari_xanes.gui.theme_follower import ThemeFollower
from napari_xanes.gui.while_seen import WhileSeen

if TYPE_CHECKING:
    from napari.layers import Layer
    from napari.viewer import Viewer

SELECTION = "scatter selection"
_NOTHING = (
    "Run a method with two maps or more, as components and unmix: its pixels are then points here. A line around them "
    "makes a label in the image, and the pixels of a region light up."
)


class ScatterPlot(ThemedPlot):
    """Draws pixels as points, and those of regions in their colours.

    Attributes
    ----------
    lasso : LassoView
        Its view, in which the user draws a line around points.
    """

    def __init__(self) -> None:
        self.lasso = LassoView()
        super().__init__(viewBox=self.lasso)
        self.points = pg.ScatterPlotItem(size=3, pen=None)
        self.addItem(self.points)
        self.regions: list[pg.ScatterPlotItem] = []
        self._limits = ((0.0, 1.0), (0.0, 1.0))

    def show_points(self, points: NDArray[Any]) -> None:
        """Draw points (N, 2) instead of those before."""
        self.points.setData(*points.T)
        if len(points):
            low, high = np.percentile(points, (0.1, 99.9), axis=0).tolist()
            self._limits = ((low[0], high[0]), (low[1], high[1]))
        self.show_all()

    def show_regions(self, groups: Sequence[tuple[str, NDArray[Any]]]) -> None:
        """Draw the points (N, 2) of regions in their colours."""
        for item in self.regions:
            self.removeItem(item)
        self.regions = [pg.ScatterPlotItem(*at.T, size=4, pen=None, brush=pg.mkBrush(colour)) for colour, at in groups]
        for item in self.regions:
            item.setZValue(10)
            self.addItem(item, ignoreBounds=True)

    def show_all(self) -> None:
        """Show 99.8 % of the points along each axis: a few far ones would leave no room for the others."""
        x, y = self._limits
        self.lasso.setRange(xRange=x, yRange=y, padding=0.06)

    def draw_again(self) -> None:
        """Draw with the present colours."""
        self.points.setBrush(pg.mkBrush(self._colours.foreground + "70"))


class ScatterPanel(QWidget):
    """Two maps of the chosen run against each other, linked to the image.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        The viewer.
    """

    def __init__(self, viewer: Viewer) -> None:
        super().__init__()
        self._viewer, self._workspace = viewer, workspace_of(viewer)
        self.plane: Plane | None = None
        self.axes = QComboBox(), QComboBox()
        for box, text in zip(self.axes, ("across", "up"), strict=True):
            box.setToolTip(f"The map that runs {text}")
            box.currentIndexChanged.connect(lambda _: self._draw())
        self.plot, self.readout = ScatterPlot(), wrapping_label(_NOTHING)
        self.lasso_button = QPushButton("Lasso → label")
        self.lasso_button.setCheckable(True)
        self.lasso_button.setToolTip("Draw a line around points; their pixels become a label in the image")
        self.lasso_button.toggled.connect(self.plot.lasso.switch)
        self.plot.lasso.drawn.connect(self._select)
        self._worker = LatestOnlyWorker(self)
        self._worker.done.connect(self._label)
        self._worker.failed.connect(lambda _key, error: tell(error))
        self._lay_out()
        self._workspace.runs.chosen_changed.connect(self._refresh)
        self._workspace.runs.removed.connect(self._refresh)
        regions = self._workspace.regions
        self._seen = WhileSeen(self, [(regions.changed, self._light_up)], [regions], begin=self._refresh)
        ThemeFollower(self, viewer, self.plot.set_theme)
        self._draw()

    def _lay_out(self) -> None:
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        across, up = self.axes
        column.addLayout(row_of((QLabel("x"), 0), (across, 1), (QLabel("y"), 0), (up, 1)))
        column.addWidget(self.lasso_button)
        column.addWidget(self.plot, 1)
        column.addWidget(self.readout)
        narrowed(self)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Expanding)

    def _refresh(self, _run: Any = None) -> None:
        """Offer the maps of the chosen run, and keep the chosen ones if it has them."""
        if not self._seen.live:
            return
        run = self._workspace.runs.chosen
        names = [] if run is None else axes_of(run.maps)
        for number, box in enumerate(self.axes):
            before = box.currentText()
            with QSignalBlocker(box):
                box.clear()
                box.addItems(names)
                box.setCurrentIndex(names.index(before) if before in names else min(number, len(names) - 1))
        self._draw()

    def _draw(self) -> None:
        run, (x, y) = self._workspace.runs.chosen, (box.currentText() for box in self.axes)
        self.plane = None if run is None or self.axes[0].count() < 2 else Plane.of(run.maps, x, y)
        there = self.plane is not None
        for widget in (*self.axes, self.lasso_button):
            widget.setEnabled(there)
        self.plot.setVisible(there)
        if run is None or self.plane is None:
            self.readout.setText(_NOTHING)
            return
        points, n_pixels = self.plane.sample(), int(np.prod(self.plane.image))
        for side, name in (("bottom", x), ("left", y)):
            self.plot.setLabel(side, f"{name} ({run.maps[name].unit})")
        self.plot.show_points(points)
        some = ", at random; the lasso takes all" if len(points) == MOST_POINTS else ""
        self.readout.setText(f"{len(points)} of {n_pixels} pixels are drawn{some}")
        self._light_up()

    def _stack(self) -> Layer | None:
        """Return the layer whose pixels the points are; None if it is gone, or has other pixels now."""
        run = self._workspace.runs.chosen
        layer = None if run is None else run.source
        if layer is None or layer not in self._viewer.layers or self.plane is None:
            return None
        return layer if tuple(layer.data.shape[1:]) == self.plane.image else None

    def _light_up(self) -> None:
        """Draw the pixels of regions in their colours."""
        layer, groups = self._stack(), []
        if self.plane is not None and layer is not None and layer is self._workspace.stacks.layer:
            depth = depth_of(self._viewer, layer)
            for region in self._workspace.regions.regions:
                pixels = pixels_of(region.layer, region.number, depth, layer)
                groups.append((region.colour, self.plane.of_region(pixels, depth)))
        self.plot.show_regions(groups)

    def _select(self, polygon: NDArray[Any]) -> None:
        if (plane := self.plane) is not None:
            self._worker.submit(plane, lambda: plane.inside(polygon))

    def _label(self, plane: Any, pixels: Any) -> None:
        """Turn the pixels inside the lasso into the next label of a layer of labels."""
        if plane is not self.plane:
            return
        layer = self._stack()
        if layer is None:
            show_error("The stack of this run is not in the viewer, or has other pixels now: open it, or run again")
            return
        try:
            labels, number = add_label(self._viewer, layer, pixels, SELECTION)
        except ValueError as error:
            tell(error)
            return
        self.readout.setText(f"{int(pixels.sum())} pixels are label {number} of “{labels.name}”")
