"""The triangle that says which colour of a mix is which mixture of maps."""

from __future__ import annotations

import numpy as np
from qtpy.QtCore import Qt
from qtpy.QtGui import QImage, QPixmap
from qtpy.QtWidgets import QGridLayout, QLabel, QWidget

from napari_xanes.colour_mix import ColourMix
from napari_xanes.gui.dock_layout import wrapping_label
from napari_xanes.parameter_map import MapSet

_SIZE = 110  # px


class MixLegend(QWidget):
    """Draws the triangle of a `ColourMix`, and names its corners."""

    def __init__(self) -> None:
        super().__init__()
        self.triangle = QLabel()
        self.triangle.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.corners = [wrapping_label() for _ in range(3)]
        top, left, right = self.corners
        top.setAlignment(Qt.AlignmentFlag.AlignHCenter | Qt.AlignmentFlag.AlignBottom)
        left.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignBottom)
        right.setAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignBottom)
        layout = QGridLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        layout.addWidget(top, 0, 0, 1, 3)
        for column, widget in enumerate((left, self.triangle, right)):
            layout.addWidget(widget, 1, column)
        layout.setColumnStretch(0, 1)
        layout.setColumnStretch(2, 1)

    def show_mix(self, mix: ColourMix, maps: MapSet) -> None:
        """Draw the triangle of a mix."""
        ratio = self.devicePixelRatioF()
        pixels = np.rint(255 * mix.triangle(round(_SIZE * ratio))).astype(np.uint8)
        rows, columns = pixels.shape[:2]
        image = QImage(pixels.tobytes(), columns, rows, 4 * columns, QImage.Format.Format_RGBA8888).copy()
        pixmap = QPixmap.fromImage(image)
        pixmap.setDevicePixelRatio(ratio)
        self.triangle.setPixmap(pixmap)
        for label, text in zip(self.corners, mix.corners(maps), strict=True):
            label.setText(text)
