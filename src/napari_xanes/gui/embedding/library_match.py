"""Results of `match_library` for a stack and its pixels, as text. No Qt."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_xanes.gui.map_layers import is_map, maps_of
from napari_xanes.gui.present import present
from napari_xanes.gui.wording import with_error
from napari_xanes.maps.matching.result import library_settings
from napari_xanes.parameter_map import MapSet, ParameterMap

if TYPE_CHECKING:
    from napari.layers import Layer


def match_of(layers: Iterable[Layer], stack: Layer) -> MapSet | None:
    """Return the topmost maps that `match_library` made from a stack layer; None if there are none.

    Parameters
    ----------
    layers : iterable of Layer
        From bottom to top, as in ``viewer.layers``.
    stack : Layer
        A stack layer. Maps belong to it if name, size and source agree and their history starts with its history.
    """
    maps_metadata = [layer.metadata["xanes"] for layer in layers if is_map(layer)]
    for xanes in reversed(maps_metadata):
        if _continues(xanes, stack):
            return maps_of(entry for entry in maps_metadata if entry["group"] == xanes["group"])
    return None


def _continues(xanes: dict[str, Any], stack: Layer) -> bool:
    stack_metadata, history = stack.metadata["xanes"], list(xanes["history"])
    stack_history = list(stack_metadata["history"])
    return (
        library_settings(xanes["metadata"]) is not None
        and xanes["whole"].data.shape == tuple(stack.data.shape[1:])
        and xanes["metadata"]["name"] == (stack_metadata["metadata"].get("name") or stack.name)
        and xanes["source"] == stack_metadata["source"]
        and history[: len(stack_history)] == stack_history
    )


def settings_text(maps: MapSet) -> str:
    """Return energy offset and width of the match as text."""
    settings = library_settings(maps.metadata)
    assert settings is not None
    return f"offset {settings.offset_eV:+.2f} eV · width {settings.broadening_eV:.2f} eV"


def reading(maps: MapSet, index: tuple[int, ...]) -> str:
    """Return the match of a pixel as text, such as ``Mn2+, 10Dq 0.92 ± 0.12 eV, misfit 2.4 %``.

    Parameters
    ----------
    maps : MapSet
        Result of `match_library`; missing maps are left out of the text.
    index : tuple of int
        Pixel, (y, x) or (z, y, x).
    """
    doubt = _label(maps.get("doubt"), index)
    charge = _label(maps.get("charge"), index)
    values = [
        f"{name} {with_error(float(parameter_map.data[index]), _sigma(parameter_map, index), parameter_map.unit)}"
        for name, parameter_map in (("10Dq", maps.get("ten_dq")), ("valence", maps.get("valence")))
        if parameter_map is not None and present(parameter_map.mask)[index]
    ]
    if not charge and not values:
        return doubt or "not assigned"
    parts = [charge, *values] if charge else values
    misfit = maps.get("misfit")
    if misfit is not None and np.isfinite(misfit.data[index]):
        parts.append(f"misfit {100 * float(misfit.data[index]):.2g} %")
    if doubt and doubt != charge:
        parts.append(f"doubtful: {doubt}")
    return ", ".join(parts)


def _label(parameter_map: ParameterMap | None, index: tuple[int, ...]) -> str:
    """Return the label of a pixel; empty if the pixel is masked or the map is missing."""
    if parameter_map is None or not present(parameter_map.mask)[index]:
        return ""
    return (parameter_map.labels or {}).get(int(parameter_map.data[index]), "")


def _sigma(parameter_map: ParameterMap, index: tuple[int, ...]) -> float:
    return float("nan") if parameter_map.sigma is None else float(parameter_map.sigma[index])


def labels_of(maps: MapSet) -> Mapping[int, str]:
    """Return the labels of the charge map; empty if the map is missing."""
    charge = maps.get("charge")
    return (charge.labels if charge is not None else None) or {}
