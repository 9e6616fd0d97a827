"""The left axis of plots: its label stays in the middle, and is shortened where it would be cut."""

from __future__ import annotations

import re
from typing import Any

import pyqtgraph as pg
from qtpy.QtGui import QFontMetricsF

_MARGIN = 8.0  # px, both margins of the text together


_LEAST_WIDTH = 60  # px
_LONGEST_NUMBER = "-0.00"


class UprightAxis(pg.AxisItem):  # type: ignore[misc]  # not typed
    """A left axis. pyqtgraph centres a label only when the size of the axis changes, and lets long ones be cut.

    Parameters
    ----------
    steady : bool
        Whether the width follows from the font, not from the numbers, so that two plots line up.
    whole : bool
        Whether the axis is high enough for the whole label.
    """

    def __init__(self, *, steady: bool = False, whole: bool = False) -> None:
        super().__init__("left")
        self._steady, self._whole = steady, whole
        self._make_room()

    def setLabel(self, *arguments: Any, **keywords: Any) -> None:
        """Set the label, and put it in the middle."""
        super().setLabel(*arguments, **keywords)
        self.resizeEvent()
        self._make_room()

    def setTickFont(self, font: Any) -> None:
        """Set the font of the numbers; labels have the same one."""
        super().setTickFont(font)
        self.label.setFont(font)
        self._make_room()

    def _make_room(self) -> None:
        if not hasattr(self, "_steady"):  # pyqtgraph sets the label before it is made
            return
        metrics = QFontMetricsF(self.label.font())
        if self._steady:
            self.setWidth(max(_LEAST_WIDTH, 1.5 * metrics.height() + metrics.horizontalAdvance(_LONGEST_NUMBER)))
        if self._whole:
            # A pixel more than the label needs, which `_fitting` would leave out for a rounded size.
            self.setMinimumHeight(metrics.horizontalAdvance(str(self.labelText or "")) + _MARGIN + 1)

    def labelString(self) -> str:
        """Return the label as HTML, as long as there is room for it."""
        full = str(super().labelString())
        fitting = self._fitting()
        return full if fitting == self.labelText else full.replace(self.labelText, fitting)

    def resizeEvent(self, event: Any = None) -> None:
        """Choose the text that fits, and put it in the middle."""
        if self.label is not None:
            self.label.setHtml(self.labelString())
        super().resizeEvent(event)

    def _fitting(self) -> str:
        """Return the label, or else its unit, or else nothing."""
        text, room = str(self.labelText or ""), float(self.size().height()) - _MARGIN
        metrics = QFontMetricsF(self.label.font())
        choices = (text, unit_of(text), "")
        return next(choice for choice in choices if not choice or metrics.horizontalAdvance(choice) <= room)


def unit_of(label: str) -> str:
    """Return what stands in the last parentheses of a label; the label itself without any, or with "(1)".

    Examples
    --------
    >>> unit_of("optical depth (OD)")
    'OD'
    """
    found = re.search(r"\(([^()]+)\)$", label)
    return found.group(1) if found and found.group(1) != "1" else label
