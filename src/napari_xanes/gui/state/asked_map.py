"""The estimator that the Map panel is asked to show, such as that of a recipe that was dropped."""

from __future__ import annotations

from qtpy.QtCore import QObject, Signal

from napari_xanes.history import Step


class AskedMap(QObject):
    """A step that makes maps. It waits here if there is no panel yet.

    Signals
    -------
    asked : Step
        Panels are asked to show this step.
    """

    asked = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self._step: Step | None = None

    def ask(self, step: Step) -> None:
        """Ask for a step."""
        self._step = step
        self.asked.emit(step)

    def take(self) -> Step | None:
        """Return the step that no panel has taken yet, if there is one."""
        step, self._step = self._step, None
        return step
