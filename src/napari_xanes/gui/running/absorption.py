"""Turn counts into absorption before a method runs, and show the result."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_xanes.gui.layers import stack_to_layer
from napari_xanes.history import Step
from napari_xanes.stack import SpectralStack

if TYPE_CHECKING:
    from napari.layers import Layer
    from napari.viewer import Viewer


def steps_to_absorption(stack: SpectralStack) -> list[Step]:
    """What turns a stack into absorption, so that a newcomer may map counts straight away."""
    return [Step("optical_depth")] if stack.quantity in ("counts", "transmission") else []


def show_prepared(viewer: Viewer, layer: Layer | None, stack: SpectralStack) -> Layer:
    """Add the absorption that was made of a layer's counts, in their place: its spectra are what is fitted."""
    data, keywords, _kind = stack_to_layer(stack)
    added = viewer.add_image(data, **keywords)
    if layer is not None:
        layer.visible = False
    viewer.layers.selection.active = added
    return added
