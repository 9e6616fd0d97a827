"""Region layers over a stack, and the pixels that their regions cover."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Labels, Shapes
from napari.utils.colormaps import CyclicLabelColormap
from numpy.typing import NDArray

from napari_xanes.colours import OKABE_ITO, colour_of
from napari_xanes.gui.layers import is_map
from napari_xanes.gui.pixels.spectra import array_of

if TYPE_CHECKING:
    from napari.layers import Layer
    from napari.viewer import Viewer

_AREAS = ("polygon", "rectangle", "ellipse")

Boxes = dict[int, tuple[tuple[Any, ...], NDArray[np.bool_]]]
"""Bounding box in pixels of the image, and mask within the box, by number of the region."""


def region_layers(viewer: Viewer, stack: Layer) -> list[Layer]:
    """Return the visible Shapes layers, and the visible Labels layers with the pixels of the stack that are no maps."""
    return [layer for layer in viewer.layers if layer.visible and _lies_over(layer, stack)]


def _lies_over(layer: Layer, stack: Layer) -> bool:
    if isinstance(layer, Shapes):
        return True
    if not isinstance(layer, Labels) or is_map(layer) or layer.multiscale:
        return False
    shape = array_of(stack).shape
    if layer.data.shape not in (shape, shape[1:], shape[-2:]):
        return False
    ends = np.array([np.zeros(layer.ndim), np.array(layer.data.shape) - 1])
    return bool(np.allclose(_to_stack_pixels(layer, ends, stack)[:, -layer.ndim :], ends, atol=0.5))


def _to_stack_pixels(layer: Layer, points: NDArray[Any], stack: Layer) -> NDArray[Any]:
    """Convert points (N, ndim) of a layer to pixels of a stack (N, stack.ndim); missing axes become 0."""
    world = np.array([layer.data_to_world(point)[-stack.ndim :] for point in points])
    missing = np.zeros((len(world), stack.ndim - world.shape[1]))
    return np.array([stack.world_to_data(point) for point in np.hstack([missing, world])])


def new_labels(viewer: Viewer, stack: Layer) -> Labels:
    """Add an empty Labels layer over a stack, in the colours of the plots."""
    shape = array_of(stack).shape[1:]
    layer = Labels(
        np.zeros(shape, dtype=np.uint8),
        name=f"regions · {stack.name}",
        scale=stack.scale[1:],
        translate=stack.translate[1:],
        units=stack.units[1:],
        axis_labels=stack.axis_labels[1:],
        colormap=CyclicLabelColormap(colors=["#00000000", *OKABE_ITO]),
        metadata={"xanes": {"kind": "regions", "names": {}}},
    )
    viewer.add_layer(layer)
    return layer


def new_shapes(viewer: Viewer, stack: Layer) -> Shapes:
    """Add an empty Shapes layer over a stack."""
    layer = Shapes(
        ndim=2,
        name=f"drawn regions · {stack.name}",
        scale=stack.scale[-2:],
        translate=stack.translate[-2:],
        units=stack.units[-2:],
        axis_labels=stack.axis_labels[-2:],
        face_color="#ffffff20",
        edge_color=colour_of(1),
        edge_width=1,
        metadata={"xanes": {"kind": "regions", "names": {}}},
    )
    viewer.add_layer(layer)
    return layer


def shape_boxes(layer: Shapes, depth: tuple[int, ...], stack: Layer) -> Boxes:
    """Return bounding box and mask of each drawn area, in pixels of the stack; lines and paths have no area.

    In a volume, an area that was drawn in a slice belongs to that slice; an area without a depth belongs to all slices.
    """
    from skimage.draw import polygon

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
        corners_in_stack = np.round(_to_stack_pixels(layer, corners, stack), 6)
        if depth and layer.ndim > 2 and round(float(corners_in_stack[0, 1])) != depth[0]:
            continue
        rows, columns = polygon(corners_in_stack[:, -2], corners_in_stack[:, -1], (height, width))
        if rows.size:
            box = (slice(rows.min(), rows.max() + 1), slice(columns.min(), columns.max() + 1))
            mask = np.zeros((np.ptp(rows) + 1, np.ptp(columns) + 1), dtype=bool)
            mask[rows - rows.min(), columns - columns.min()] = True
            boxes[number] = (box, mask)
    return boxes


def drawn_pixels(layer: Shapes, stack: Layer) -> NDArray[np.bool_]:
    """Return the mask of all drawn areas: (Y, X), or (Z, Y, X) if they belong to slices of a volume."""
    shape = array_of(stack).shape[1:]
    deep = len(shape) == 3 and layer.ndim > 2
    mask = np.zeros(shape if deep else shape[-2:], dtype=bool)
    for depth in [(z,) for z in range(shape[0])] if deep else [()]:
        for box, inside in shape_boxes(layer, depth, stack).values():
            mask[(*depth, *box)] |= inside
    return mask


def depth_of(viewer: Viewer, stack: Layer) -> tuple[int, ...]:
    """Return the slice (z,) of a volume that is shown; () for a stack without depth."""
    if stack.ndim == 3:
        return ()
    z = round(float(stack.world_to_data(viewer.dims.point)[1]))
    return (min(max(z, 0), array_of(stack).shape[1] - 1),)


def plane_of(layer: Labels, depth: tuple[int, ...], stack: Layer) -> NDArray[Any]:
    """Return the labels over the image that is shown, as a view of the layer's data.

    The shape is (Y, X), or (E, Y, X) for a layer made with napari's own button, which has labels at each energy.
    """
    missing = stack.ndim - layer.ndim
    return np.asarray(layer.data[(slice(None), *depth) if missing == 0 else depth if missing == 1 else ()])


def flatten_labels(labels: NDArray[Any]) -> NDArray[Any]:
    """Return labels (Y, X) from (Y, X) or (E, Y, X): a pixel that is brushed at any energy belongs to the region."""
    return labels.max(axis=0) if labels.ndim > 2 else labels


def next_label(labels: NDArray[Any]) -> int:
    """Return an unused label: the highest plus one or, if the type can't hold it, the lowest unused one."""
    top = int(labels.max())
    if top < np.iinfo(labels.dtype).max:
        return top + 1
    return next(number for number in range(1, top + 1) if not (labels == number).any())


