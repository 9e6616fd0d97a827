"""Convert sets of maps to napari layers and back: one layer that shows one map of a run, or a layer for each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import uuid4

import numpy as np

from napari_xanes.colours import DIVERGING, about_zero, label_colours
from napari_xanes.gui.contrast import subsample
from napari_xanes.gui.layers import LayerData, kind_of, shape_of, spatial
from napari_xanes.gui.settings import settings
from napari_xanes.history import Source, Step
from napari_xanes.parameter_map import MapSet, ParameterMap, first_map, is_difference

if TYPE_CHECKING:
    from napari.layers import Layer

_TITLES = {"ten_dq": "10Dq"}
"""Names of maps that people write in another way."""

_LONGEST_TITLE = 20
"""Letters of a map's name in the name of a layer."""

_SEEN_AT_FIRST, _SHORT_SOURCE = 13, 6
"""So many letters of the beginning of a name are seen in napari's list of layers; those of a source that is cut."""

_MARKS = {"value": "", "sigma": " ± σ", "mask": " mask"}


class Shown(NamedTuple):
    """What of a run is shown: a map, and of it the values ("value"), the standard errors ("sigma") or the "mask"."""

    map: str
    role: str = "value"


def map_title(name: str, *, underscores: bool = False) -> str:
    """Return the name of a map for people.

    Examples
    --------
    >>> map_title("edge_jump"), map_title("ten_dq")
    ('edge jump', '10Dq')
    """
    return _TITLES.get(name, name if underscores else name.replace("_", " "))


def run_layers(maps: MapSet) -> list[LayerData]:
    """Return the layers in which a run appears: one, with its most important map; none without maps.

    The results panel changes what this layer shows. All maps of the run are in its metadata.
    """
    name = first_map(maps)
    return [map_layer(maps, Shown(name), uuid4().hex, follows=True)] if name else []


def maps_to_layers(maps: MapSet, group: str | None = None) -> list[LayerData]:
    """Return a layer for each map and each sigma, with companions and sigmas hidden.

    Pixels outside a map's mask are NaN in its layer and transparent. The metadata keep the complete maps.

    Parameters
    ----------
    maps : MapSet
        The maps of one run.
    group : str, optional
        What their layers have in common; by default something new.
    """
    group, first = group or uuid4().hex, first_map(maps)
    layers: list[LayerData] = []
    for name, parameter_map in maps.items():
        if parameter_map.sigma is not None:
            layers.append(map_layer(maps, Shown(name, "sigma"), group, visible=False))
        layers.append(map_layer(maps, Shown(name), group, visible=name == first))
    # napari puts the last layer on top, so the visible map comes last.
    return sorted(layers, key=lambda layer: (layer[1]["visible"], not layer[1]["metadata"]["xanes"]["companion"]))


def map_layer(maps: MapSet, shown: Shown, group: str, *, visible: bool = True, follows: bool = False) -> LayerData:
    """Return the layer of one map, of its standard error or of its mask.

    Parameters
    ----------
    maps : MapSet
        The maps of a run.
    shown : Shown
        What to show. A map without a sigma has no layer for it.
    group : str
        What the layers of a run have in common.
    visible : bool
        Whether the layer is visible.
    follows : bool
        Whether the layer changes with what the run shows; else it always shows this.

    Raises
    ------
    ValueError
        If the map has no sigma and that is what to show.
    """
    parameter_map = maps[shown.map]
    keywords = {
        "name": layer_name(maps, shown),
        "visible": visible,
        "metadata": {"xanes": _metadata(maps, shown, group, follows=follows)},
        **spatial(maps.pixel_size, parameter_map.data.ndim),
    }
    if shown.role == "value" and parameter_map.labels is not None:
        colours: dict[int | None, str] = dict.fromkeys((0, None), "transparent")
        for label, colour in label_colours(parameter_map.labels, maps.metadata).items():
            colours[label] = colour
        return parameter_map.valid(), keywords | {"colormap": colours}, "labels"
    values = _values(shown, parameter_map)
    plain = shown.role == "value" and not parameter_map.companion
    colormap = "gray" if shown.role == "mask" else _colours(of_values=plain)
    limits = (0.0, 1.0) if shown.role == "mask" else limits_of(values)
    if plain and is_difference(shown.map):
        colormap, limits = DIVERGING, about_zero(*limits)
    return values, keywords | {"colormap": colormap, "contrast_limits": limits}, "image"


def _colours(*, of_values: bool) -> str:
    """Return the colours that the user prefers for values, or others for errors and companions."""
    chosen = settings().map_colours
    return chosen if of_values else "magma" if chosen != "magma" else "viridis"


