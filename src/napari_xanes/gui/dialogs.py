"""Ask for files. Every dialog opens at the folder of the chosen stack, else where the last file was."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import napari
from qtpy.QtWidgets import QFileDialog, QWidget

from napari_xanes.gui.energy import plain_viewer
from napari_xanes.gui.state.workspace import workspace_of

if TYPE_CHECKING:
    from napari.viewer import Viewer

_last_folders: list[str] = []
"""The folder of the file that was chosen last, if there is one."""


def start_folder(viewer: Viewer | None = None) -> str:
    """Return the folder that a dialog opens at; no text if none is known, so that Qt chooses.

    Parameters
    ----------
    viewer : napari.viewer.Viewer, optional
        The viewer whose chosen stack is asked for its file; by default the current one.
    """
    viewer = viewer or napari.current_viewer()
    layer = None if viewer is None else workspace_of(plain_viewer(viewer)).stacks.layer
    path = None if layer is None else (layer.metadata["xanes"].get("source") or {}).get("path")
    folders = ([str(Path(path).parent)] if path else []) + _last_folders
    return next((folder for folder in folders if Path(folder).is_dir()), "")


def ask_to_open(parent: QWidget | None, title: str, kinds: str = "", viewer: Viewer | None = None) -> str:
    """Let the user choose a file to open; return its path, no text if none was chosen.

    Parameters
    ----------
    parent : QWidget or None
        The widget that asks.
    title : str
        Title of the dialog.
    kinds : str
        Filters of Qt, such as ``"Text (*.txt *.csv);;All files (*)"``.
    viewer : napari.viewer.Viewer, optional
        As for `start_folder`.
    """
    path, _ = QFileDialog.getOpenFileName(parent, title, start_folder(viewer), kinds)
    return _noted(path)


def ask_to_open_many(parent: QWidget | None, title: str, kinds: str = "", viewer: Viewer | None = None) -> list[str]:
    """Let the user choose several files to open, as `ask_to_open`; return their paths."""
    paths, _ = QFileDialog.getOpenFileNames(parent, title, start_folder(viewer), kinds)
    return [_noted(path) for path in paths]


def ask_for_folder(parent: QWidget | None, title: str, viewer: Viewer | None = None) -> str:
    """Let the user choose a folder, as `ask_to_open`; return its path."""
    return _noted(QFileDialog.getExistingDirectory(parent, title, start_folder(viewer)))


def ask_to_save(parent: QWidget | None, title: str, name: str, kinds: str = "", viewer: Viewer | None = None) -> str:
    """Let the user choose a file to write, as `ask_to_open`; `name` is the name that is offered."""
    path, _ = QFileDialog.getSaveFileName(parent, title, str(Path(start_folder(viewer)) / name), kinds)
    return _noted(path)


def _noted(path: str) -> str:
    if path:
        _last_folders[:] = [str(Path(path).parent)]
    return path
