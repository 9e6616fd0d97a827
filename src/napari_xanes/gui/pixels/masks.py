"""Regions as masks of a stack's pixels."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from napari.layers import Labels, Shapes
from numpy.typing import NDArray

from napari_xanes.gui.layers import is_map
from napari_xanes.gui.pixels.areas import drawn_pixels

if TYPE_CHECKING:
    from napari.layers import Layer


def is_region(layer: Layer) -> bool:
    """Return whether a layer holds regions that a user brushed or drew."""
    return isinstance(layer, Labels | Shapes) and not is_map(layer)


def mask_of(region: Layer, image: Layer) -> NDArray[np.bool_]:
    """Return the mask of all pixels that a Labels or Shapes layer marks.

    Parameters
    ----------
    region : Labels or Shapes layer
        All labels except 0 are marked; shapes are filled.
    image : Image layer, data (E, Y, X) or (E, Z, Y, X)
        The image layer that the regions lie over.

    Raises
    ------
    ValueError
        If no pixel is marked, or if the sizes differ.
    """
    shape = tuple(image.data.shape[1:])
    if isinstance(region, Shapes):
        if not region.data:
            raise ValueError(f"layer {region.name!r} has no shape; draw at least one")
        mask = drawn_pixels(region, image)
    else:
        labelled = np.asarray(region.data) != 0
        mask = labelled.any(axis=0) if labelled.ndim > len(shape) else labelled
    if mask.shape not in (shape, shape[-2:]):
        raise ValueError(f"layer {region.name!r} has {mask.shape} pixels, the stack {shape}; use a layer of that size")
    if not mask.any():
        raise ValueError(f"layer {region.name!r} marks no pixel; brush at least one")
    return mask
