"""Plots write in the font of labels: pyqtgraph takes that of the application, whatever napari's setting is."""

from __future__ import annotations

from typing import Any

import pyqtgraph as pg
from qtpy.QtCore import QEvent, QObject
from qtpy.QtWidgets import QLabel

_EVENTS = (QEvent.Type.FontChange, QEvent.Type.StyleChange, QEvent.Type.Polish)


class PlotFont(QObject):
    """Gives the axes of a plot the font that labels beside it have, again when that changes.

    Parameters
    ----------
    view : QGraphicsView
        The plot.
    """

    def __init__(self, view: Any) -> None:
        super().__init__(view)
        self._view = view
        self._label = QLabel(view)  # napari's style sets the font of labels, none of views
        self._label.hide()
        self._label.installEventFilter(self)
        view.installEventFilter(self)

    def eventFilter(self, watched: Any, event: Any) -> bool:
        """Follow the font of the label, from when the plot is shown."""
        if event.type() == QEvent.Type.Show and watched is self._view:
            self._label.ensurePolished()
            self._apply()
        elif watched is self._label and event.type() in _EVENTS:
            self._apply()
        return False

    def _apply(self) -> None:
        font = self._label.font()
        for axis in self._view.scene().items():
            if isinstance(axis, pg.AxisItem) and axis.style["tickFont"] != font:
                axis.setTickFont(font)
                axis.label.setFont(font)
                axis.showLabel(axis.label.isVisible())  # which makes room for it
                axis.resizeEvent()
