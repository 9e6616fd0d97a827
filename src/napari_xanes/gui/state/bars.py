"""Colour bars of maps on the canvas: none stays over an image that covers its map."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from weakref import WeakSet, ref

import numpy as np
from qtpy.QtCore import QObject

from napari_xanes.gui.map_layers import is_map
from napari_xanes.gui.turns import in_turn

if TYPE_CHECKING:
    from napari.layers import Layer
    from napari.viewer import Viewer

_BLENDING_THAT_COVERS = ("opaque", "translucent", "translucent_no_depth")
_EVENTS = ("visible", "opacity", "blending")


class ColourBars(QObject):
    """Gives each map a colour bar when it is first seen, and takes it off the canvas while an image covers the map.

    A bar that the user switched off stays off. Bars come a turn of the event loop after their layers: napari takes as
    long to make a bar as to show the layer.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        The viewer; it is not kept alive.
    """

    def __init__(self, viewer: Viewer) -> None:
        super().__init__()
        self._viewer = ref(viewer)
        self._due: WeakSet[Layer] = WeakSet()
        self._waits = False
        for layer in viewer.layers:
            self._watch(layer)
        viewer.layers.events.inserted.connect(self._on_inserted)
        viewer.layers.events.removed.connect(self._on_removed)
        viewer.layers.events.reordered.connect(self._later)
        viewer.canvas.grid.events.enabled.connect(self._later)
        self._later()

    def _watch(self, layer: Layer) -> None:
        if layer._type_string == "image":
            self._due.add(layer)
            for name in _EVENTS:
                getattr(layer.events, name).connect(self._later)

    def _on_inserted(self, event: Any) -> None:
        self._watch(event.value)
        self._later()

    def _on_removed(self, event: Any) -> None:
        if event.value._type_string == "image":
            for name in _EVENTS:
                getattr(event.value.events, name).disconnect(self._later)
        self._later()

    def _later(self, event: Any = None) -> None:
        """Look at all layers after this turn of the event loop, once for all that happens in it."""
        if not self._waits:
            self._waits = True
            in_turn(self, ColourBars._fit)

    def _fit(self) -> None:
        self._waits = False
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
        if seen and layer in self._due:
            self._due.remove(layer)
            bar.visible = True
        elif not seen and bar.visible:
            self._due.add(layer)
            bar.visible = False


def _covers(upper: Layer, lower: Layer) -> bool:
    """Return whether an image lies over more than half of another one."""
    (low, high), (start, end) = (layer.extent.world[:, -2:] for layer in (upper, lower))
    shared = np.clip(np.minimum(high, end) - np.maximum(low, start), 0, None)
    return bool(2 * np.prod(shared) > np.prod(end - start))
