"""The step that the XANES dock shows."""

from __future__ import annotations

from qtpy.QtCore import QObject, Signal


class DockStep(QObject):
    """The name of the step that is shown, which a project keeps.

    Signals
    -------
    changed : str
        Another step is to be shown.
    """

    changed = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self._name = ""

    @property
    def name(self) -> str:
        """The name of the step; no text before a dock is there."""
        return self._name

    @name.setter
    def name(self, name: str) -> None:
        if name != self._name:
            self._name = name
            self.changed.emit(name)
