"""The quantity in which spectra are read: optical depth where the stack holds counts and their flats."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from qtpy.QtCore import QObject, Signal

from napari_xanes.gui.layers import stack_of
from napari_xanes.gui.pixels.depth import DepthOfCounts
from napari_xanes.gui.pixels.spectra import array_of

if TYPE_CHECKING:
    from napari.layers import Layer

_CONVERTIBLE = ("counts", "transmission")


class ShownQuantity(QObject):
    """Gives the data that spectra are read from: those of the stack, or their optical depth.

    Signals
    -------
    changed :
        Another quantity is shown.
    """

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._as_depth = True
        self._readers: WeakKeyDictionary[Any, tuple[Any, Any, DepthOfCounts | None]] = WeakKeyDictionary()

    @property
    def as_depth(self) -> bool:
        """Whether counts are shown as optical depth where they can be."""
        return self._as_depth

    @as_depth.setter
    def as_depth(self, wanted: bool) -> None:
        if wanted != self._as_depth:
            self._as_depth = wanted
            self.changed.emit()

    def can_be_depth(self, layer: Layer | None) -> bool:
        """Return whether the counts of a stack layer can be shown as optical depth."""
        return layer is not None and self._reader(layer) is not None

    def data_of(self, layer: Layer) -> Any:
        """Return what spectra of a stack layer are read from: shape (E, Y, X) or (E, Z, Y, X)."""
        reader = self._reader(layer) if self._as_depth else None
        return array_of(layer) if reader is None else reader

    def quantity_of(self, layer: Layer) -> str:
        """Return the quantity of the spectra of a stack layer."""
        own = str(layer.metadata["xanes"]["quantity"])
        return "optical_depth" if self._as_depth and self._reader(layer) is not None else own

    def _reader(self, layer: Layer) -> DepthOfCounts | None:
        xanes, data = layer.metadata["xanes"], array_of(layer)
        if xanes["quantity"] not in _CONVERTIBLE:
            return None
        known = self._readers.get(layer)
        if known is None or known[0] is not xanes or known[1] is not data:
            try:
                reader = DepthOfCounts(stack_of(layer))
            except ValueError:
                reader = None
            known = self._readers[layer] = xanes, data, reader
        return known[2]
