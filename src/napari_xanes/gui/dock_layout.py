"""Layout that all docks share."""

from __future__ import annotations

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QFrame, QScrollArea, QWidget

EMPTY_STATE = "Drop a stack here, or open a sample:\nFile > Open Sample > napari-xanes"
DOCK_WIDTH = 360  # px


def scrolled(content: QWidget) -> QScrollArea:
    """Put a widget into an area that scrolls up and down on small screens, never sideways."""
    area = QScrollArea()
    area.setWidgetResizable(True)
    area.setFrameShape(QFrame.Shape.NoFrame)
    area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    area.setWidget(content)
    return area
