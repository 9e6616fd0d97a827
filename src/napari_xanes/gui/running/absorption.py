"""Turn counts into absorption before a method runs, and show the result."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_xanes.gui.layers import stack_to_layer
from napari_xanes.gui.stack_results import add_result
from napari_xanes.history import Step
from napari_xanes.stack import SpectralStack

if TYPE_CHECKING:
    from napari.layers import Layer
    from napari.viewer import Viewer


def steps_to_absorption(stack: SpectralStack) -> list[Step]:
    """Return the steps that convert a stack to absorption; none if it is absorption already."""
    return [Step("optical_depth")] if stack.quantity in ("counts", "transmission") else []


def show_prepared(viewer: Viewer, layer: Layer | None, stack: SpectralStack) -> Layer:
    """Add the absorption computed from a layer's counts, select it and hide the counts."""
    added = add_result(viewer, stack_to_layer(stack))
    if layer is not None:
        layer.visible = False
    viewer.layers.selection.active = added
    return added
