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
    unused_layers,
)
from napari_xanes.gui.pixels.region_changes import is_hidden
from napari_xanes.gui.pixels.region_reading import listed, read_regions, region_source
from napari_xanes.gui.pixels.spectra import MAX_REGIONS, Values
from napari_xanes.gui.state.asked import WhileAsked
from napari_xanes.gui.state.shown import ShownQuantity
from napari_xanes.gui.state.stacks import StackFollower
from napari_xanes.region_means import COVARIANCE_LENGTH
from napari_xanes.region_spectra import RegionSpectrum, as_spectrum
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
    middle : tuple of int
        Its pixel that is nearest to its middle, (y, x) or (z, y, x).
    measured : RegionSpectrum
        Mean of its pixels that have a value, and their standard deviation.
    hidden : bool
        Whether its spectrum is not drawn.
    """

    name: str
    layer: Layer
    number: int
    colour: str
    pixels: int
    middle: tuple[int, ...]
    measured: RegionSpectrum
    hidden: bool = False

    @property
    def mean(self) -> Values:
        """Mean of its pixels that have a value, shape (E,)."""
        return self.measured.mean

    @property
    def spread(self) -> Values:
        """Standard deviation of its pixels, shape (E,)."""
        return self.measured.deviation


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

    def __init__(self, viewer: Viewer, stacks: StackFollower, shown: ShownQuantity) -> None:
        super().__init__()
        self._viewer, self._stacks, self._shown = ref(viewer), stacks, shown
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

    def _followed(self) -> Sequence[tuple[Any, Callable[..., None]]]:
        own = (self._stacks.layer_changed, self.rewatch), (self._shown.changed, self._schedule)
        viewer = self._viewer()
        if viewer is None:
            return own
        return (
            *own,
            (viewer.layers.events.inserted, self.rewatch),
            (viewer.layers.events.removed, self.rewatch),
            (viewer.dims.events.point, self._on_slider),
        )

    def _detach(self) -> None:
        self._timer.stop()
        self._worker.forget()
        self._unwatch()
        # Nothing of layers that are removed meanwhile may stay in memory.
        self.regions, self.unused, self.cut = [], [], []
        self._cache, self._cached_data = {}, None

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
        data = self._shown.data_of(stack)
        if data is not self._cached_data:
            self._cache, self._cached_data = {}, data
        depth = depth_of(viewer, stack)
        layers = region_layers(viewer, stack)
        sources = [region_source(layer, depth, stack) for layer in layers]
        cache = self._cache
        self._worker.submit((stack, data, layers), lambda: read_regions(data, depth, sources, cache))

    def _receive(self, key: Any, results: Any) -> None:
        stack, data, layers = key
        viewer = self._viewer()
        if (
            not self.asked
            or viewer is None
            or stack is not self._stacks.layer
            or data is not self._shown.data_of(stack)
        ):
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
                        (*depth_of(viewer, stack), *middle),
                        measured,
                        is_hidden(layer, number),
                    )
                    for number, (pixels, middle, measured) in listed(region_boxes)
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
        data, depth = self._shown.data_of(stack), depth_of(viewer, stack)
        layers = region_layers(viewer, stack)
        sources = [region_source(layer, depth, stack) for layer in layers]
        energy, facts, length = _facts(stack, self._shown.quantity_of(stack))

        def read() -> list[Spectrum]:
            return [
                as_spectrum(region_name(layer, number), energy, measured, facts, length)
                for layer, region_boxes in zip(layers, read_regions(data, depth, sources, {}), strict=True)
                for number, (_, _, measured) in listed(region_boxes)
                if np.isfinite(measured.mean).any()
            ]

        return read


def as_spectra(regions: Sequence[Region], stack: Layer, quantity: str) -> list[Spectrum]:
    """Return the mean spectra of regions over a stack layer with their standard errors, as references."""
    energy, facts, length = _facts(stack, quantity)
    return [as_spectrum(region.name, energy, region.measured, facts, length) for region in regions]


def _facts(stack: Layer, quantity: str) -> tuple[Values, dict[str, Any], float]:
    """Return energies, facts about the stack, and the length over which its noise is shared, in pixels."""
    xanes = stack.metadata["xanes"]
    facts = {"quantity": quantity, "stack": stack.name}
    return energies_of(stack), facts, float(xanes["metadata"].get(COVARIANCE_LENGTH, 1.0))


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
