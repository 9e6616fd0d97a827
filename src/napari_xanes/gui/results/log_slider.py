"""A slider that multiplies the value of a number field."""

from __future__ import annotations

import math

from qtpy.QtCore import QSignalBlocker, Qt
from qtpy.QtWidgets import QDoubleSpinBox, QSlider

_STEPS = 200
"""Steps on each side of the middle."""


class LogSlider(QSlider):
    """Moves a number field by factors around a middle value, and follows it.

    Parameters
    ----------
    box : QDoubleSpinBox
        The field, with values of 0 or more.
    factor : float
        What the ends are over the middle value, and the middle value over the other end.
    """

    def __init__(self, box: QDoubleSpinBox, factor: float) -> None:
        super().__init__(Qt.Orientation.Horizontal)
        self._box, self._factor, self._middle = box, factor, 1.0
        self.setRange(-_STEPS, _STEPS)
        self.setPageStep(_STEPS // 10)
        self.setToolTip(box.toolTip())
        self.valueChanged.connect(self._move_box)
        box.valueChanged.connect(self._follow)
        self._follow(box.value())

    def set_middle(self, value: float) -> None:
        """Let the middle of the slider be a value above 0."""
        self._middle = value
        self._follow(self._box.value())

    def _move_box(self, place: int) -> None:
        self._box.setValue(self._middle * self._factor ** (place / _STEPS))

    def _follow(self, value: float) -> None:
        with QSignalBlocker(self):
            low = value <= 0
            part = -1.0 if low else math.log(value / self._middle) / math.log(self._factor)
            self.setValue(round(_STEPS * part))
