"""Recipes from files and into them, and as a script, with dialogs and notifications."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from qtpy.QtWidgets import QWidget

from napari_xanes.gui.clipboard import copy_text
from napari_xanes.gui.dialogs import ask_to_open, ask_to_save
from napari_xanes.gui.telling import show_info, tell
from napari_xanes.history import Source, Step
from napari_xanes.named_files import with_named_files
from napari_xanes.recipe import Recipe, as_python

_RECIPES = "Recipes (*.yaml *.yml);;All files (*)"


def ask_and_load(source: Source | None, parent: QWidget | None = None) -> Recipe | None:
    """Ask for a recipe, beside the file of the stack, and read it; an error is shown."""
    path = ask_to_open(parent, "Load recipe", _RECIPES, source)
    return load(path) if path else None


def load(path: str) -> Recipe | None:
    """Read a recipe; an error is shown."""
    try:
        return Recipe.load(path)
    except (OSError, ValueError) as error:
        tell(error)
        return None


def ask_and_save(steps: Sequence[Step], source: Source | None, parent: QWidget | None = None) -> None:
    """Ask for a file, beside that of the stack, and write the steps to it."""
    path = ask_to_save(parent, "Save recipe", "recipe.yaml", _RECIPES, source)
    if not path:
        return
    try:
        Recipe(with_named_files(steps)).save(Path(path))
    except (OSError, ValueError) as error:
        tell(error, f"{path} was not written")
    else:
        show_info(f"Saved {path}")


def copy_script(steps: Sequence[Step], source: Source | None) -> None:
    """Put a script with the steps into the clipboard."""
    try:
        script = as_python(with_named_files(steps), source or Source("path/to/stack"))
    except ValueError as error:
        tell(error, "Can't write a script")
        return
    copy_text(script)
    show_info("Script copied to the clipboard")
