"""A spin box for the size of the averaging box."""

from __future__ import annotations

from typing import Any

from qtpy.QtWidgets import QSpinBox


class OddSpinBox(QSpinBox):
    """A spin box for 1, 3, 5 ... 101 pixels; an even number becomes the next odd one."""

    def __init__(self, parent: Any = None) -> None:
        super().__init__(parent)
        self.setRange(1, 101)
        self.setSingleStep(2)
        self.setSuffix(" px")
        self.setKeyboardTracking(False)

    def valueFromText(self, text: str | None) -> int:
        """Return the typed number, or the next one if it is even."""
        return super().valueFromText(text) | 1
