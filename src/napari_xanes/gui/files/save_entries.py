"""Let napari's own entries *Save Selected Layers…* (Ctrl+S) and *Save All Layers…* save stacks and maps rightly.

napari's dialog preselects its own plain image files: where several writers take the same kinds of layers, the one that
was registered first comes first, and napari's come before those of all plugins. Its writer writes a stack without its
energies and a map without its errors, or fails where the name ends in .h5; no manifest can change this order. So both
entries ask with our dialog where stacks, maps or regions are to be saved, and are napari's own for all other layers.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import napari
from qtpy.QtCore import QEvent, QObject
from qtpy.QtGui import QAction, QActionEvent
from qtpy.QtWidgets import QMenu

from napari_xanes.gui.files.save_command import save_layers
from napari_xanes.gui.layers import kind_of

if TYPE_CHECKING:
    from napari.layers import Layer
    from napari.viewer import Viewer

_ENTRIES = {
    "napari.window.file.save_layers_dialog.selected": True,
    "napari.window.file.save_layers_dialog": False,
}
"""Commands of napari, and whether they save only the selected layers."""

_OURS = "napari-xanes"
"""Name of what watches a menu that was changed."""


def offer_our_files(viewer: Viewer) -> None:
    """Let the entries of a window ask for our files where its stacks, maps or regions are to be saved."""
    menu = getattr(getattr(viewer, "window", None), "file_menu", None)
    if isinstance(menu, QMenu) and menu.findChild(_Entries, _OURS) is None:
        menu.installEventFilter(_Entries(menu))


class _Entries(QObject):
    """Takes the entries of a menu over, also when napari makes them anew because a plugin is switched on or off."""

    def __init__(self, menu: QMenu) -> None:
        super().__init__(menu)
        self.setObjectName(_OURS)
        for entry in menu.actions():
            _take_over(entry)

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        """Take over an entry that is added."""
        if isinstance(event, QActionEvent) and event.type() == QEvent.Type.ActionAdded:
            _take_over(event.action())
        return False


def _take_over(entry: QAction | None) -> None:
    if entry is not None and entry.objectName() in _ENTRIES and not entry.property(_OURS):
        entry.setProperty(_OURS, True)
        entry.triggered.disconnect()
        entry.triggered.connect(partial(_save, entry.objectName(), _ENTRIES[entry.objectName()]))


def _save(command: str, only_selected: bool, *_: Any) -> None:
    viewer = napari.current_viewer()
    if viewer is not None and any(map(_is_ours, viewer.layers.selection if only_selected else viewer.layers)):
        save_layers(viewer, only_selected=only_selected)
        return
    from napari._app_model import get_app_model

    get_app_model().commands.execute_command(command).result()


def _is_ours(layer: Layer) -> bool:
    return kind_of(layer) in ("stack", "map", "regions")
