"""Carry out the steps of a recipe, and show the result in one layer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from napari_xanes.draft import DraftRunner
from napari_xanes.gui.contrast import PENDING_LIMITS, set_limits_in_background
from napari_xanes.gui.layers import stack_to_layer
from napari_xanes.gui.prepare.step_words import spoken
from napari_xanes.gui.stack_results import add_result, uncover
from napari_xanes.gui.state.stack_recipe import StackRecipe
from napari_xanes.gui.state.workspace import workspace_of
from napari_xanes.history import Step
from napari_xanes.progress import Progress
from napari_xanes.stack import SpectralStack

if TYPE_CHECKING:
    from napari.layers import Layer
    from napari.viewer import Viewer

_PATIENCE = 0.1
"""Seconds between two looks whether work that was given up has ended."""


def carried_out(recipe: StackRecipe, runner: DraftRunner, steps: Sequence[Step], progress: Progress) -> SpectralStack:
    """Return the stack after the steps; wait for work that was given up, because a runner is for one thread."""
    progress(0.0, "starting")
    while not recipe.lock.acquire(timeout=_PATIENCE):
        progress(0.0, "waiting for the cancelled run to stop")
    try:
        return runner.run(steps, progress=progress)
    finally:
        recipe.lock.release()


def result_name(stack: SpectralStack) -> str:
    """Return the name of the layer of a result: that of the stack, and the last step."""
    return f"{stack.name} · {spoken(stack.history[-1].name)}"


def show_result(viewer: Viewer, recipe: StackRecipe, steps: Sequence[Step], stack: SpectralStack) -> Layer:
    """Show the result of a recipe in the layer of its last result, or in a new one, and choose it."""
    workspace, old = workspace_of(viewer), recipe.result
    if old is not None and recipe.owns_result and old in viewer.layers and old.ndim == len(stack.shape):
        layer = old
        with workspace.stacks.held():  # data and energies change one after the other
            _replace(layer, stack, str(recipe.result_name))
        uncover(viewer, layer)
    else:
        layer = add_result(viewer, stack_to_layer(stack, name=result_name(stack)))
        if (base := recipe.base) is not None:
            base.visible = False  # it would shine through where the result has no values
    if recipe.base in viewer.layers:
        recipe.result_name = layer.name
        workspace.recipe.show(recipe, steps, stack, layer)
    viewer.layers.selection.active = layer
    return layer


def _replace(layer: Layer, stack: SpectralStack, old_name: str) -> None:
    """Show another stack in a layer; a name that the user gave it stays."""
    data, keywords, _kind = stack_to_layer(stack, name=result_name(stack))
    same_quantity = layer.metadata["xanes"]["quantity"] == stack.quantity
    layer.data = data
    layer.scale, layer.units = keywords["scale"], keywords["units"]
    layer.metadata = {**layer.metadata, **keywords["metadata"]}
    if not same_quantity:
        layer.contrast_limits_range = layer.contrast_limits = keywords["contrast_limits"]
        if keywords["contrast_limits"] == PENDING_LIMITS:
            set_limits_in_background(layer)
    if layer.name == old_name:
        layer.name = keywords["name"]
