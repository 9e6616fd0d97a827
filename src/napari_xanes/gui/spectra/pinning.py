"""Pinning with the mouse and with a key, in the image."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from napari.viewer import Viewer

KEY = "P"


class PinGestures:
    """A click in the image, or the key P, calls `pin`; only between `attach` and `detach`."""

    def __init__(self, viewer: Viewer, pin: Callable[[], Any]) -> None:
        self._viewer, self._pin = viewer, pin

    def attach(self) -> None:
        """Listen."""
        self._viewer.mouse_drag_callbacks.append(self.on_press)
        self._viewer.bind_key(KEY, self._on_key, overwrite=True)

    def detach(self) -> None:
        """Listen no longer."""
        self._viewer.mouse_drag_callbacks.remove(self.on_press)
        self._viewer.bind_key(KEY, None)

    def on_press(self, viewer: Any, event: Any) -> Iterator[None]:
        """Pin on a click, but not on a drag, nor while the mouse has another task (a brush, for example)."""
        layer = viewer.layers.selection.active
        if event.button != 1 or (layer is not None and str(layer.mode) != "pan_zoom"):
            return
        yield
        if event.type != "mouse_move":
            self._pin()

    def _on_key(self, viewer: Any) -> None:
        self._pin()
