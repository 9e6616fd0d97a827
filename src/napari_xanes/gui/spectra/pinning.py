"""Pin spectra with a click in the image or with a key."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from napari.viewer import Viewer

KEY = "P"


class PinGestures:
    """Calls `pin` after a click in the image or the key P, between `attach` and `detach`."""

    def __init__(self, viewer: Viewer, pin: Callable[[], Any]) -> None:
        self._viewer, self._pin = viewer, pin

    def attach(self) -> None:
        """Start to listen to mouse and key."""
        self._viewer.mouse_drag_callbacks.append(self.on_press)
        self._viewer.bind_key(KEY, self._on_key, overwrite=True)

    def detach(self) -> None:
        """Stop to listen."""
        self._viewer.mouse_drag_callbacks.remove(self.on_press)
        self._viewer.bind_key(KEY, None)

    def on_press(self, viewer: Any, event: Any) -> Iterator[None]:
        """Pin on a click, but not on a drag and not while a tool such as the brush is active."""
        layer = viewer.layers.selection.active
        if event.button != 1 or (layer is not None and str(layer.mode) != "pan_zoom"):
            return
        yield
        if event.type != "mouse_move":
            self._pin()

    def _on_key(self, viewer: Any) -> None:
        self._pin()
