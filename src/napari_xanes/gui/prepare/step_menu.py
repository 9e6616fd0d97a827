"""The button with all steps that can be added, each with what it does."""

from __future__ import annotations

from functools import partial

from qtpy.QtCore import Signal
from qtpy.QtGui import QAction
from qtpy.QtWidgets import QMenu, QToolButton, QWidget

from napari_xanes.gui.latest_only_worker import LatestOnlyWorker
from napari_xanes.gui.prepare.step_words import spoken
from napari_xanes.ops import OPERATIONS

NO_ARROW = "QToolButton::menu-indicator { image: none; }"
"""napari's theme draws the arrow of a menu over the text of its button: the text has one of its own."""


def summaries() -> dict[str, str]:
    """Return what each step does in one line; this reads their files."""
    return {name: OPERATIONS.summary(name) for name in OPERATIONS}


class StepMenu(QToolButton):
    """Offers all steps.

    Signals
    -------
    chosen : str
        The user wants this step added.
    """

    chosen = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setText("+ step ▾")
        self.setStyleSheet(NO_ARROW)
        self.setToolTip("Add a step behind the selected one")
        self.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        menu = QMenu(self)
        menu.setToolTipsVisible(True)
        self.actions_by_name: dict[str, QAction] = {}
        for name in OPERATIONS:
            action = QAction(spoken(name), menu)
            action.triggered.connect(partial(self._choose, name))
            menu.addAction(action)
            self.actions_by_name[name] = action
        self.setMenu(menu)
        self._worker = LatestOnlyWorker(self)
        self._worker.done.connect(self._explain)
        self._asked = False

    def ask_for_summaries(self) -> None:
        """Find out in a thread what each step does, once."""
        if not self._asked:
            self._asked = True
            self._worker.submit(None, summaries)

    def _choose(self, name: str, checked: bool = False) -> None:
        self.chosen.emit(name)

    def _explain(self, key: None, lines: dict[str, str]) -> None:
        for name, line in lines.items():
            self.actions_by_name[name].setText(f"{spoken(name)}:  {line}")
            self.actions_by_name[name].setToolTip(line)
