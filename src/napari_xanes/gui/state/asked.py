"""Work that goes on while at least one panel asks for it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any
from weakref import WeakSet

from qtpy.QtCore import QObject


class WhileAsked(QObject):
    """Follows the window while at least one panel that can be seen asks for it."""

    def __init__(self) -> None:
        super().__init__()
        self._askers: WeakSet[QObject] = WeakSet()

    @property
    def asked(self) -> bool:
        """Whether a panel asks at present."""
        return len(self._askers) > 0

    def start(self, asker: QObject) -> None:
        """Follow the window for a panel, when it is shown; what there is now is emitted again, for this panel."""
        was_asked = self.asked
        self._askers.add(asker)
        if not was_asked:
            for signal, slot in self._followed():
                signal.connect(slot)
            self._attach()
        self._emit_again()

    def stop(self, asker: QObject) -> None:
        """Follow it no longer for this panel, when it is hidden; without any panel nothing is computed or emitted."""
        if asker in self._askers:
            self._askers.remove(asker)
            if not self.asked:
                for signal, slot in self._followed():
                    signal.disconnect(slot)
                self._detach()

    def _followed(self) -> Sequence[tuple[Any, Callable[..., None]]]:
        """Return signals and events of the window, each with the method that it calls meanwhile."""
        return ()

    def _attach(self) -> None:
        """Begin what else is done meanwhile."""

    def _detach(self) -> None:
        """End it, and forget what would keep layers in memory."""

    def _emit_again(self) -> None:
        """Emit for a panel that has just been shown."""
