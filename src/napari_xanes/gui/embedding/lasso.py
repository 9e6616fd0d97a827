"""A plot's view in which points are encircled, and what that does to the image."""

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
_MOST = 255


class LassoView(pg.ViewBox):
    """A view in which dragging with the left button draws a line around points, while `lasso` is on."""

    lasso_drawn = Signal(object)

    def __init__(self) -> None:
        super().__init__(enableMenu=False)
        self.lasso = False
        self._points: list[tuple[float, float]] = []
        self._line = pg.PlotCurveItem(pen=pg.mkPen("#E69F00", width=2))
        self._line.setZValue(30)
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
                self.lasso_drawn.emit(np.array(self._points))


def add_label(viewer: Viewer, stack: Layer, pixels: NDArray[np.bool_]) -> tuple[Labels, int]:
    """Make pixels of a stack the next label of the selection's layer, which is added if there is none.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        The viewer.
    stack : Layer
        The stack that the pixels belong to.
    pixels : ndarray of bool, shape (*image)
        True for the pixels to label.

    Returns
    -------
    tuple of Labels and int
        The layer and the label.

    Raises
    ------
    ValueError
        If no pixel is inside, or all labels are used up.
    """
    if not pixels.any():
        raise ValueError("no pixel lies inside the lasso; draw around the bright spots")
    layer = next((labels for labels in region_layers(viewer, stack) if labels.name == SELECTION), None)
    number = 1 if layer is None else int(layer.data.max()) + 1
    if number > _MOST:
        raise ValueError(f"layer {SELECTION!r} holds {_MOST} labels already; rename it to begin another")
    if layer is None:
        active = viewer.layers.selection.active
        layer = new_labels(viewer, stack)
        layer.name = SELECTION
        viewer.layers.selection.active = active  # the docks go on looking at the stack
    layer.data = np.where(pixels, np.uint8(number), layer.data)
    return layer, number
