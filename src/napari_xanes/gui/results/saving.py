"""Save the maps of a run, its recipe and its script, with dialogs and notifications."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from napari.utils.notifications import show_error, show_info
from qtpy.QtWidgets import QApplication, QWidget

from napari_xanes.gui.dialogs import ask_to_save
from napari_xanes.gui.in_thread import in_thread
from napari_xanes.history import Source
from napari_xanes.named_files import with_named_files
from napari_xanes.recipe import Recipe, as_python

if TYPE_CHECKING:
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
        show_error(str(error))
    else:
        show_info(f"saved {path}")


def ask_and_save_recipe(maps: MapSet, parent: QWidget | None = None) -> None:
    """Ask for a file and write the steps of a run to it."""
    if not _has_steps(maps):
        return
    path = ask_to_save(parent, "Save recipe", "recipe.yaml", "YAML (*.yaml *.yml)")
    if not path:
        return
    try:
        Recipe(with_named_files(maps.history)).save(Path(path))
    except (OSError, ValueError) as error:
        show_error(f"can't write {path}: {error}")


def copy_script(maps: MapSet) -> None:
    """Copy a script with the steps of a run to the clipboard."""
    if not _has_steps(maps):
        return
    try:
        script = as_python(with_named_files(maps.history), maps.source or Source("path/to/stack"))
    except ValueError as error:
        show_error(f"can't write a script: {error}")
    else:
        copy(script)
        show_info("script copied to the clipboard")


def _has_steps(maps: MapSet) -> bool:
    """Return whether steps made the maps; else say that none are known."""
    if not maps.history:
        show_error(f"no steps are known that made {', '.join(maps)}: for a difference, take the steps of both runs")
    return bool(maps.history)


def copy(text: str) -> None:
    """Put a text into the clipboard."""
    clipboard = QApplication.clipboard()
    if clipboard is not None:
        clipboard.setText(text)
