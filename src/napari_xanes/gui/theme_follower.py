"""Let a widget follow napari's theme while it is seen."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from qtpy.QtCore import QEvent, QObject
from qtpy.QtWidgets import QWidget

if TYPE_CHECKING:
    from napari.viewer import Viewer


class ThemeFollower(QObject):
    """Calls a method of a widget when the widget is shown, and with each other theme of the viewer until it is hidden.

    A hidden widget draws nothing, and a closed dock leaves nothing connected.

    Parameters
    ----------
    widget : QWidget
        The widget.
    viewer : napari.viewer.Viewer
        The viewer.
    on_theme : callable
        The method; it takes an event of napari, or nothing.
    """

    def __init__(self, widget: QWidget, viewer: Viewer, on_theme: Callable[..., None]) -> None:
        super().__init__(widget)
        self._viewer, self._on_theme, self._live = viewer, on_theme, False
        widget.installEventFilter(self)

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        """Begin when the widget is shown, and end when it is hidden."""
        kind = None if event is None else event.type()
        if kind == QEvent.Type.Show and not self._live:
            self._live = True
            self._viewer.events.theme.connect(self._on_theme)
            self._on_theme()
        elif kind == QEvent.Type.Hide and self._live:
            self._live = False
            self._viewer.events.theme.disconnect(self._on_theme)
        return False
