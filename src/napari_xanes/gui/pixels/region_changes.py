"""Change regions in their layers: name, hide, delete; the layer keeps names and what is hidden in its metadata."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Shapes
from napari.utils.colormaps import DirectLabelColormap

if TYPE_CHECKING:
    from collections.abc import Iterable

    from napari.layers import Layer

_NAMES, _HIDDEN, _OPACITIES = "names", "hidden", "opacities"
_OPAQUE = (1.0, 0.125)
"""Opacity of edge and face of a shape whose own are not known, as of one that came hidden with a project."""
_MOST_COLOURS = 65_536


def rename_region(layer: Layer, number: int, name: str) -> None:
    """Name a region; the name is stored in its layer."""
    _facts(layer).setdefault(_NAMES, {})[number] = name
    layer.events.metadata()


def is_hidden(layer: Layer, number: int) -> bool:
    """Return whether a region is not drawn."""
    return number in ((layer.metadata.get("xanes") or {}).get(_HIDDEN) or ())


def hide_region(layer: Layer, number: int, hidden: bool) -> None:
    """Draw a region no longer, neither its spectrum nor its place on the image, or again."""
    facts = _facts(layer)
    others = [other for other in facts.get(_HIDDEN) or () if other != number]
    if hidden != is_hidden(layer, number):
        facts[_HIDDEN] = sorted([*others, number]) if hidden else others
        draw_hidden(layer, number, hidden)
    layer.events.metadata()


def delete_regions(layer: Layer, numbers: Iterable[int]) -> None:
    """Delete regions of a layer; labels come back by napari's undo, and the numbers of shapes move up."""
    gone = sorted(numbers)
    if isinstance(layer, Shapes):
        _move_up(_facts(layer), gone)
        layer.selected_data = {number - 1 for number in gone}
        layer.remove_selected()
        return
    places = np.nonzero(np.isin(np.asarray(layer.data), gone))
    facts = _facts(layer)
    for number in gone:
        (facts.get(_NAMES) or {}).pop(number, None)
    for number in gone:
        if is_hidden(layer, number):  # a new label of this number must be seen
            hide_region(layer, number, False)
    layer.data_setitem(places, 0)


def _move_up(facts: dict[str, Any], gone: list[int]) -> None:
    """Give names and hidden regions the numbers that shapes have after some were deleted."""

    def after(number: int) -> int:
        return number - sum(other < number for other in gone)

    names, hidden, clear = facts.get(_NAMES) or {}, facts.get(_HIDDEN) or (), facts.get(_OPACITIES) or {}
    facts[_NAMES] = {after(number): name for number, name in names.items() if number not in gone}
    facts[_HIDDEN] = [after(number) for number in hidden if number not in gone]
    facts[_OPACITIES] = {after(number): value for number, value in clear.items() if number not in gone}


def _facts(layer: Layer) -> dict[str, Any]:
    facts: dict[str, Any] = layer.metadata.setdefault("xanes", {"kind": "regions", _NAMES: {}})
    return facts


def draw_hidden(layer: Layer, number: int, hidden: bool) -> None:
    """Make a region transparent on the image, or visible; its colour stays, for plots and lists."""
    if isinstance(layer, Shapes):
        _clear_shape(layer, number, hidden)
    else:
        _clear_label(layer, number, hidden)


def _clear_label(layer: Layer, number: int, hidden: bool) -> None:
    top = max(255, number, int(np.max(layer.data)))
    labels = np.arange(1, min(top, np.iinfo(layer.data.dtype).max, _MOST_COLOURS) + 1).astype(layer.data.dtype)
    colours = np.array(layer.colormap.map(labels))
    if number <= len(colours):
        colours[number - 1, 3] = 0.0 if hidden else 1.0
    known: dict[int | None, Any] = {int(label): colour for label, colour in zip(labels, colours, strict=True)}
    layer.colormap = DirectLabelColormap(color_dict={**known, 0: np.zeros(4), None: np.zeros(4)})


def _clear_shape(layer: Shapes, number: int, hidden: bool) -> None:
    edges, faces = np.array(layer.edge_color), np.array(layer.face_color)
    row, opacities = number - 1, _facts(layer).setdefault(_OPACITIES, {})
    if hidden:
        opacities[number] = (float(edges[row, 3]), float(faces[row, 3]))
    edges[row, 3], faces[row, 3] = (0.0, 0.0) if hidden else opacities.pop(number, _OPAQUE)
    layer.edge_color, layer.face_color = edges, faces
