"""Save the maps of a run, its recipe and its script, or run its steps on many files; with dialogs and notifications."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtWidgets import QWidget

from napari_xanes.gui import recipe_files
from napari_xanes.gui.dialogs import ask_to_save
from napari_xanes.gui.in_thread import in_thread
from napari_xanes.gui.many.window import open_window
from napari_xanes.gui.telling import show_error, show_info, tell

if TYPE_CHECKING:
    from napari.viewer import Viewer

    from napari_xanes.parameter_map import MapSet


def ask_and_save_maps(maps: MapSet, parent: QWidget | None = None) -> None:
    """Ask for a file and write all maps of a run to it."""
    path = ask_to_save(parent, "Save maps", "maps.h5", "NeXus HDF5 (*.h5 *.nxs);;TIFF (*.tif)")
    if path:
        save_maps(maps, path)


def save_maps(maps: MapSet, path: str) -> None:
    """Write all maps of a run to a file; show an error as a notification."""
    from napari_xanes.io import write

    try:
        in_thread(lambda: write(maps, path), f"save the maps of {maps.name}", must_end=True)
    except (OSError, ValueError) as error:
        tell(error)
    else:
        show_info(f"Saved {path}")


def ask_and_save_recipe(maps: MapSet, parent: QWidget | None = None) -> None:
    """Ask for a file and write the steps of a run to it."""
    if _has_steps(maps):
        recipe_files.ask_and_save(maps.history, None, parent)


def copy_script(maps: MapSet) -> None:
    """Copy a script with the steps of a run to the clipboard."""
    if _has_steps(maps):
        recipe_files.copy_script(maps.history, maps.source)


def run_on_folder(maps: MapSet, viewer: Viewer) -> None:
    """Open the window that runs the steps of a run on many files."""
    if _has_steps(maps):
        open_window(viewer, maps.history, maps.source)


def _has_steps(maps: MapSet) -> bool:
    """Return whether steps made the maps; else say that none are known."""
    if not maps.history:
        show_error(f"No steps are known that made {', '.join(maps)}: for a difference, take the steps of both runs")
    return bool(maps.history)
