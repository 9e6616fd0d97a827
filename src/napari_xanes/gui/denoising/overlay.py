"""Temporary layers over an image: the preview of a part, and the image before denoising."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_xanes.gui.contrast import set_limits_in_background
from napari_xanes.gui.layers import stack_to_layer

if TYPE_CHECKING:
    from napari.layers import Image, Layer
    from napari.viewer import Viewer

    from napari_xanes.stack import SpectralStack

_MIN_SIDE, _MAX_SIDE = 48, 256  # px, smallest and largest side of a preview; both are denoised in seconds
_DISPLAY_SETTINGS = ("contrast_limits", "colormap", "gamma")


def in_view(layer: Layer) -> tuple[int, int, int, int]:
    """Return the box (y0, y1, x0, x1) of a layer's visible pixels, enlarged or cut around its centre."""
    box: list[int] = []
    for axis in (-2, -1):
        n = layer.data.shape[axis]
        low, high = (int(corner) for corner in np.clip(layer.corner_pixels[:, axis] + (0, 1), 0, n))
        side = min(n, max(_MIN_SIDE, min(_MAX_SIDE, high - low)))
        start = min(max((low + high - side) // 2, 0), n - side)
        box += [start, start + side]
    return box[0], box[1], box[2], box[3]


def preview_layer(
    cleaned: SpectralStack, layer: Layer, depth: tuple[int, ...], box: tuple[int, int, int, int]
) -> Image:
    """Return the layer for a denoised box of another layer, at depth (z,) of a volume; it has no stack metadata."""
    from napari.layers import Image

    data, keywords, _kind = stack_to_layer(cleaned, name="denoised preview")
    offset = np.array([0, *depth, box[0], box[2]]) * layer.scale
    preview = Image(data, **keywords | {"translate": layer.translate + offset, "metadata": {}})
    set_limits_in_background(preview)
    return preview


def lay_over(viewer: Viewer, layer: Layer, reference: Layer) -> None:
    """Insert a layer directly above another; the selection does not change."""
    active = viewer.layers.selection.active
    viewer.layers.insert(viewer.layers.index(reference) + 1, layer)
    viewer.layers.selection.active = active


class Swipe:
    """Covers the left part of an image layer with other data of its size.

    napari can't clip images in 2D. So the cover is a separate layer, a view of the first columns of the data.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        The viewer.
    """

    def __init__(self, viewer: Viewer) -> None:
        self._viewer = viewer
        self._data: Any = None
        self._covered_layer: Layer | None = None
        self._cover: Image | None = None

    def set_layer(self, layer: Layer, data: Any) -> None:
        """Set the layer to cover and the data of the cover."""
        self.cover(0)
        self._covered_layer, self._data = layer, data

    def cover(self, fraction: float) -> None:
        """Cover a fraction (0 to 1) of the layer's width, from the left."""
        layers, layer = self._viewer.layers, self._covered_layer
        columns = 0 if layer not in layers else round(fraction * self._data.shape[-1])
        if columns == 0:
            if self._cover in layers:
                layers.remove(self._cover)
            self._cover = None
        elif self._cover is not None and self._cover in layers:
            self._cover.data = self._data[..., :columns]
        else:
            self._cover = self._covering(self._data[..., :columns])
            lay_over(self._viewer, self._cover, layer)

    def _covering(self, data: Any) -> Image:
        from napari.experimental import link_layers
        from napari.layers import Image

        layer = self._covered_layer
        settings = {
            name: getattr(layer, name) for name in (*_DISPLAY_SETTINGS, "scale", "translate", "units", "axis_labels")
        }
        cover = Image(data, name="before", **settings)
        link_layers([layer, cover], (*_DISPLAY_SETTINGS, "visible"))
        return cover
