"""The row of steps on top of the XANES dock."""

from __future__ import annotations

from collections.abc import Mapping

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QButtonGroup, QHBoxLayout, QPushButton, QSizePolicy, QWidget


class Rail(QWidget):
    """One button for each step, in the order of the work; one of them is down.

    Parameters
    ----------
    tips : mapping of str to str
        Name and tooltip of each step.

    Signals
    -------
    step_chosen : str
        The user chose this step.
    """

    step_chosen = Signal(str)

    def __init__(self, tips: Mapping[str, str]) -> None:
        super().__init__()
        self.buttons: dict[str, QPushButton] = {}
        self._group = QButtonGroup(self)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(2)
        for name, tip in tips.items():
            button = self.buttons[name] = QPushButton(name)
            button.setCheckable(True)
            button.setToolTip(tip)
            button.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
            button.setStyleSheet("padding: 4px 2px;")
            button.setSizePolicy(QSizePolicy.Policy.MinimumExpanding, QSizePolicy.Policy.Fixed)
            self._group.addButton(button)
            row.addWidget(button, 1)
        self._group.buttonToggled.connect(self._on_toggled)

    def show_step(self, name: str) -> None:
        """Press the button of a step."""
        self.buttons[name].setChecked(True)

    def _on_toggled(self, button: QPushButton, down: bool) -> None:
        # Tab comes to the button that is down, and arrows to the others; Qt sees to it only after a click.
        button.setFocusPolicy(Qt.FocusPolicy.StrongFocus if down else Qt.FocusPolicy.ClickFocus)
        if down:
            self.step_chosen.emit(button.text())
