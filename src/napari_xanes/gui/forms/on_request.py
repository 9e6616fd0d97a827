"""A field that stays out of a form until the user asks for it."""

from __future__ import annotations

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QCheckBox, QVBoxLayout, QWidget


class OnRequest(QWidget):
    """A box to tick, and below it a field that is shown while it is ticked.

    Parameters
    ----------
    field : QWidget
        The field.
    label : str
        What it holds.
    """

    changed = Signal()

    def __init__(self, field: QWidget, label: str) -> None:
        super().__init__()
        self._box = QCheckBox(f"Use the ticked {label}")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._box)
        layout.addWidget(field)
        field.setVisible(False)
        self._box.toggled.connect(field.setVisible)
        self._box.toggled.connect(lambda _: self.changed.emit())

    def wanted(self) -> bool:
        """Return whether the user asked for the field."""
        return self._box.isChecked()

    def set_wanted(self, wanted: bool) -> None:
        """Ask for the field, or leave it out."""
        self._box.setChecked(wanted)
