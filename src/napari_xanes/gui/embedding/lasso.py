"""The lasso: select points in the plot and label their pixels in the image."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyqtgraph as pg
from numpy.typing import NDArray
from qtpy.QtCore import Qt, Signal

from napari_xanes.gui.pixels.areas import new_labels, region_layers

if TYPE_CHECKING:
    from napari.layers import Labels, Layer
    from napari.viewer import Viewer

SELECTION = "embedding selection"
_MAX_LABEL = 255


class LassoView(pg.ViewBox):
    """A view of a plot; while the lasso is switched on, dragging with the left button draws a line around points.

    Signals
    -------
    drawn : ndarray, shape (N, 2)
        The user drew this line.
    """

    drawn = Signal(object)

    def __init__(self) -> None:
        super().__init__(enableMenu=False)
        self._is_on = False
        self._points: list[tuple[float, float]] = []
        self._line = pg.PlotCurveItem(pen=pg.mkPen("#E69F00", width=2))
        self._line.setZValue(30)
        self.addItem(self._line, ignoreBounds=True)

    def switch(self, on: bool) -> None:
        """Switch the lasso on or off."""
        self._is_on = on
        self.setCursor(Qt.CursorShape.CrossCursor if on else Qt.CursorShape.ArrowCursor)

    def mouseDragEvent(self, event: Any, axis: Any = None) -> None:
        """Draw the lasso, or move the view if the lasso is off."""
        if not self._is_on or event.button() != Qt.MouseButton.LeftButton:
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


def add_label(viewer: Viewer, stack: Layer, pixels: NDArray[np.bool_], name: str = SELECTION) -> tuple[Labels, int]:
    """Give pixels of a stack the next label in the layer of selections; add the layer if it is missing.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        The viewer.
    stack : Layer
        The stack that the pixels belong to.
    pixels : ndarray of bool, shape (*image)
        True for the pixels to label.
    name : str
        Name of the layer of selections.

    Returns
    -------
    tuple of Labels and int
        The layer and the new label.

    Raises
    ------
    ValueError
        If no pixel is given, or if all labels are used.
    """
    if not pixels.any():
        raise ValueError("no pixel lies inside the lasso; draw it around points")
    layer = next((labels for labels in region_layers(viewer, stack) if labels.name == name), None)
    number = 1 if layer is None else int(layer.data.max()) + 1
    if number > _MAX_LABEL:
        raise ValueError(
            f"layer {name!r} has {_MAX_LABEL} labels, the largest number; rename the layer to start a new one"
        )
    if layer is None:
        active = viewer.layers.selection.active
        layer = new_labels(viewer, stack)
        layer.name = name
        viewer.layers.selection.active = active  # so that the stack stays current
    layer.data = np.where(pixels, np.uint8(number), layer.data)
    return layer, number
