"""The row of steps on top of the XANES dock."""

from __future__ import annotations

from collections.abc import Mapping

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QButtonGroup, QGridLayout, QPushButton, QSizePolicy

from napari_xanes.gui.fonts import FoldingWidget

_GAP = 2  # px


class Rail(FoldingWidget):
    """One button for each step, in the order of the work; one of them is down.

    The buttons are in one row; where their texts would be cut, as in a large font, they are in two.

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
        self._grid, self._columns = QGridLayout(self), 0
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setSpacing(_GAP)
        for name, tip in tips.items():
            button = self.buttons[name] = QPushButton(name)
            button.setCheckable(True)
            button.setToolTip(tip)
            button.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
            button.setStyleSheet("padding: 4px 2px;")
            button.setSizePolicy(QSizePolicy.Policy.MinimumExpanding, QSizePolicy.Policy.Fixed)
            self._group.addButton(button)
        self._group.buttonToggled.connect(self._on_toggled)
        self._lay_out(len(self.buttons))

    def _fold(self) -> None:
        count = len(self.buttons)
        needed = sum(button.sizeHint().width() for button in self.buttons.values()) + _GAP * (count - 1)
        self._lay_out(count if needed <= self.width() else (count + 1) // 2)

    def _lay_out(self, columns: int) -> None:
        if columns == self._columns:
            return
        self._columns = columns
        for number, button in enumerate(self.buttons.values()):
            self._grid.addWidget(button, number // columns, number % columns)
        for column in range(len(self.buttons)):
            self._grid.setColumnStretch(column, int(column < columns))

    def show_step(self, name: str) -> None:
        """Press the button of a step."""
        self.buttons[name].setChecked(True)

    def _on_toggled(self, button: QPushButton, down: bool) -> None:
        # Tab comes to the button that is down, and arrows to the others; Qt sees to it only after a click.
        button.setFocusPolicy(Qt.FocusPolicy.StrongFocus if down else Qt.FocusPolicy.ClickFocus)
        if down:
            self.step_chosen.emit(button.text())
