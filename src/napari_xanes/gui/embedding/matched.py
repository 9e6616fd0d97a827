"""What `match_library` said of a stack, and of one of its pixels. Without Qt."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_xanes.gui.layers import is_map, maps_of
from napari_xanes.gui.wording import with_error
from napari_xanes.maps.matching.result import library_settings
from napari_xanes.parameter_map import MapSet, ParameterMap

if TYPE_CHECKING:
    from napari.layers import Layer


def match_of(layers: Iterable[Layer], stack: Layer) -> MapSet | None:
    """The topmost maps among some layers that `match_library` made of a stack layer; None if there are none.

    Parameters
    ----------
    layers : iterable of Layer
        From bottom to top, as in ``viewer.layers``.
    stack : Layer
        A stack layer. Maps are its own if name, size and source agree and their history continues that of the stack.
    """
    found = [layer.metadata["xanes"] for layer in layers if is_map(layer)]
    for last in reversed(found):
        if _continues(last, stack):
            return maps_of(one for one in found if one["group"] == last["group"])
    return None


def _continues(xanes: dict[str, Any], stack: Layer) -> bool:
    ours, history = stack.metadata["xanes"], list(xanes["history"])
    before = list(ours["history"])
    return (
        library_settings(xanes["metadata"]) is not None
        and xanes["whole"].data.shape == tuple(stack.data.shape[1:])
        and xanes["metadata"]["name"] == (ours["metadata"].get("name") or stack.name)
        and xanes["source"] == ours["source"]
        and history[: len(before)] == before
    )


def settled_in_words(maps: MapSet) -> str:
    """Offset and width that the matching found or was given."""
    settings = library_settings(maps.metadata)
    assert settings is not None
    return f"offset {settings.offset_eV:+.2f} eV · width {settings.broadening_eV:.2f} eV"


def reading(maps: MapSet, index: tuple[int, ...]) -> str:
    """What maps of `match_library` say of a pixel: ``Mn2+, 10Dq 0.92 ± 0.12 eV, misfit 2.4 %``, or its valence.

    Parameters
    ----------
    maps : MapSet
        What `match_library` gave; maps that are missing are not spoken of.
    index : tuple of int
        Pixel, (y, x) or (z, y, x).
    """
    why = _label(maps.get("doubt"), index)
    charge = _label(maps.get("charge"), index)
    values = [
        f"{name} {with_error(float(one.data[index]), _sigma(one, index), one.unit)}"
        for name, one in (("10Dq", maps.get("ten_dq")), ("valence", maps.get("valence")))
        if one is not None and one.mask[index]
    ]
    if not charge and not values:
        return why or "not assigned"
    said = [charge, *values] if charge else values
    misfit = maps.get("misfit")
    if misfit is not None and np.isfinite(misfit.data[index]):
        said.append(f"misfit {100 * float(misfit.data[index]):.2g} %")
    if why and why != charge:
        said.append(f"doubtful: {why}")
    return ", ".join(said)


def _label(one: ParameterMap | None, index: tuple[int, ...]) -> str:
    """What a label map says of a pixel; nothing where it is masked, or there is no such map."""
    if one is None or not one.mask[index]:
        return ""
    return (one.labels or {}).get(int(one.data[index]), "")


def _sigma(one: ParameterMap, index: tuple[int, ...]) -> float:
    return float("nan") if one.sigma is None else float(one.sigma[index])


def labels_of(maps: MapSet) -> Mapping[int, str]:
    """The labels of the charge map, which decide the colours of the species; empty if there is none."""
    charge = maps.get("charge")
    return (charge.labels if charge is not None else None) or {}
