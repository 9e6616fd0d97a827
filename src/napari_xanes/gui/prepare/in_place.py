"""Show a corrected stack in the layer that showed it before."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np

from napari_xanes.gui.layers import kind_of, stack_of, stack_to_layer
from napari_xanes.stack import SpectralStack

if TYPE_CHECKING:
    from napari.layers import Layer


def show_stack(layer: Layer, stack: SpectralStack, others: Iterable[Layer] = ()) -> None:
    """Show a corrected stack in the layer that showed it before.

    Parameters
    ----------
    layer : Image
        The layer of the stack; its contrast limits stay.
    stack : SpectralStack
        The stack as it is now.
    others : iterable of Layer
        Layers that keep lying on the pixels of the stack, such as regions and pins, if its pixel size changes.
    """
    _, before, _ = stack_to_layer(stack_of(layer))
    data, now, _ = stack_to_layer(stack)
    n_axes = data.ndim - 1
    scale, units = now["scale"][-n_axes:], now["units"][-n_axes:]
    old_scale, old_units = layer.scale[-n_axes:], tuple(layer.units[-n_axes:])
    has_own_name = layer.name != before["name"]
    if data is not layer.data:
        layer.data = data
    for other in [layer, *others]:
        lies_on_its_pixels = (
            kind_of(other) in ("", "regions", "pins")
            and other.ndim >= n_axes
            and np.array_equal(other.scale[-n_axes:], old_scale)
            and tuple(other.units[-n_axes:]) == old_units
        )
        if other is layer or lies_on_its_pixels:
            other.scale = (*other.scale[:-n_axes], *scale)
            other.units = (*other.units[:-n_axes], *units)
    layer.metadata = {**layer.metadata, **now["metadata"]}
    if not has_own_name:
        layer.name = now["name"]
