"""The distance between curves that are drawn one above the other."""

from __future__ import annotations

from math import floor, log10
from typing import Any

import numpy as np
from qtpy.QtWidgets import QDoubleSpinBox

from napari_xanes.gui.fonts import TextWidth
from napari_xanes.gui.spectra.view import SpectrumView

_PART = 10  # steps in the height of the curves


class OffsetBox(QDoubleSpinBox):
    """Draws regions, pins and references one above the other, in steps that suit the height of the curves.

    Parameters
    ----------
    view : SpectrumView
        The plot.
    """

    def __init__(self, view: SpectrumView, parent: Any = None) -> None:
        super().__init__(parent)
        self._view = view
        self.setRange(0.0, 1e9)
        self.setDecimals(4)
        self.setPrefix("+")
        self.setSpecialValueText("gap")  # at zero it says what it is for; there is room for no longer word
        self.setKeyboardTracking(False)
        TextWidth(self, "+0.02", beside=54)
        self.setToolTip(
            "Gap: draw regions and pins one above the other, this far apart, in the unit of the plot. "
            "Exported values stay as they are"
        )
        self.valueChanged.connect(lambda value: setattr(view, "offset", value))

    def stepBy(self, steps: int) -> None:
        """Take a step that is about a tenth of the height of the curves."""
        self.setSingleStep(self._step())
        super().stepBy(steps)

    def textFromValue(self, value: float) -> str:
        """Return the number without zeros at its end."""
        return f"{value:.4g}"

    def _step(self) -> float:
        finite = [curve.values[np.isfinite(curve.values)] for curve in self._view.shown_curves]
        heights = [float(np.ptp(values)) for values in finite if values.size]
        height = max((height for height in heights if height > 0), default=1.0) / _PART
        power = 10.0 ** floor(log10(height))
        return power * max(step for step in (1, 2, 5) if step * power <= height or step == 1)
