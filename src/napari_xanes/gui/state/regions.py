"""The spectra of brushed and drawn regions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from weakref import ref

import numpy as np
from napari.layers import Labels, Shapes
from qtpy.QtCore import QTimer, Signal

from napari_xanes.gui.energy import energies_of
from napari_xanes.gui.latest_only_worker import LatestOnlyWorker
from napari_xanes.gui.pixels.areas import (
    depth_of,
    region_colour,
    region_layers,
    region_name,
    shape_boxes,
    unused_layers,
)
from napari_xanes.gui.pixels.label_planes import labels_over
from napari_xanes.gui.pixels.spectra import MAX_REGIONS, Values, array_of, boxes_of
from napari_xanes.gui.state.asked import WhileAsked
from napari_xanes.gui.state.stacks import StackFollower
from napari_xanes.region_means import COVARIANCE_LENGTH
from napari_xanes.region_spectra import RegionSpectrum, as_spectrum, mean_spectrum
from napari_xanes.spectrum import Spectrum

if TYPE_CHECKING:
    from napari.layers import Layer
    from napari.viewer import Viewer

_WAIT = 30  # ms between two computations while brushing


@dataclass(frozen=True, eq=False)
class Region:
    """A region and its spectrum.

    Parameters
    ----------
    name : str
        Name that the user gave it.
    layer : Labels or Shapes
        The layer that contains it.
    number : int
        Its label, or the position of its shape, counted from 1.
    colour : str
        As ``#rrggbb``, the same as in the layer.
    pixels : int
        Number of its pixels in the image that is shown.
    mean, spread : array, shape (E,)
        Mean of its pixels that have a value, and their standard deviation.
    """

    name: str
    layer: Layer
    number: int
    colour: str
    pixels: int
    mean: Values
    spread: Values


class RegionTracker(WhileAsked):
    """Keeps the spectra of all regions over the current stack up to date while a user brushes.

    The spectra are computed in a thread. A region whose pixels did not change is not computed again.

    Signals
    -------
    changed :
        The list `regions` changed, or `unused`: labels that give no regions, and why not; or `cut`: layers of more
        than `MAX_REGIONS` regions, of which only the first ones are in the list.
    failed : object
        The exception if the data can't be read.
    """

    changed = Signal()
    failed = Signal(object)

    def __init__(self, viewer: Viewer, stacks: StackFollower) -> None:
        super().__init__()
        self._viewer, self._stacks = ref(viewer), stacks
        self.regions: list[Region] = []
        self.unused: list[tuple[Labels, str]] = []
        self.cut: list[Layer] = []
        self._watched: list[Layer] = []
        self._cache: dict[Any, RegionSpectrum] = {}
        self._cached_data: Any = None
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(_WAIT)
        self._timer.timeout.connect(self._compute)
        self._worker = LatestOnlyWorker(self)
        self._worker.done.connect(self._receive)
        self._worker.failed.connect(lambda key, error: self.failed.emit(error))

    def _attach(self) -> None:
        viewer = self._viewer()
        if viewer is not None:
            viewer.layers.events.inserted.connect(self.rewatch)
            viewer.layers.events.removed.connect(self.rewatch)
            viewer.dims.events.point.connect(self._on_slider)
            self._stacks.layer_changed.connect(self.rewatch)

    def _detach(self) -> None:
        self._timer.stop()
        self._worker.forget()
        self._stacks.layer_changed.disconnect(self.rewatch)
        self._unwatch()
        # Nothing of layers that are removed meanwhile may stay in memory.
        self.regions, self.unused, self.cut = [], [], []
        self._cache, self._cached_data = {}, None
        viewer = self._viewer()
        if viewer is not None:
            viewer.layers.events.inserted.disconnect(self.rewatch)
            viewer.layers.events.removed.disconnect(self.rewatch)
            viewer.dims.events.point.disconnect(self._on_slider)

    def _emit_again(self) -> None:
        self.changed.emit()
        self.rewatch()

    def rewatch(self, *_: Any) -> None:
        """Find the layers that hold regions again."""
        viewer = self._viewer()
        if viewer is None or not self.asked:
            return
        self._unwatch()
        self._watched = [layer for layer in viewer.layers if isinstance(layer, Labels | Shapes)]
        for layer in self._watched:
            for emitter in _emitters(layer):
                emitter.connect(self._schedule)
        if self._stacks.layer is not None:
            for emitter in _emitters(self._stacks.layer):
                emitter.connect(self._schedule)
            self._watched.append(self._stacks.layer)
        self._schedule()

    def _unwatch(self) -> None:
        for layer in self._watched:
            for emitter in _emitters(layer):
                emitter.disconnect(self._schedule)
        self._watched = []

    def _schedule(self, event: Any = None) -> None:
        if not self._timer.isActive():
            self._timer.start()

    def _on_slider(self, event: Any = None) -> None:
        # A slider changes the pixels of a region only in a volume.
        if self._stacks.layer is not None and self._stacks.layer.ndim == 4:
            self._schedule()

    def _compute(self) -> None:
        viewer, stack = self._viewer(), self._stacks.layer
        if viewer is None or stack is None:
            self._cache, self._cached_data = {}, None
            self._set([])
            return
        data = array_of(stack)
        if data is not self._cached_data:
            self._cache, self._cached_data = {}, data
        depth = depth_of(viewer, stack)
        layers = region_layers(viewer, stack)
        sources = [_source(layer, depth, stack) for layer in layers]
        cache = self._cache
        self._worker.submit((stack, data, layers), lambda: _spectra(data, depth, sources, cache))

    def _receive(self, key: Any, results: Any) -> None:
        stack, data, layers = key
        viewer = self._viewer()
        if not self.asked or viewer is None or stack is not self._stacks.layer or data is not array_of(stack):
            return
        regions, cut = [], []
        for layer, region_boxes in zip(layers, results, strict=True):
            if layer in viewer.layers:
                cut += [layer] if len(region_boxes) > MAX_REGIONS else []
                regions += [
                    Region(
                        region_name(layer, number),
                        layer,
                        number,
                        region_colour(layer, number),
                        pixels,
                        measured.mean,
                        measured.deviation,
                    )
                    for number, (pixels, measured) in _listed(region_boxes)
                ]
        self._set(regions, cut)

    def _set(self, regions: list[Region], cut: Sequence[Layer] = ()) -> None:
        viewer, stack = self._viewer(), self._stacks.layer
        unused = [] if viewer is None or stack is None else unused_layers(viewer, stack)
        if regions or self.regions or unused or self.unused:
            self.regions, self.unused, self.cut = regions, unused, list(cut)
            self.changed.emit()

    def reader(self) -> Callable[[], list[Spectrum]]:
        """Return a function that reads the mean spectra of all regions over the current stack, as references.

        The function may run in any thread. Sigma is the standard error of the mean; if the stack says over how many
        pixels noise is shared, these count as one.
        """
        viewer, stack = self._viewer(), self._stacks.layer
        if viewer is None or stack is None:
            return list
        data, depth = array_of(stack), depth_of(viewer, stack)
        layers = region_layers(viewer, stack)
        sources = [_source(layer, depth, stack) for layer in layers]
        energy, facts = energies_of(stack), {"quantity": stack.metadata["xanes"]["quantity"], "stack": stack.name}
        length = float(stack.metadata["xanes"]["metadata"].get(COVARIANCE_LENGTH, 1.0))

        def read() -> list[Spectrum]:
            return [
                as_spectrum(region_name(layer, number), energy, measured, facts, length)
                for layer, region_boxes in zip(layers, _spectra(data, depth, sources, {}), strict=True)
                for number, (_, measured) in _listed(region_boxes)
                if np.isfinite(measured.mean).any()
            ]

        return read


def _source(layer: Layer, depth: tuple[int, ...], stack: Layer) -> Any:
    """Return the regions of a layer as `_spectra` takes them: a function that reads labels, or boxes of drawn areas."""
    if not isinstance(layer, Shapes):
        return labels_over(layer, depth, stack)
    return dict(list(shape_boxes(layer, depth, stack).items())[: MAX_REGIONS + 1])


def _listed(found: dict[int, Any]) -> list[tuple[int, Any]]:
    """The regions of a layer that are listed; one more only tells that there are others."""
    return list(found.items())[:MAX_REGIONS]


def _spectra(data: Any, depth: tuple[int, ...], sources: list[Any], cache: dict[Any, Any]) -> list[dict[int, Any]]:
    """Return number of pixels and spectrum of each region of each source; runs in a thread."""
    results = []
    for source in sources:
        region_boxes = source if isinstance(source, dict) else boxes_of(source())
        spectra = {}
        for number, (box, mask) in region_boxes.items():
            place = tuple((s.start, s.stop) for s in box)
            key = (depth, place, mask.tobytes())
            if key not in cache:
                if len(cache) > 4 * MAX_REGIONS:
                    cache.clear()
                cache[key] = mean_spectrum(data, (*depth, *box), mask)
            spectra[number] = (int(mask.sum()), cache[key])
        results.append(spectra)
    return results


def _emitters(layer: Layer) -> list[Any]:
    """Return the events of a layer that may change its regions."""
    events = layer.events
    if isinstance(layer, Labels):
        return [events.labels_update, events.paint, events.data, events.set_data, events.colormap, *_common(events)]
    if isinstance(layer, Shapes):
        return [events.data, events.set_data, events.edge_color, *_common(events)]
    return [events.data, *_places(events)]


def _common(events: Any) -> list[Any]:
    return [events.visible, events.name, events.metadata, *_places(events)]


def _places(events: Any) -> list[Any]:
    return [events.scale, events.translate, events.rotate, events.shear, events.affine, events.units]
