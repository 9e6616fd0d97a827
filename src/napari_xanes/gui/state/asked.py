"""Work that goes on while at least one panel asks for it."""

from __future__ import annotations

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
        """Follow the window for a panel, from its showEvent; what there is now is emitted again, for this panel."""
        was_asked = self.asked
        self._askers.add(asker)
        if not was_asked:
            self._attach()
        self._emit_again()

    def stop(self, asker: QObject) -> None:
        """Follow it no longer for this panel, from its hideEvent; without any panel nothing is computed or emitted."""
        if asker in self._askers:
            self._askers.remove(asker)
            if not self.asked:
                self._detach()

    def _attach(self) -> None:
        """Connect to the window."""

    def _detach(self) -> None:
        """Disconnect from the window."""

    def _emit_again(self) -> None:
        """Emit for a panel that has just been shown."""
