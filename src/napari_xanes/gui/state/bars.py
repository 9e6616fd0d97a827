"""Colour bars of maps on the canvas: none stays over an image that covers its map."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from weakref import WeakSet, ref

import numpy as np
from qtpy.QtCore import QObject

from napari_xanes.gui.map_layers import is_map

if TYPE_CHECKING:
    from napari.layers import Layer
    from napari.viewer import Viewer

_BLENDING_THAT_COVERS = ("opaque", "translucent", "translucent_no_depth")
_EVENTS = ("visible", "opacity", "blending")


class ColourBars(QObject):
    """Takes the colour bar of a map off the canvas while an image lies over the map, and puts it back.

    A bar that the user switched off stays off.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        The viewer; it is not kept alive.
    """

    def __init__(self, viewer: Viewer) -> None:
        super().__init__()
        self._viewer = ref(viewer)
        self._taken: WeakSet[Layer] = WeakSet()
        for layer in viewer.layers:
            self._watch(layer)
        viewer.layers.events.inserted.connect(self._on_inserted)
        viewer.layers.events.removed.connect(self._on_removed)
        viewer.layers.events.reordered.connect(self._fit)
        viewer.canvas.grid.events.enabled.connect(self._fit)
        self._fit()

    def _watch(self, layer: Layer) -> None:
        if layer._type_string == "image":
            for name in _EVENTS:
                getattr(layer.events, name).connect(self._fit)

    def _on_inserted(self, event: Any) -> None:
        self._watch(event.value)
        self._fit()

    def _on_removed(self, event: Any) -> None:
        if event.value._type_string == "image":
            for name in _EVENTS:
                getattr(event.value.events, name).disconnect(self._fit)
        self._fit()

    def _fit(self, event: Any = None) -> None:
        viewer = self._viewer()
        if viewer is None:
            return
        grid = viewer.canvas.grid.enabled  # each layer in a cell of its own
        above: list[Layer] = []
        for layer in reversed(viewer.layers):
            if layer._type_string != "image" or not layer.visible:
                continue
            if is_map(layer):
                self._show_bar(layer, grid or not any(_covers(other, layer) for other in above))
            if layer.opacity == 1 and layer.blending in _BLENDING_THAT_COVERS:
                above.append(layer)

    def _show_bar(self, layer: Layer, seen: bool) -> None:
        bar = layer.colorbar
        if seen and layer in self._taken:
            self._taken.remove(layer)
            bar.visible = True
        elif not seen and bar.visible:
            self._taken.add(layer)
            bar.visible = False


def _covers(upper: Layer, lower: Layer) -> bool:
    """Return whether an image lies over more than half of another one."""
    (low, high), (start, end) = (layer.extent.world[:, -2:] for layer in (upper, lower))
    shared = np.clip(np.minimum(high, end) - np.maximum(low, start), 0, None)
    return bool(2 * np.prod(shared) > np.prod(end - start))
