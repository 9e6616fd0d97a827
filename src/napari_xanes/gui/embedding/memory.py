"""Remember results for layers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from napari_xanes.gui.pixels.spectra import array_of

if TYPE_CHECKING:
    from napari.layers import Layer


class Memory:
    """Results by layer and key. They are removed with the layer, or if its data are replaced."""

    def __init__(self) -> None:
        self._cache: WeakKeyDictionary[Layer, tuple[Any, dict[Any, Any]]] = WeakKeyDictionary()

    def of(self, layer: Layer) -> dict[Any, Any]:
        """Return the results for the present data of a layer; the caller may add to them."""
        data = array_of(layer)
        if layer not in self._cache or self._cache[layer][0] is not data:
            self._cache[layer] = (data, {})
        return self._cache[layer][1]
