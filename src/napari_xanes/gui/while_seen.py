"""Let a widget follow the window while it is seen."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from qtpy.QtCore import QEvent, QObject
from qtpy.QtWidgets import QWidget

from napari_xanes.gui.state.asked import WhileAsked


class WhileSeen(QObject):
    """Connects signals and asks states for a widget when it is shown, until it is hidden.

    A hidden widget computes and draws nothing, and a closed dock leaves nothing connected.

    Parameters
    ----------
    widget : QWidget
        The widget.
    connections : sequence of (signal or event, callable)
        What is connected meanwhile.
    states : sequence of WhileAsked
        What works for the widget meanwhile.
    begin, end : callable, optional
        What is done, too: once all is connected, before the states begin; and after all has ended.

    Attributes
    ----------
    live : bool
        Whether the widget is seen.
    """

    def __init__(
        self,
        widget: QWidget,
        connections: Sequence[tuple[Any, Callable[..., Any]]],
        states: Sequence[WhileAsked] = (),
        *,
        begin: Callable[[], None] = lambda: None,
        end: Callable[[], None] = lambda: None,
    ) -> None:
        super().__init__(widget)
        self.live = False
        self._widget, self._connections, self._states = widget, connections, states
        self._begin, self._end = begin, end
        widget.installEventFilter(self)

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        """Begin when the widget is shown, and end when it is hidden; Qt also hides what was never shown."""
        kind = None if event is None else event.type()
        if kind == QEvent.Type.Show and not self.live:
            self.live = True
            for signal, slot in self._connections:
                signal.connect(slot)
            self._begin()
            for state in self._states:
                state.start(self._widget)
        elif kind == QEvent.Type.Hide and self.live:
            self.live = False
            for state in self._states:
                state.stop(self._widget)
            for signal, slot in self._connections:
                signal.disconnect(slot)
            self._end()
        return False
