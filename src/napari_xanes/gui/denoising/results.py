"""Companions and the report of a denoised stack."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from napari_xanes.denoising.result import as_denoising_result
from napari_xanes.gui.layers import LayerData, stack_to_layer
from napari_xanes.parameter_map import MapSet, ParameterMap
from napari_xanes.stack import SpectralStack

if TYPE_CHECKING:
    from napari.layers import Layer

_JUMP_CLEAR = 3
"""Fractions are shown where the edge jump is at least this many standard errors."""


def why_not_denoisable(layer: Layer) -> str:
    """Return why a stack is not to be denoised; no text if it can be."""
    if "denoise" not in layer.metadata["xanes"]["metadata"]:
        return ""
    return f"{layer.name!r} is denoised already; choose the stack that it was made from"


def background_layer(stack: SpectralStack) -> LayerData:
    """Return the layer of the background that `denoise` removed from a stack."""
    result = as_denoising_result(stack.metadata["denoise"])
    background = replace(stack, data=result.background, metadata={"name": stack.name})
    return stack_to_layer(background, name=f"removed background · {stack.name}")


def companion_maps(stack: SpectralStack) -> MapSet | None:
    """Return maps of fractions and edge jump with errors, and of the novelty where it is significant.

    Parameters
    ----------
    stack : SpectralStack
        Result of `denoise`. The simpler methods make no maps: None.
    """
    from napari_xanes.denoising.novelty.amounts import CLEAR_SIGMA

    result = as_denoising_result(stack.metadata["denoise"])
    if result.background is None:
        return None
    names = result.names or [f"learned {i + 1}" for i in range(len(result.fractions))]
    jump, jump_sigma, novelty = result.edge_jump, result.edge_jump_sigma, result.novelty
    clear = jump > _JUMP_CLEAR * jump_sigma
    maps = {
        f"fraction {name}": ParameterMap(value, "1", sigma, clear)
        for name, value, sigma in zip(names, result.fractions, result.fraction_sigma, strict=True)
    }
    maps["edge_jump"] = ParameterMap(jump, stack.unit, jump_sigma)
    if (novelty > CLEAR_SIGMA).any():
        maps["novelty"] = ParameterMap(novelty, "σ", mask=novelty > CLEAR_SIGMA)
    return MapSet(maps, stack.history, stack.source, stack.pixel_size, {"name": stack.name})


def report_lines(stack: SpectralStack) -> list[str]:
    """Return the report of a denoised stack and the device that computed it."""
    device = stack.history[-1].parameters.get("device", "cpu")
    return [*as_denoising_result(stack.metadata["denoise"]).report.text, device_text(device)]


def device_text(device: str) -> str:
    """Return a sentence about the device that the parameter `device` selects."""
    import torch

    from napari_xanes.denoising.network.cleaning import resolve_device

    if resolve_device(device) == "cpu":
        return "Computed on the processor (CPU)."
    return f"Computed on the graphics card (GPU), {torch.cuda.get_device_name()}."