def limits_of(values: Any) -> tuple[float, float]:
    """Return the limits of colours: those of all values but the lowest and highest hundredth."""
    sample = subsample(values)
    finite = sample[np.isfinite(sample)]
    low, high = (float(v) for v in np.percentile(finite, (1, 99))) if finite.size else (0.0, 1.0)
    return low, high if high > low else low + 1.0


def layer_name(maps: MapSet, shown: Shown) -> str:
    """Return the name of a layer: the map, what of it, its unit, and the stack.

    Examples
    --------
    >>> maps = MapSet({"edge_jump": ParameterMap(np.ones((2, 2)), "OD")}, metadata={"name": "particle"})
    >>> layer_name(maps, Shown("edge_jump", "sigma"))
    'edge_jump ± σ (OD) · particle'
    """
    unit = "" if shown.role == "mask" else maps[shown.map].unit
    title = _shortened(map_title(shown.map, underscores=True), _LONGEST_TITLE)
    mark = _MARKS[shown.role]
    # napari's list cuts long names in their middle, where the mark would be.
    source = _shortened(maps.name, _SHORT_SOURCE) if mark and len(title + mark) > _SEEN_AT_FIRST else maps.name
    return f"{title}{mark}{f' ({unit})' if unit not in ('', '1') else ''} · {source}"


def _shortened(text: str, longest: int) -> str:
    half = (longest - 1) // 2
    return text if len(text) <= longest else f"{text[: longest - 1 - half]}…{text[-half:]}"


def _values(shown: Shown, parameter_map: ParameterMap) -> Any:
    if shown.role == "mask":
        return np.asarray(parameter_map.mask, dtype=np.float32)
    data = parameter_map.data if shown.role == "value" else parameter_map.sigma
    if data is None:
        raise ValueError(f"the map {shown.map!r} has no standard errors to show; choose its value or its mask")
    return np.where(parameter_map.mask, data, np.nan).astype(np.float32)  # type: ignore[arg-type]


def _metadata(maps: MapSet, shown: Shown, group: str, *, follows: bool) -> dict[str, Any]:
    parameter_map = maps[shown.map]
    return {
        "kind": "map",
        "map": shown.map,
        "role": shown.role,
        "group": group,
        "follows": follows,
        "unit": parameter_map.unit,
        "labels": dict(parameter_map.labels) if parameter_map.labels is not None else None,
        "companion": parameter_map.companion or (shown.map if shown.role != "value" else None),
        "whole": parameter_map,
        "maps": maps,
        "history": [step.to_plain(exact=True) for step in maps.history],
        "source": maps.source.to_plain() if maps.source else None,
        "pixel_size_um": maps.pixel_size,
        "metadata": dict(maps.metadata) | {"name": maps.name},
    }


def is_map(layer: Layer) -> bool:
    """Return whether a layer is a map, its sigma or its mask, with the data that its metadata tell."""
    return kind_of(layer) == "map" and shows_map(layer.metadata["xanes"], shape_of(layer), layer._type_string)


def shows_map(xanes: Mapping[str, Any], shape: tuple[int, ...], kind: str) -> bool:
    """Return whether data of a shape, in a layer of a kind, are the map in its metadata, and no projection of it."""
    whole = xanes.get("whole")
    if whole is None:
        return True
    labels = whole.labels is not None and xanes["role"] == "value"
    return shape == whole.data.shape and kind == ("labels" if labels else "image")


def maps_of(layers: Iterable[Mapping[str, Any]]) -> MapSet:
    """Return all maps of the run that some layers show.

    Parameters
    ----------
    layers : iterable of mapping
        The ``metadata["xanes"]`` of layers of one run; each of them knows all maps of the run.

    Raises
    ------
    ValueError
        If none of them is a map, or if they come from different runs.
    """
    map_metadata = [xanes for xanes in layers if xanes.get("kind") == "map"]
    if not map_metadata:
        raise ValueError("none of the selected layers is a parameter map; select a map that the Map dock made")
    if len({xanes["group"] for xanes in map_metadata}) > 1:
        raise ValueError("these maps come from different runs; save the maps of each run in a separate file")
    first = map_metadata[0]
    if "maps" in first:
        whole: MapSet = first["maps"]
        return whole
    return MapSet(
        {xanes["map"]: xanes["whole"] for xanes in map_metadata},
        tuple(Step.from_plain(step) for step in first["history"]),
        Source.from_plain(first["source"]),
        first["pixel_size_um"],
        first["metadata"],
    )
