"""The writers that napari calls to save stacks, maps and the mean spectra of regions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import wraps
from pathlib import Path
from typing import Any, ParamSpec

import numpy as np
from napari.layers import Layer

from napari_xanes import io
from napari_xanes.gui.layers import LayerData, maps_of, stack_from
from napari_xanes.gui.pixels.areas import given_name, regions_of
from napari_xanes.gui.placement import laid_over
from napari_xanes.io.spectra.result import unique_names
from napari_xanes.region_spectra import region_spectrum

P = ParamSpec("P")


def _tells_reasons(write: Callable[P, list[str]]) -> Callable[P, list[str]]:
    """Raise what can't be saved as OSError: napari takes a ValueError for "no writer fits", and hides its reason."""

    @wraps(write)
    def told(*args: P.args, **kwargs: P.kwargs) -> list[str]:
        try:
            return write(*args, **kwargs)
        except ValueError as error:
            raise OSError(str(error)) from error

    return told


def _xanes(meta: Mapping[str, Any]) -> Mapping[str, Any]:
    return meta.get("metadata", {}).get("xanes", {})  # type: ignore[no-any-return]


@_tells_reasons
def write_layer(path: str, data: Any, meta: dict[str, Any]) -> list[str]:
    """Write one image layer: a stack, or a map with its sigma and mask.

    Other images go to napari's own writer.
    """
    xanes = _xanes(meta)
    if xanes.get("kind") == "stack":
        io.write(stack_from(data, xanes), path)
        return [path]
    if xanes.get("kind") == "map":
        io.write(maps_of([xanes]), path)
        return [path]
    from napari_builtins.io import napari_write_image

    file_path = napari_write_image(path, data, meta)
    return [file_path] if file_path else []


@_tells_reasons
def write_maps(path: str, layers: list[LayerData]) -> list[str]:
    """Write the maps of one run into one file, each with sigma, mask, unit and labels.

    Raises
    ------
    OSError
        If the layers are not maps, or come from different runs.
    """
    io.write(maps_of([_xanes(meta) for _, meta, _ in layers]), path)
    return [path]


@_tells_reasons
def write_spectra(path: str, layers: list[LayerData]) -> list[str]:
    """Write the mean spectrum of each region of a stack, with its standard error and its pixels' standard deviation.

    Parameters
    ----------
    path : str
        CSV or XDI file.
    layers : list of layer data
        One stack, and the Labels or Shapes layers with the regions. Without regions the whole image is used.

    Raises
    ------
    OSError
        If the layers hold no stack or several, a layer does not lie over the stack, or a region has no value.
    """
    stacks = [layer for layer in layers if layer[2] == "image" and _xanes(layer[1]).get("kind") == "stack"]
    if len(stacks) != 1:
        raise ValueError(f"select one stack and the regions to save, not {len(stacks)} stacks")
    stack = stack_from(stacks[0][0], _xanes(stacks[0][1]))
    # Layers as napari made them know where they lie, so files hold what the Spectra dock shows.
    image = Layer.create(*stacks[0])
    regions = [
        (given_name(region, number) or f"{region.name} {number}", mask)
        for region in (_region_layer(*layer, image) for layer in layers if layer[2] != "image")
        for number, mask in regions_of(region, image).items()
    ]
    names = unique_names([name for name, _ in regions])
    masks = dict(zip(names, (mask for _, mask in regions), strict=True))
    all_pixels = {"all pixels": np.ones(stack.shape[1:], dtype=bool)}
    io.write([region_spectrum(stack, mask, name) for name, mask in (masks or all_pixels).items()], path)
    return [str(Path(path))]


def _region_layer(data: Any, meta: Mapping[str, Any], kind: str, image: Layer) -> Layer:
    """Return a region layer; one from a script that has no scale has the pixels of the stack."""
    n_axes = len(np.shape(data)) if kind == "labels" else np.shape(data[0])[-1] if len(data) else 2
    return Layer.create(data, meta if "scale" in meta else laid_over(image, n_axes) | meta, kind)
