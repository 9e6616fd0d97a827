"""The commands *Save project…* and *Open project…* of the menu File and of the command palette."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import napari

from napari_xanes.gui.dialogs import ask_to_open
from napari_xanes.gui.files.readers import show_energies
from napari_xanes.gui.projects import opening
from napari_xanes.gui.projects.save_dialog import KINDS
from napari_xanes.gui.telling import show_error

if TYPE_CHECKING:
    from napari.viewer import Viewer


def save_project() -> None:
    """Ask how and where to save what the current window holds."""
    viewer = napari.current_viewer()
    if viewer is not None:
        opening.ask_and_save(viewer)


def open_project() -> None:
    """Ask for a project and open it in the current window."""
    viewer = napari.current_viewer()
    if viewer is None:
        show_error("There is no window to open a project in")
        return
    ask_and_open(viewer)


def ask_and_open(viewer: Viewer) -> None:
    """Ask for a project and open it in a window."""
    path = ask_to_open(None, "Open project", f"{KINDS};;All files (*)", viewer)
    if path:
        show_energies(viewer)
        opening.open_project(viewer, Path(path))
