"""How a layer looks, as plain values: colours, limits, place. What a file says of it is checked by napari itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.utils.colormaps import AVAILABLE_COLORMAPS, Colormap, CyclicLabelColormap, DirectLabelColormap

from napari_xanes.io.metadata_json import NotWritable, pack

if TYPE_CHECKING:
    from napari.layers import Layer

_OF_ALL = (
    "blending", "opacity", "visible", "scale", "translate", "rotate", "shear", "affine", "axis_labels", "units",
)  # fmt: skip
_OF_KIND = {
    "image": ("rgb", "contrast_limits", "gamma", "interpolation2d", "interpolation3d", "rendering", "depiction",
              "iso_threshold", "attenuation"),
    "labels": ("rendering",),
    "shapes": ("shape_type", "z_index", "edge_width", "face_color", "edge_color", "ndim"),
    "points": ("symbol", "size", "border_width", "face_color", "border_color", "ndim"),
}  # fmt: skip
"""Keywords with which napari makes a layer of a kind."""

_AFTERWARDS = {
    "image": ("contrast_limits_range", "contrast_limits"),
    "labels": ("contour", "selected_label", "brush_size", "show_selected_label"),
}
"""What is set when the layer is there."""


def look_of(layer: Layer) -> dict[str, Any]:
    """Return how a layer looks, as numbers, texts, lists, mappings and arrays."""
    kind = layer._type_string
    state = layer.as_layer_data_tuple()[1]
    look = {name: _plain(state[name]) for name in (*_OF_ALL, *_OF_KIND.get(kind, ())) if name in state}
    look["afterwards"] = {name: _plain(getattr(layer, name)) for name in _AFTERWARDS.get(kind, ())}
    if kind in ("image", "labels") and not look.get("rgb"):
        look["colours"] = _colours(layer.colormap)
    if kind == "image":
        look["colour_bar"] = bool(layer.colorbar.visible)
    features = {str(name): column.tolist() for name, column in state.get("features", {}).items()}
    return {**look, "features": features} if features and _is_plain(features) else look


def keywords_of(look: Mapping[str, Any]) -> dict[str, Any]:
    """Return the keywords of a layer that looks so."""
    names = {name for kinds in (_OF_ALL, *_OF_KIND.values()) for name in kinds}
    keywords = {name: value for name, value in look.items() if name in names}
    if "colours" in look:
        keywords["colormap"] = _colormap(look["colours"])
    if "features" in look:
        keywords["features"] = dict(look["features"])
    return keywords


def finish(layer: Layer, look: Mapping[str, Any]) -> None:
    """Set what of a look can be set only when the layer is there."""
    for name, value in look.get("afterwards", {}).items():
        if name in _AFTERWARDS.get(layer._type_string, ()):
            setattr(layer, name, value)
    if layer._type_string == "image" and "colour_bar" in look:
        layer.colorbar.visible = bool(look["colour_bar"])


def plain_metadata(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """Return what other programs left in the metadata of a layer and a file can hold, without what is ours."""
    return {str(key): value for key, value in metadata.items() if key != "xanes" and _is_plain(value)}


def _is_plain(value: Any) -> bool:
    try:
        pack(value, lambda name, array: None)
    except (NotWritable, RecursionError):
        return False
    return True


def _plain(value: Any) -> Any:
    """Return a value of a layer as one that a file can hold: enumerations and units become their names."""
    if isinstance(value, np.ndarray):
        return [str(item) for item in value] if value.dtype == object else np.array(value)
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, np.generic):
        return value.item()
    return value if value is None or type(value) in (bool, int, float, str) else str(value)


def _colours(colormap: Any) -> dict[str, Any]:
    if isinstance(colormap, DirectLabelColormap):
        labels = [(label, np.asarray(colour).tolist()) for label, colour in colormap.color_dict.items()]
        return {"labels": [[label, colour] for label, colour in labels if label is not None]}
    if isinstance(colormap, CyclicLabelColormap):
        return {"cycle": np.array(colormap.colors), "seed": float(colormap.seed)}
    return {
        "name": str(colormap.name),
        "colours": np.array(colormap.colors),
        "controls": np.array(colormap.controls),
        "interpolation": str(colormap.interpolation),
    }


def _colormap(plain: Mapping[str, Any]) -> Any:
    if "labels" in plain:
        colours: dict[int | None, Any] = {int(label): colour for label, colour in plain["labels"]}
        return DirectLabelColormap(color_dict={None: "transparent", **colours})
    if "cycle" in plain:
        return CyclicLabelColormap(colors=plain["cycle"], seed=plain["seed"])
    if plain["name"] in AVAILABLE_COLORMAPS:
        return AVAILABLE_COLORMAPS[plain["name"]]
    return Colormap(
        plain["colours"], name=str(plain["name"]), controls=plain["controls"], interpolation=plain["interpolation"]
    )
