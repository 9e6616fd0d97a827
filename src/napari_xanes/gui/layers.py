"""Convert stacks to napari layers and back; for maps, see `map_layers`. Metadata are in ``layer.metadata["xanes"]``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_xanes.gui.contrast import display_limits
from napari_xanes.history import Source, Step
from napari_xanes.stack import SpectralStack

if TYPE_CHECKING:
    from napari.layers import Layer

LayerData = tuple[Any, dict[str, Any], str]


def spatial(pixel_size: tuple[float, ...] | None, n_axes: int) -> dict[str, Any]:
    """Return scale, units and axis labels of the spatial axes of a layer."""
    return {
        "scale": pixel_size or (1.0,) * n_axes,
        "units": ("um" if pixel_size else "pixel",) * n_axes,
        "axis_labels": ("z", "y", "x")[-n_axes:],
    }


def stack_to_layer(stack: SpectralStack, *, name: str | None = None) -> LayerData:
    """Return the image layer of a stack.

    A napari scale can't describe uneven energies. So the energies are in the metadata, and the slider counts frames.

    Parameters
    ----------
    stack : SpectralStack
        The stack; its data are not copied.
    name : str, optional
        Name of the layer; by default the name and quantity of the stack.
    """
    space = spatial(stack.pixel_size, len(stack.shape) - 1)
    keywords = {
        "name": name or _title(stack),
        "scale": (1.0, *space["scale"]),
        "units": ("pixel", *space["units"]),
        "axis_labels": ("energy", *space["axis_labels"]),
        "contrast_limits": display_limits(stack.data),
        "metadata": {"xanes": _stack_metadata(stack)},
    }
    return stack.data, keywords, "image"


def _title(stack: SpectralStack) -> str:
    denoised = "denoise" in stack.metadata
    return f"denoised · {stack.name}" if denoised else f"{stack.name} · {stack.quantity.replace('_', ' ')}"


def _stack_metadata(stack: SpectralStack) -> dict[str, Any]:
    return {
        "kind": "stack",
        "energy_eV": stack.energy,
        "quantity": stack.quantity,
        "unit": stack.unit,
        "pixel_size_um": stack.pixel_size,
        "n_axes": len(stack.shape),
        "history": [step.to_plain(exact=True) for step in stack.history],
        "source": stack.source.to_plain() if stack.source else None,
        "metadata": dict(stack.metadata) | {"name": stack.name},
    }


def is_stack(layer: Layer) -> bool:
    """Return whether a layer is a stack, with energies in its metadata that go with its data."""
    return was_stack(layer) and not why_no_stack(layer)


def lacks_energies(layer: Layer | None) -> bool:
    """Return whether a layer is an image with three or four axes but without energies."""
    if layer is None or layer._type_string != "image" or is_stack(layer) or kind_of(layer) == "map":
        return False
    return not (layer.rgb or layer.multiscale) and layer.data.ndim in (3, 4)


def was_stack(layer: Layer) -> bool:
    """Return whether a layer is a stack, or was made from one by napari, which copies the metadata."""
    return kind_of(layer) == "stack"


def why_no_stack(layer: Layer) -> str:
    """Return why a layer that was made from a stack is none, and the way back; no text if it is one.

    napari's own projections, splits, merges and conversions copy the metadata of the stack to layers of other data.
    """
    xanes, shape = layer.metadata["xanes"], shape_of(layer)
    n_energies, path = len(xanes["energy_eV"]), (xanes.get("source") or {}).get("path")
    again = f"open {Path(path).name} again" if path else "undo what made it of the stack"
    if layer._type_string != "image":
        return f"{layer.name!r} was converted from a stack to {layer._type_string}: convert it back, or {again}"
    n_axes = xanes.get("n_axes", len(shape))
    if len(shape) != n_axes or len(shape) not in (3, 4) or shape[0] != n_energies:
        return (
            f"{layer.name!r} has the shape {shape}, its stack {n_energies} energies and {n_axes} axes: "
            f"it is a part or a projection. Select the stack, or {again}"
        )
    if str(layer.axis_labels[0]) == f"-{layer.ndim}":
        # napari names the first axis so when it merges layers, in the order of the layer list.
        return (
            f"{layer.name!r} was merged of single frames: nothing says that their order is that of the {n_energies} "
            f"energies. If it is, press Use the energies; or {again}"
        )
    return ""


def shape_of(layer: Layer) -> tuple[int, ...]:
    """Return the shape of a layer's data, with the axis of colours if it has one; of the finest resolution."""
    data = layer.data[0] if getattr(layer, "multiscale", False) else layer.data
    return tuple(getattr(data, "shape", ()))


def use_energies(layer: Layer) -> None:
    """Take a layer of as many frames as its metadata have energies for a stack again, in the order of its frames.

    Raises
    ------
    ValueError
        If what else the metadata hold, such as flats, does not fit its data.
    """
    xanes = layer.metadata["xanes"]
    if len(shape_of(layer)) == xanes.get("n_axes"):
        stack = stack_from(layer.data, xanes)
    else:
        stack = SpectralStack(layer.data, xanes["energy_eV"], xanes["quantity"], metadata={"name": layer.name})
    lay_out_as(layer, stack)


def lay_out_as(layer: Layer, stack: SpectralStack) -> None:
    """Give an image layer the metadata, scale, units and names of axes of a stack with the same data."""
    _, keywords, _ = stack_to_layer(stack)
    layer.axis_labels = keywords["axis_labels"]
    if stack.pixel_size is not None:
        layer.units, layer.scale = keywords["units"], keywords["scale"]
    layer.metadata = {**layer.metadata, **keywords["metadata"]}


def kind_of(layer: Layer) -> str:
    """Return what a layer was made as, "stack", "map" or "mix"; empty for layers of others."""
    xanes = layer.metadata.get("xanes")
    return str(xanes.get("kind")) if isinstance(xanes, Mapping) else ""


def stack_of(layer: Layer) -> SpectralStack:
    """Return the stack that a layer shows; its data are not copied.

    Raises
    ------
    ValueError
        If the layer has no energies.
    """
    if not was_stack(layer):
        raise ValueError(
            f"layer {layer.name!r} has no energies; "
            "open its file with napari-xanes, or select it and press Attach energies… where the plot of spectra is"
        )
    if reason := why_no_stack(layer):
        raise ValueError(reason)
    xanes = layer.metadata["xanes"]
    name = xanes["metadata"].get("name") or layer.name
    return stack_from(layer.data, {**xanes, "metadata": {**xanes["metadata"], "name": name}})


def stack_from(data: Any, xanes: Mapping[str, Any]) -> SpectralStack:
    """Return the stack of a layer's data and its ``metadata["xanes"]``."""
    return SpectralStack(
        data,
        xanes["energy_eV"],
        xanes["quantity"],
        xanes["pixel_size_um"],
        tuple(Step.from_plain(step) for step in xanes["history"]),
        Source.from_plain(xanes["source"]),
        xanes["metadata"],
    )
