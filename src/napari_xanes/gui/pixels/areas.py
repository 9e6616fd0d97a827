"""Region layers over a stack, and the pixels that their regions cover."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Labels, Shapes
from napari.utils.colormaps import CyclicLabelColormap
from numpy.typing import NDArray

from napari_xanes.colours import OKABE_ITO, colour_of
from napari_xanes.gui.map_layers import is_map
from napari_xanes.gui.pixels.label_planes import labels_over, why_not_over
from napari_xanes.gui.pixels.spectra import array_of
from napari_xanes.gui.placement import between, laid_over, to_data

if TYPE_CHECKING:
    from napari.layers import Layer
    from napari.viewer import Viewer

_AREAS = ("polygon", "rectangle", "ellipse")

Boxes = dict[int, tuple[tuple[Any, ...], NDArray[np.bool_]]]
"""Bounding box in pixels of the image, and mask within the box, by number of the region."""


def region_layers(viewer: Viewer, stack: Layer) -> list[Layer]:
    """Return the visible Shapes layers, and the visible Labels layers that lie over the stack and are no maps."""
    return [layer for layer in viewer.layers if layer.visible and is_region(layer) and why_not_over(layer, stack) == ""]


def unused_layers(viewer: Viewer, stack: Layer) -> list[tuple[Labels, str]]:
    """Return the visible Labels layers that give no regions of the stack, and why not."""
    candidates = [layer for layer in viewer.layers if layer.visible and is_region(layer)]
    return [(layer, reason) for layer in candidates if (reason := why_not_over(layer, stack))]


def is_region(layer: Layer) -> bool:
    """Return whether a layer holds regions that a user brushed or drew: not the labels that a map shows."""
    return isinstance(layer, Labels | Shapes) and not is_map(layer)


def new_labels(viewer: Viewer, stack: Layer) -> Labels:
    """Add an empty Labels layer over a stack, in the colours of the plots."""
    shape = array_of(stack).shape[1:]
    layer = Labels(
        np.zeros(shape, dtype=np.uint8),
        name=f"regions · {stack.name}",
        colormap=CyclicLabelColormap(colors=["#00000000", *OKABE_ITO]),
        metadata={"xanes": {"kind": "regions", "names": {}}},
        **laid_over(stack, len(shape)),
    )
    viewer.add_layer(layer)
    return layer


def new_shapes(viewer: Viewer, stack: Layer) -> Shapes:
    """Add an empty Shapes layer over a stack."""
    layer = Shapes(
        ndim=2,
        name=f"drawn regions · {stack.name}",
        face_color="#ffffff20",
        edge_color=colour_of(1),
        edge_width=1,
        metadata={"xanes": {"kind": "regions", "names": {}}},
        **laid_over(stack, 2),
    )
    viewer.add_layer(layer)
    return layer


def shape_boxes(layer: Shapes, depth: tuple[int, ...], stack: Layer) -> Boxes:
    """Return bounding box and mask of each drawn area, in pixels of the stack; lines and paths have no area.

    In a volume, an area that was drawn in a slice belongs to that slice; an area without a depth belongs to all slices.
    """
    from skimage.draw import polygon as untyped

    polygon: Any = untyped

    boxes: Boxes = {}
    height, width = array_of(stack).shape[-2:]
    for number, (corners, kind) in enumerate(zip(layer.data, layer.shape_type, strict=True), start=1):
        if kind not in _AREAS:
            continue
        if kind == "ellipse":
            angle = np.linspace(0, 2 * np.pi, 65)[:-1, np.newaxis]
            middle = corners.mean(axis=0)
            corners = (
                middle + np.cos(angle) * (corners[1] - corners[0]) / 2 + np.sin(angle) * (corners[2] - corners[1]) / 2
            )
        # Rounding keeps a pixel whose centre lies exactly on the border inside, in spite of float errors of the scale.
        corners_in_stack = np.round(between(layer, corners, stack), 6)
        if depth and layer.ndim > 2 and round(float(corners_in_stack[0, 1])) != depth[0]:
            continue
        rows, columns = polygon(corners_in_stack[:, -2], corners_in_stack[:, -1], (height, width))
        if rows.size:
            box = (slice(rows.min(), rows.max() + 1), slice(columns.min(), columns.max() + 1))
            mask = np.zeros((np.ptp(rows) + 1, np.ptp(columns) + 1), dtype=bool)
            mask[rows - rows.min(), columns - columns.min()] = True
            boxes[number] = (box, mask)
    return boxes


def regions_of(layer: Layer, stack: Layer) -> dict[int, NDArray[np.bool_]]:
    """Return the mask of each region of a layer by its number: (Y, X), or (Z, Y, X) if it belongs to slices.

    Raises
    ------
    ValueError
        If the layer does not lie over the stack.
    """
    if not isinstance(layer, Shapes):
        labels = image_labels(layer, stack)
        return {int(number): labels == number for number in np.unique(labels) if number > 0}
    masks: dict[int, NDArray[np.bool_]] = {}
    shape, depths = _slices(layer, stack)
    for depth in depths:
        for number, (box, inside) in shape_boxes(layer, depth, stack).items():
            masks.setdefault(number, np.zeros(shape, dtype=bool))[(*depth, *box)] = inside
    return masks


def image_labels(layer: Labels, stack: Layer) -> NDArray[Any]:
    """Return all labels on the pixels of the stack: (Y, X), or (Z, Y, X) if they belong to slices of a volume.

    Raises
    ------
    ValueError
        If the layer does not lie over the stack.
    """
    if reason := why_not_over(layer, stack):
        raise ValueError(reason)
    shape, depths = _slices(layer, stack)
    return np.stack([labels_over(layer, depth, stack)() for depth in depths]).reshape(shape)


def _slices(layer: Layer, stack: Layer) -> tuple[tuple[int, ...], list[tuple[int, ...]]]:
    """Return the shape of masks of a layer's regions, and the slices that they belong to; () stands for all."""
    shape = array_of(stack).shape[1:]
    deep = len(shape) == 3 and layer.ndim > 2
    return (shape, [(z,) for z in range(shape[0])]) if deep else (shape[-2:], [()])