def pixels_of(layer: Layer, number: int, depth: tuple[int, ...], stack: Layer) -> NDArray[np.bool_]:
    """Return the mask (Y, X) of a region in the image that is shown."""
    if not isinstance(layer, Shapes):
        return flatten_labels(plane_of(layer, depth, stack)) == number
    mask = np.zeros(array_of(stack).shape[-2:], dtype=bool)
    area = shape_boxes(layer, depth, stack).get(number)
    if area is not None:
        box, inside = area
        mask[box] = inside
    return mask


def rename_region(layer: Layer, number: int, name: str) -> None:
    """Name a region; the name is stored in its layer."""
    xanes = layer.metadata.setdefault("xanes", {"kind": "regions", "names": {}})
    xanes.setdefault("names", {})[number] = name
    layer.events.metadata()


def region_name(layer: Layer, number: int) -> str:
    """Return the name of a region."""
    names = (layer.metadata.get("xanes") or {}).get("names") or {}
    return names.get(number) or f"{'region' if isinstance(layer, Labels) else 'shape'} {number}"


def region_colour(layer: Layer, number: int) -> str:
    """Return the colour of a region in its layer, as ``#rrggbb``."""
    if isinstance(layer, Labels):
        colour = layer.get_color(number)
    else:
        colour = layer.edge_color[number - 1] if number <= len(layer.edge_color) else None
    if colour is None:
        return colour_of(number)
    return "#{:02x}{:02x}{:02x}".format(*(round(float(c) * 255) for c in colour[:3]))
