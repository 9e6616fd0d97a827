"""The key that switches between an image before and after denoising."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from weakref import ref

from qtpy.QtCore import Signal

from napari_xanes.gui.state.asked import WhileAsked

if TYPE_CHECKING:
    from napari.viewer import Viewer

KEY = "B"


class SwipeKey(WhileAsked):
    """The key B of a viewer, as long as one panel that compares is shown.

    Signals
    -------
    pressed :
        The key was pressed.
    """

    pressed = Signal()

    def __init__(self, viewer: Viewer) -> None:
        super().__init__()
        self._viewer = ref(viewer)

    def _attach(self) -> None:
        viewer = self._viewer()
        if viewer is not None:
            viewer.bind_key(KEY, self._on_key, overwrite=True)

    def _detach(self) -> None:
        viewer = self._viewer()
        if viewer is not None:
            viewer.bind_key(KEY, None)

    def _on_key(self, viewer: Any) -> None:
        self.pressed.emit()
