"""Regions as masks of a stack's pixels."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from napari.layers import Shapes
from numpy.typing import NDArray

from napari_xanes.gui.pixels.areas import image_labels, regions_of
from napari_xanes.region_labels import LabelImage

if TYPE_CHECKING:
    from napari.layers import Layer


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
        If no pixel is marked, or if the regions do not lie over the image.
    """
    if isinstance(region, Shapes) and not region.data:
        raise ValueError(f"layer {region.name!r} has no shape; draw at least one")
    if isinstance(region, Shapes):
        masks = list(regions_of(region, image).values())
        mask = np.any(masks, axis=0) if masks else np.zeros(1, dtype=bool)
    else:
        mask = image_labels(region, image) != 0
    if not mask.any():
        raise ValueError(f"layer {region.name!r} marks no pixel of {image.name!r}; brush or draw it over the image")
    return mask


def regions_in(region: Layer, image: Layer) -> LabelImage | list[NDArray[np.bool_]]:
    """Return the regions of a Labels or Shapes layer one by one: the labels as they are, each shape as a mask.

    Raises
    ------
    ValueError
        As `mask_of`.
    """
    mask_of(region, image)
    if isinstance(region, Shapes):
        return list(regions_of(region, image).values())
    return LabelImage(image_labels(region, image))
