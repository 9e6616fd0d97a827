"""Let napari's own entries *Save Selected Layers…* (Ctrl+S) and *Save All Layers…* save stacks and maps rightly.

napari's dialog preselects its own plain image files: where several writers take the same kinds of layers, the one that
was registered first comes first, and napari's come before those of all plugins. Its writer writes a stack without its
energies and a map without its errors, or fails where the name ends in .h5; no manifest can change this order. So both
entries ask with our dialog where stacks, maps or regions are to be saved, and are napari's own for all other layers.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

import napari

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
"""Property of a menu entry that was changed."""

_followed: WeakSet[Any] = WeakSet()


def offer_our_files(viewer: Viewer) -> None:
    """Let the entries of a window ask for our files where its stacks, maps or regions are to be saved."""
    menu = getattr(getattr(viewer, "window", None), "file_menu", None)
    if menu is None:
        return
    for command, only_selected in _ENTRIES.items():
        entry = menu.findAction(command)
        if entry is not None and not entry.property(_OURS):
            entry.setProperty(_OURS, True)
            entry.triggered.disconnect()
            entry.triggered.connect(partial(_save, command, only_selected))
    if viewer not in _followed:
        _followed.add(viewer)
        # napari makes the entries of its menus anew when plugins are switched on or off.
        viewer.layers.selection.events.active.connect(_on_active)


def _on_active(event: Any = None) -> None:
    viewer = napari.current_viewer()
    if viewer is not None:
        offer_our_files(viewer)


def _save(command: str, only_selected: bool, *_: Any) -> None:
    viewer = napari.current_viewer()
    if viewer is not None and any(map(_is_ours, viewer.layers.selection if only_selected else viewer.layers)):
        save_layers(viewer, only_selected=only_selected)
        return
    from napari._app_model import get_app_model

    get_app_model().commands.execute_command(command).result()


def _is_ours(layer: Layer) -> bool:
    return kind_of(layer) in ("stack", "map", "regions")
