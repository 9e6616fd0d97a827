"""Let a widget follow napari's theme while it is seen."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QEvent, QObject
from qtpy.QtWidgets import QWidget

if TYPE_CHECKING:
    from napari.viewer import Viewer


class ThemeFollower(QObject):
    """Tells a widget napari's theme when the widget is shown, and each other theme until it is hidden.

    A hidden widget draws nothing, and a closed dock leaves nothing connected.

    Parameters
    ----------
    widget : QWidget
        The widget.
    viewer : napari.viewer.Viewer
        The viewer.
    set_theme : callable
        ``set_theme(theme)`` draws the widget in the colours of a theme, given by its name.
    """

    def __init__(self, widget: QWidget, viewer: Viewer, set_theme: Callable[[str], None]) -> None:
        super().__init__(widget)
        self._viewer, self._set_theme, self._live = viewer, set_theme, False
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

    def _on_theme(self, event: Any = None) -> None:
        self._set_theme(self._viewer.theme)
