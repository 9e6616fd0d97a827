"""Pin the spectrum under the cursor with a click in the image or with a key."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any
from weakref import ref

from napari_xanes.gui.places import place_at
from napari_xanes.gui.state.asked import WhileAsked
from napari_xanes.gui.state.cursor import CursorFollower
from napari_xanes.gui.state.keys import Keys
from napari_xanes.gui.state.pins import PinSet

if TYPE_CHECKING:
    from napari.viewer import Viewer


class PinGestures(WhileAsked):
    """Pins after a click in the image or a key, once however many plots show the pins.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        The viewer.
    cursor : CursorFollower
        Knows the spectrum to pin.
    pins : PinSet
        Gets it.
    keys : Keys
        The keys of the viewer.
    """

    def __init__(self, viewer: Viewer, cursor: CursorFollower, pins: PinSet, keys: Keys) -> None:
        super().__init__()
        self._viewer, self._cursor, self._pins, self._keys = ref(viewer), cursor, pins, keys

    def pin(self) -> None:
        """Pin the spectrum under the cursor, if there is one."""
        layer, spectrum = self._cursor.layer, self._cursor.spectrum
        if layer is not None and spectrum is not None:
            self._pins.add(place_at(layer, spectrum[0], self._cursor.box))

    def _attach(self) -> None:
        viewer = self._viewer()
        if viewer is not None:
            viewer.mouse_drag_callbacks.append(self.on_press)
            self._keys.take("pin", self.pin)

    def _detach(self) -> None:
        viewer = self._viewer()
        if viewer is not None:
            viewer.mouse_drag_callbacks.remove(self.on_press)
            self._keys.leave("pin", self.pin)

    def on_press(self, viewer: Any, event: Any) -> Iterator[None]:
        """Pin on a click, but not on a drag and not while a tool such as the brush is active."""
        layer = viewer.layers.selection.active
        if event.button != 1 or (layer is not None and str(layer.mode) != "pan_zoom"):
            return
        yield
        if event.type != "mouse_move":
            self.pin()