def depth_of(viewer: Viewer, stack: Layer) -> tuple[int, ...]:
    """Return the slice (z,) of a volume that is shown; () for a stack without depth."""
    if stack.ndim == 3:
        return ()
    z = round(float(to_data(viewer, stack, viewer.dims.point)[1]))
    return (min(max(z, 0), array_of(stack).shape[1] - 1),)


def next_label(labels: NDArray[Any]) -> int:
    """Return an unused label: the highest plus one or, if the type can't hold it, the lowest unused one."""
    top = int(labels.max())
    if top < np.iinfo(labels.dtype).max:
        return top + 1
    return next(number for number in range(1, top + 1) if not (labels == number).any())


def pixels_of(layer: Layer, number: int, depth: tuple[int, ...], stack: Layer) -> NDArray[np.bool_]:
    """Return the mask (Y, X) of a region in the image that is shown."""
    if not isinstance(layer, Shapes):
        return np.asarray(labels_over(layer, depth, stack)() == number)
    mask = np.zeros(array_of(stack).shape[-2:], dtype=bool)
    area = shape_boxes(layer, depth, stack).get(number)
    if area is not None:
        box, inside = area
        mask[box] = inside
    return mask


def region_name(layer: Layer, number: int) -> str:
    """Return the name of a region."""
    return given_name(layer, number) or f"{'region' if isinstance(layer, Labels) else 'shape'} {number}"


def given_name(layer: Layer, number: int) -> str:
    """Return the name that a user gave a region; no text if it has none."""
    return str(((layer.metadata.get("xanes") or {}).get("names") or {}).get(number) or "")


def region_colour(layer: Layer, number: int) -> str:
    """Return the colour of a region in its layer, as ``#rrggbb``."""
    if isinstance(layer, Labels):
        colour = layer.get_color(number)
    else:
        colour = layer.edge_color[number - 1] if number <= len(layer.edge_color) else None
    if colour is None:
        return colour_of(number)
    return "#{:02x}{:02x}{:02x}".format(*(round(float(c) * 255) for c in colour[:3]))
