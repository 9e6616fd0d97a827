"""Add the stack that steps made of another one to the viewer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_xanes.gui.layers import LayerData, is_stack
from napari_xanes.gui.state.run import set_visible
from napari_xanes.gui.state.workspace import workspace_of

if TYPE_CHECKING:
    from napari.layers import Layer
    from napari.viewer import Viewer


def add_result(viewer: Viewer, data: LayerData) -> Layer:
    """Add a stack directly above all other stacks: none of them covers it, and it covers no regions and pins.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        The viewer.
    data : layer data
        The layer of the result; without another stack it is on top.
    """
    from napari.layers import Layer

    layer, layers = Layer.create(*data), viewer.layers
    stacks = [number for number, other in enumerate(layers) if is_stack(other)]
    layers.insert(stacks[-1] + 1 if stacks else len(layers), layer)
    uncover(viewer, layer)
    return layer


def uncover(viewer: Viewer, layer: Layer) -> None:
    """Hide the maps that lie above a stack: they are of the stack before, and the user waits for this one."""
    layers, runs = viewer.layers, workspace_of(viewer).runs
    for other in layers[layers.index(layer) + 1 :]:
        if runs.of(other) is not None:
            set_visible(other, False)
