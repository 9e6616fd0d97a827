"""The spectra of pins, read on whichever stack is shown."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from weakref import ref

from qtpy.QtCore import Signal

from napari_xanes.gui.curve import Curve
from napari_xanes.gui.energy import energies_of
from napari_xanes.gui.latest_only_worker import LatestOnlyWorker
from napari_xanes.gui.pixels.areas import depth_of
from napari_xanes.gui.pixels.spectra import Values, box_spectra
from napari_xanes.gui.places import box_of, pixel_of
from napari_xanes.gui.state.asked import WhileAsked
from napari_xanes.gui.state.cursor import CursorFollower
from napari_xanes.gui.state.pins import Pin, PinSet
from napari_xanes.gui.state.shown import ShownQuantity
from napari_xanes.gui.state.stacks import StackFollower

if TYPE_CHECKING:
    from napari.layers import Layer
    from napari.viewer import Viewer

_Box = tuple[tuple[int, ...], int]


@dataclass(frozen=True, eq=False)
class PinSpectrum:
    """A pin on the stack that is shown.

    Parameters
    ----------
    pin : Pin
        The pin.
    index : tuple of int or None
        Its pixel (y, x) or (z, y, x); None outside the stack.
    curve : Curve or None
        Mean spectrum of the box around the pixel; None outside the stack, and until it is read.
    """

    pin: Pin
    index: tuple[int, ...] | None
    curve: Curve | None


class PinSpectra(WhileAsked):
    """Reads the spectra of all pins on the current stack; those of lazy stacks in a thread.

    Attributes
    ----------
    spectra : list of PinSpectrum
        One for each pin, in their order.

    Signals
    -------
    changed :
        The list `spectra` changed.
    failed : Exception
        The exception if the data can't be read.
    """

    changed = Signal()
    failed = Signal(object)

    def __init__(
        self, viewer: Viewer, stacks: StackFollower, shown: ShownQuantity, cursor: CursorFollower, pins: PinSet
    ) -> None:
        super().__init__()
        self._viewer, self._stacks, self._shown, self._cursor, self._pins = ref(viewer), stacks, shown, cursor, pins
        self.spectra: list[PinSpectrum] = []
        self._watched: Layer | None = None
        self._known: dict[_Box, Values] = {}
        self._known_data: Any = None
        self._worker = LatestOnlyWorker(self)
        self._worker.done.connect(self._receive)
        self._worker.failed.connect(lambda _key, error: self.failed.emit(error))

    def _followed(self) -> Sequence[tuple[Any, Callable[..., None]]]:
        viewer = self._viewer()
        return (
            (self._pins.changed, self._look),
            (self._stacks.layer_changed, self._rewatch),
            (self._shown.changed, self._read_again),
            *(() if viewer is None else ((viewer.dims.events.point, self._on_slider),)),
        )

    def _attach(self) -> None:
        self._rewatch()

    def _detach(self) -> None:
        self._unwatch()
        self._worker.forget()
        # Nothing of layers that are removed meanwhile may stay in memory.
        self.spectra, self._known, self._known_data = [], {}, None

    def _emit_again(self) -> None:
        self._look()

    def _rewatch(self, *_: Any) -> None:
        self._unwatch()
        self._watched = layer = self._stacks.layer
        if layer is not None:
            for emitter in _emitters(layer):
                emitter.connect(self._read_again)
        self._read_again()

    def _unwatch(self) -> None:
        if self._watched is not None:
            for emitter in _emitters(self._watched):
                emitter.disconnect(self._read_again)
        self._watched = None

    def _read_again(self, event: Any = None) -> None:
        self._known, self._known_data = {}, None
        self._look()

    def _on_slider(self, event: Any = None) -> None:
        # Pins without a depth lie in the slice of a volume that is shown.
        layer = self._stacks.layer
        if layer is not None and layer.ndim == 4 and any(len(pin.place.point) == 2 for pin in self._pins.pins):
            self._look()

    def _look(self, *_: Any) -> None:
        """Find the pixels of all pins; read the spectra that are not known yet."""
        viewer, layer = self._viewer(), self._stacks.layer
        if viewer is None or not self.asked:
            return
        if layer is None:
            self._set([PinSpectrum(pin, None, None) for pin in self._pins.pins])
            return
        data, depth = self._shown.data_of(layer), depth_of(viewer, layer)
        if data is not self._known_data:
            self._known, self._known_data = {}, data
        places = [(pin, pixel_of(pin.place, layer, data.shape[1:], depth)) for pin in self._pins.pins]
        boxes = [None if index is None else (index, box_of(pin.place, layer)) for pin, index in places]
        for box in boxes:
            if box is not None and box not in self._known:
                values = self._cursor.spectrum_of(*box)
                if values is not None:
                    self._known[box] = values
        self._show(layer, places, boxes)
        missing = list(dict.fromkeys(box for box in boxes if box is not None and box not in self._known))
        if missing:
            self._worker.submit((layer, data), lambda: dict(zip(missing, box_spectra(data, missing), strict=True)))

    def _receive(self, key: Any, found: dict[_Box, Values]) -> None:
        layer, data = key
        if self.asked and layer is self._stacks.layer and data is self._known_data:
            self._known |= found
            self._look()

    def _show(self, layer: Layer, places: list[tuple[Pin, Any]], boxes: list[_Box | None]) -> None:
        known = {id(old.pin): old for old in self.spectra}
        found = []
        for (pin, index), box in zip(places, boxes, strict=True):
            values, old = None if box is None else self._known.get(box), known.get(id(pin))
            if old is not None and old.curve is not None and old.curve.values is values:
                found.append(PinSpectrum(pin, index, old.curve))  # so that what was made of the curve is found again
            else:
                curve = None
                if values is not None:
                    curve = Curve(pin.name, energies_of(layer), values, "pin", pin.colour)
                found.append(PinSpectrum(pin, index, curve))
        self._set(found)

    def _set(self, spectra: list[PinSpectrum]) -> None:
        if spectra or self.spectra:
            self.spectra = spectra
            self.changed.emit()


def _emitters(layer: Layer) -> list[Any]:
    """Return the events of a layer that may change its spectra, or where its pixels lie."""
    events = layer.events
    return [events.data, events.scale, events.translate, events.rotate, events.shear, events.affine, events.units]
