"""Change regions in their layers: name, hide, delete; the layer keeps names and what is hidden in its metadata."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Shapes

if TYPE_CHECKING:
    from collections.abc import Iterable

    from napari.layers import Layer

_NAMES, _HIDDEN = "names", "hidden"


def rename_region(layer: Layer, number: int, name: str) -> None:
    """Name a region; the name is stored in its layer."""
    _facts(layer).setdefault(_NAMES, {})[number] = name
    layer.events.metadata()


def is_hidden(layer: Layer, number: int) -> bool:
    """Return whether the spectrum of a region is not drawn."""
    return number in ((layer.metadata.get("xanes") or {}).get(_HIDDEN) or ())


def hide_region(layer: Layer, number: int, hidden: bool) -> None:
    """Draw the spectrum of a region no longer, or again; the region stays on the image."""
    facts = _facts(layer)
    others = [other for other in facts.get(_HIDDEN) or () if other != number]
    facts[_HIDDEN] = sorted([*others, number]) if hidden else others
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
    facts[_HIDDEN] = [number for number in facts.get(_HIDDEN) or () if number not in gone]
    layer.data_setitem(places, 0)


def _move_up(facts: dict[str, Any], gone: list[int]) -> None:
    """Give names and hidden regions the numbers that shapes have after some were deleted."""

    def after(number: int) -> int:
        return number - sum(other < number for other in gone)

    names, hidden = facts.get(_NAMES) or {}, facts.get(_HIDDEN) or ()
    facts[_NAMES] = {after(number): name for number, name in names.items() if number not in gone}
    facts[_HIDDEN] = [after(number) for number in hidden if number not in gone]


def _facts(layer: Layer) -> dict[str, Any]:
    facts: dict[str, Any] = layer.metadata.setdefault("xanes", {"kind": "regions", _NAMES: {}})
    return facts
