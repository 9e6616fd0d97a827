"""Keep the results of layers, so that they need not be computed again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from napari_xanes.gui.pixels.spectra import array_of

if TYPE_CHECKING:
    from napari.layers import Layer


class ResultCache:
    """Results by layer and key. They are removed with the layer, or if its data are replaced."""

    def __init__(self) -> None:
        self._results: WeakKeyDictionary[Layer, tuple[Any, dict[Any, Any]]] = WeakKeyDictionary()

    def of(self, layer: Layer) -> dict[Any, Any]:
        """Return the results for the present data of a layer; the caller may add to them."""
        data = array_of(layer)
        if layer not in self._results or self._results[layer][0] is not data:
            self._results[layer] = (data, {})
        return self._results[layer][1]
