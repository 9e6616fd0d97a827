"""Recipes that are opened or dropped: Prepare takes their steps, Map or Explore the estimator at their end."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from napari_xanes.gui.in_thread import in_thread
from napari_xanes.gui.state.workspace import workspace_of
from napari_xanes.gui.telling import show_error, show_info, tell
from napari_xanes.maps import ESTIMATORS, window_step
from napari_xanes.recipe import Recipe

if TYPE_CHECKING:
    from napari.viewer import Viewer

_SUFFIXES = (".yaml", ".yml")
_BEGINNING = b"format: napari-xanes recipe"


def is_recipe(path: Path) -> bool:
    """Return whether a file begins like a recipe: other plugins have files of the same suffix."""
    if path.suffix.lower() not in _SUFFIXES or not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(len(_BEGINNING)) == _BEGINNING


def take_recipe(path: Path, viewer: Viewer) -> None:
    """Take a recipe for the chosen stack: *Apply* in Prepare, or *Run* in Map or Explore, carries it out.

    An error is shown.

    Parameters
    ----------
    path : Path
        The recipe.
    viewer : napari.viewer.Viewer
        The viewer with the stack.
    """
    workspace = workspace_of(viewer)
    if workspace.recipe.base is None:
        show_error(f"{path.name} is a recipe: drop a stack into the window first, then the recipe")
        return
    try:
        loaded = in_thread(lambda: Recipe.load(path))
    except (OSError, ValueError) as error:
        tell(error)
        return
    recipe = workspace.recipe.current
    if recipe is None:
        return  # the stack was closed meanwhile
    maps = [step for step in loaded.steps if step.name in ESTIMATORS]
    workspace.recipe.load(step for step in loaded.steps if step.name not in ESTIMATORS)
    workspace.stacks.choose(recipe.result if recipe.up_to_date else recipe.base)
    if maps:
        workspace.asked_map.ask(maps[-1])
    workspace.step.name = step = window_step(maps[-1].name) if maps else "Prepare"
    how = f"{'Run' if maps else 'Apply'} in {step} carries it out"
    show_info("\n".join([f"{path.name}: {how}", *loaded.notes]))
