"""The writers that napari calls to save stacks, maps and the mean spectra of regions."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from napari_xanes import io
from napari_xanes.gui.layers import LayerData, maps_of, stack_from
from napari_xanes.spectrum import Spectrum
from napari_xanes.stack import SpectralStack


def _xanes(meta: Mapping[str, Any]) -> Mapping[str, Any]:
    return meta.get("metadata", {}).get("xanes", {})  # type: ignore[no-any-return]


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


def write_maps(path: str, layers: list[LayerData]) -> list[str]:
    """Write the maps of one run into one file, each with sigma, mask, unit and labels.

    Raises
    ------
    ValueError
        If the layers are not maps, or come from different runs.
    """
    io.write(maps_of([_xanes(meta) for _, meta, _ in layers]), path)
    return [path]


def write_spectra(path: str, layers: list[LayerData]) -> list[str]:
    """Write the mean spectrum of each region of a stack, with its standard deviation.

    Parameters
    ----------
    path : str
        CSV or XDI file.
    layers : list of layer data
        One stack, and the Labels or Shapes layers with the regions. Without regions the whole image is used.

    Raises
    ------
    ValueError
        If the layers hold no stack or several, or if a region has another size.
    """
    stacks = [(data, meta) for data, meta, kind in layers if kind == "image" and _xanes(meta).get("kind") == "stack"]
    if len(stacks) != 1:
        raise ValueError(f"select one stack and the regions to save, not {len(stacks)} stacks")
    stack = stack_from(stacks[0][0], _xanes(stacks[0][1]))
    regions = {
        f"{meta['name']} {label}": mask
        for data, meta, kind in layers
        if kind != "image"
        for label, mask in _masks_of(data, meta, kind, stack.shape[1:]).items()
    }
    all_pixels = {"all pixels": np.ones(stack.shape[1:], dtype=bool)}
    io.write([region_spectrum(stack, mask, name) for name, mask in (regions or all_pixels).items()], path)
    return [str(Path(path))]


def _masks_of(data: Any, meta: Mapping[str, Any], kind: str, shape: tuple[int, ...]) -> dict[int, Any]:
    """Return the mask of each label or shape."""
    if kind == "shapes":
        from napari.layers import Shapes

        masks = Shapes(data, shape_type=meta["shape_type"]).to_masks(mask_shape=shape[-2:])
        return dict(enumerate(masks, start=1))
    labels = np.asarray(data)
    if labels.shape not in (shape, shape[-2:]):
        raise ValueError(f"the labels have {labels.shape} pixels, but the stack has {shape}; make them equal")
    return {int(label): labels == label for label in np.unique(labels) if label}


def region_spectrum(stack: SpectralStack, mask: Any, name: str) -> Spectrum:
    """Return the mean spectrum of the pixels in a mask, with their standard deviation as sigma."""
    mask = np.broadcast_to(mask, stack.shape[1:])
    inside = [np.asarray(frame)[mask].astype(np.float64) for frame in stack.data]
    mean = np.array([values.mean() for values in inside])
    spread = np.array([values.std() for values in inside])
    metadata = {"quantity": stack.quantity, "normalized": stack.quantity == "normalized"}
    return Spectrum(name, stack.energy, mean, sigma=spread, metadata=metadata)
