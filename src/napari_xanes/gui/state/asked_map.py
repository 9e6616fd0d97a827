"""The estimator that Map or Explore is asked to show, such as that of a recipe that was dropped."""

from __future__ import annotations

from collections.abc import Container

from qtpy.QtCore import QObject, Signal

from napari_xanes.history import Step


class AskedMap(QObject):
    """A step that makes maps. It waits here if there is no panel yet.

    Signals
    -------
    asked
        Panels are asked to take a step.
    """

    asked = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._step: Step | None = None

    def ask(self, step: Step) -> None:
        """Ask for a step."""
        self._step = step
        self.asked.emit()

    def take(self, names: Container[str]) -> Step | None:
        """Return the step that no panel has taken yet, if it is one of the estimators of a panel."""
        if self._step is None or self._step.name not in names:
            return None
        step, self._step = self._step, None
        return step
