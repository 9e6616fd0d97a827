"""The marks of pins on the image: a layer of points for each number of axes, which users may move and delete."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from weakref import ref

import numpy as np
from napari.layers import Points
from qtpy.QtCore import QObject, QTimer

from napari_xanes.gui.layers import kind_of
from napari_xanes.gui.pixels.spectra import array_of
from napari_xanes.gui.placement import laid_over
from napari_xanes.gui.places import Place, coordinates_of, place_at
from napari_xanes.gui.state.pins import Pin, PinSet
from napari_xanes.gui.state.stacks import StackFollower

if TYPE_CHECKING:
    from napari.layers import Layer
    from napari.viewer import Viewer

KIND = "pins"
_SIZE = 15  # px on the screen, so that a number has room, at any zoom
_PART = 40  # napari finds a point under the mouse by its size in the image: this part of the image's longer side
_NUMBER = "pin"
_BLACK = "#000000"  # stands out from each of the colours


class PinLayers(QObject):
    """Draws pins as numbered points, and follows what users do with the points.

    A point that is dragged moves its pin, one that is added is a new pin, one that is deleted removes its pin, and
    a layer that is deleted removes all of its pins.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        The viewer.
    stacks : StackFollower
        Knows the stack that new layers are laid over.
    pins : PinSet
        The pins.
    """

    def __init__(self, viewer: Viewer, stacks: StackFollower, pins: PinSet) -> None:
        super().__init__()
        self._viewer, self._stacks, self._pins = ref(viewer), stacks, pins
        self._layers: dict[int, Points] = {}  # by their number of axes
        self._pixels: dict[int, Place] = {}  # the first pixel of each layer, to know by how much it was scaled
        self._writing = False
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self._raise)
        pins.changed.connect(self._write)
        viewer.layers.events.inserted.connect(self._on_inserted)
        viewer.layers.events.removed.connect(self._on_removed)

    @property
    def layers(self) -> list[Points]:
        """The layers that hold marks."""
        return list(self._layers.values())

    def _write(self) -> None:
        viewer = self._viewer()
        if viewer is None or self._writing:
            return
        groups: dict[int, list[Pin]] = {n_axes: [] for n_axes in self._layers}
        for pin in self._pins.pins:
            groups.setdefault(len(pin.place.point), []).append(pin)
        with self._own_changes():
            for n_axes, pins in groups.items():
                if not pins:
                    self._forget(viewer, n_axes)
                    continue
                layer = self._layers.get(n_axes) or self._add(viewer, n_axes)
                _draw(layer, pins)

    def _add(self, viewer: Viewer, n_axes: int) -> Points:
        stack = self._stacks.layer
        keywords = {} if stack is None or stack.ndim <= n_axes else laid_over(stack, n_axes)
        layer = Points(
            ndim=n_axes,
            name="pins",
            size=1 if stack is None else max(1, max(array_of(stack).shape[-2:]) // _PART),
            canvas_size_limits=(_SIZE, _SIZE),
            features={_NUMBER: np.empty(0, dtype=int)},
            feature_defaults={_NUMBER: 0},
            text={"string": f"{{{_NUMBER}}}", "size": 8, "color": _BLACK, "anchor": "center"},
            metadata={"xanes": {"kind": KIND}},
            **keywords,
        )
        active = viewer.layers.selection.active
        viewer.add_layer(layer)
        viewer.layers.selection.active = active
        self._layers[n_axes], self._pixels[n_axes] = layer, _first_pixel(layer)
        for emitter in _emitters(layer):
            emitter.connect(self._on_layer)
        return layer

    def _forget(self, viewer: Viewer, n_axes: int) -> None:
        layer = self._layers.pop(n_axes)
        for emitter in _emitters(layer):
            emitter.disconnect(self._on_layer)
        if layer in viewer.layers:
            viewer.layers.remove(layer)

    def _on_layer(self, event: Any) -> None:
        """Follow points that a user moved, added or deleted, and layers that were moved."""
        layer = event.source
        done = event.type != "data" or str(getattr(event, "action", "")) in ("changed", "added", "removed")
        if self._writing or not done or self._layers.get(layer.ndim) is not layer:
            return
        with self._own_changes():
            self._take(layer)
        self._write()

    def _take(self, layer: Points) -> None:
        """Take the places of pins from the points of a layer."""
        known = {pin.number: pin for pin in self._pins.pins if len(pin.place.point) == layer.ndim}
        places: dict[int, Place] = {}
        added = []
        before, pixel = self._pixels[layer.ndim], _first_pixel(layer)
        self._pixels[layer.ndim] = pixel
        for number, point in zip(layer.features[_NUMBER], layer.data, strict=True):
            place = place_at(layer, tuple(float(value) for value in point))
            if int(number) in known and int(number) not in places:
                old = known[int(number)].place
                moved = not np.allclose(place.point, old.point) or place.unit != old.unit
                width = old.width * pixel.width / before.width
                places[int(number)] = Place(place.point, place.unit, width) if moved else old
            else:
                added.append((place, "", "", True))
        self._pins.remove(known.keys() - places.keys())
        self._pins.move(places)
        self._pins.add_all(added)

    def _on_removed(self, event: Any) -> None:
        for n_axes, layer in list(self._layers.items()):
            if event.value is layer and not self._writing:
                for emitter in _emitters(self._layers.pop(n_axes)):
                    emitter.disconnect(self._on_layer)
                self._pins.remove(pin.number for pin in self._pins.pins if len(pin.place.point) == n_axes)

    def _on_inserted(self, event: Any) -> None:
        """Keep marks above a new layer, if they were on top before."""
        viewer = self._viewer()
        if viewer is None or self._writing or kind_of(event.value) == KIND:
            return
        below = viewer.layers[-2] if len(viewer.layers) > 1 and viewer.layers[-1] is event.value else None
        if any(layer is below for layer in self._layers.values()):
            self._timer.start(0)  # not while others still handle the new layer

    def _raise(self) -> None:
        viewer = self._viewer()
        if viewer is None:
            return
        for layer in self._layers.values():
            if layer in viewer.layers and viewer.layers[-1] is not layer:
                viewer.layers.move(viewer.layers.index(layer), len(viewer.layers))

    @contextmanager
    def _own_changes(self) -> Iterator[None]:
        self._writing = True
        try:
            yield
        finally:
            self._writing = False


def _draw(layer: Points, pins: list[Pin]) -> None:
    """Let a layer show these pins as its points."""
    data = np.array([coordinates_of(pin.place, layer, layer.ndim) for pin in pins])
    if layer.data.shape != data.shape or not np.allclose(layer.data, data):
        layer.selected_data = set()
        layer.data = data
    numbers = [pin.number for pin in pins]
    if list(layer.features[_NUMBER]) != numbers:
        layer.features = {_NUMBER: numbers}
    # The border is drawn in the image's scale and would be a thick ring on small images.
    layer.face_color = layer.border_color = [pin.colour for pin in pins]
    layer.shown = [pin.visible for pin in pins]


def _first_pixel(layer: Points) -> Place:
    return place_at(layer, (0.0,) * layer.ndim)


def _emitters(layer: Layer) -> list[Any]:
    events = layer.events
    places = (events.scale, events.translate, events.rotate, events.shear, events.affine, events.units)
    return [events.data, *places]
