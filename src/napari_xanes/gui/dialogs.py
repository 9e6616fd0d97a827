"""Ask for files. Every dialog opens at the folder of the chosen stack, else where the last file was.

One dialog is open at a time: the second click of a double click opens no other.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias, TypeVar

import napari
from qtpy.QtWidgets import QFileDialog, QWidget

from napari_xanes.gui.energy import plain_viewer
from napari_xanes.gui.state.workspace import workspace_of
from napari_xanes.history import Source

if TYPE_CHECKING:
    from napari.viewer import Viewer

T = TypeVar("T")

Near: TypeAlias = "Viewer | Source | None"
"""What tells the folder to begin at."""

_last_folders: list[str] = []
"""The folder of the file that was chosen last, if there is one."""

_open: list[str] = []
"""The title of the dialog that is open, if one is."""


def start_folder(near: Near = None) -> str:
    """Return the folder that a dialog opens at; no text if none is known, so that Qt chooses.

    Parameters
    ----------
    near : napari.viewer.Viewer or Source, optional
        The viewer whose chosen stack is asked for its file, by default the current one; or the file of a stack.
    """
    path = near.path if isinstance(near, Source) else _path_of_stack(near or napari.current_viewer())
    folders = ([str(Path(path).parent)] if path else []) + _last_folders
    return next((folder for folder in folders if Path(folder).is_dir()), "")


def _path_of_stack(viewer: Viewer | None) -> str:
    layer = None if viewer is None else workspace_of(plain_viewer(viewer)).stacks.layer
    return "" if layer is None else str((layer.metadata["xanes"].get("source") or {}).get("path") or "")


def ask_to_open(parent: QWidget | None, title: str, kinds: str = "", near: Near = None) -> str:
    """Let the user choose a file to open; return its path, no text if none was chosen.

    Parameters
    ----------
    parent : QWidget or None
        The widget that asks.
    title : str
        Title of the dialog.
    kinds : str
        Filters of Qt, such as ``"Text (*.txt *.csv);;All files (*)"``.
    near : napari.viewer.Viewer or Source, optional
        As for `start_folder`.
    """
    path, _ = _alone(title, lambda: QFileDialog.getOpenFileName(parent, title, start_folder(near), kinds), ("", ""))
    return _noted(path)


def ask_to_open_many(parent: QWidget | None, title: str, kinds: str = "", near: Near = None) -> list[str]:
    """Let the user choose several files to open, as `ask_to_open`; return their paths."""
    none: tuple[list[str], str] = ([], "")
    paths, _ = _alone(title, lambda: QFileDialog.getOpenFileNames(parent, title, start_folder(near), kinds), none)
    return [_noted(path) for path in paths]


def ask_for_folder(parent: QWidget | None, title: str, near: Near = None) -> str:
    """Let the user choose a folder, as `ask_to_open`; return its path."""
    return _noted(_alone(title, lambda: QFileDialog.getExistingDirectory(parent, title, start_folder(near)), ""))


def ask_to_save(parent: QWidget | None, title: str, name: str, kinds: str = "", near: Near = None) -> str:
    """Let the user choose a file to write, as `ask_to_open`; `name` is the name that is offered."""
    begin = str(Path(start_folder(near)) / name)
    path, _ = _alone(title, lambda: QFileDialog.getSaveFileName(parent, title, begin, kinds), ("", ""))
    return _noted(path)


def _alone(title: str, ask: Callable[[], T], nothing: T) -> T:
    """Show a dialog and return its answer; nothing while another one is open."""
    if _open:
        return nothing
    _open.append(title)
    try:
        return ask()
    finally:
        _open.clear()


def _noted(path: str) -> str:
    if path:
        _last_folders[:] = [str(Path(path).parent)]
    return path
