"""Let napari's own commands *Save Selected Layers…* (Ctrl+S) and *Save All Layers…* save stacks and maps rightly.

napari's dialog preselects its own plain image files: where several writers take the same kinds of layers, the one that
was registered first comes first, and napari's come before those of all plugins. Its writer writes a stack without its
energies and a map without its errors, or fails where the name ends in .h5; no manifest can change this order. So both
commands ask with our dialog where stacks, maps or regions are to be saved, and are napari's own for all other layers:
from the menu, by the key, and from the command palette.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import napari

from napari_xanes.gui.files.save_command import save_layers
from napari_xanes.gui.layers import kind_of

if TYPE_CHECKING:
    from napari.layers import Layer

_COMMANDS = {
    "napari.window.file.save_layers_dialog.selected": True,
    "napari.window.file.save_layers_dialog": False,
}
"""Commands of napari, and whether they save only the selected layers."""


class _Save(partial[None]):
    """What a command of napari does with our layers; its type tells that the command was taken over."""


def offer_our_files() -> None:
    """Let the commands of napari ask for our files where stacks, maps or regions are to be saved."""
    from napari._app_model import get_app_model

    commands = get_app_model().commands
    for name, only_selected in _COMMANDS.items():
        if name not in commands or isinstance(commands[name].callback, _Save):
            continue
        napari_s, title = commands[name].run_injected, commands[name].title
        # A command can't be registered twice, and only who registered it can take it back.
        del commands._commands[name]
        commands.register_command(name, _Save(_save, napari_s, only_selected), title)


def _save(napari_s: Callable[[], Any], only_selected: bool) -> None:
    viewer = napari.current_viewer()
    if viewer is not None and any(map(_is_ours, viewer.layers.selection if only_selected else viewer.layers)):
        save_layers(viewer, only_selected=only_selected)
    else:
        napari_s()


def _is_ours(layer: Layer) -> bool:
    return kind_of(layer) in ("stack", "map", "regions")
