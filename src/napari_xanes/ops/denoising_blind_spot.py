"""Denoise by a network that learns from the stack alone to predict pixels from their neighbours."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Literal

from napari_xanes.denoising.network.blind_spot import clean_blind_spot
from napari_xanes.denoising.network.cleaning import resolve_device
from napari_xanes.denoising.principal_components import find_components, recombine
from napari_xanes.ops.denoising_pca import Count
from napari_xanes.ops.slices import by_slices
from napari_xanes.parameters import Param
from napari_xanes.progress import Progress, part
from napari_xanes.registry import method
from napari_xanes.stack import SpectralStack


@method(looks_at="stack")
def denoise_blind_spot(
    stack: SpectralStack,
    /,
    *,
    components: Count = None,
    steps: Annotated[int, Param(ge=10, le=20000)] = 300,
    device: Literal["auto", "cpu", "cuda"] = "auto",
    seed: Annotated[int, Param(ge=0, le=2**31)] = 0,
    progress: Progress | None = None,
) -> SpectralStack:
    """Blind-spot network: predict each pixel of the principal components from its surroundings.

    Parameters
    ----------
    stack : SpectralStack, shape (E, Y, X) or (E, Z, Y, X)
        Optical depth, fluorescence or normalized absorption. Slices of a volume are cleaned one by one, each with
        components of its own.
    components : int, optional
        Number of components; found by parallel analysis if not given.
    steps : int
        Number of training steps.
    device : {"auto", "cpu", "cuda"}
        Device of the network.
    seed : int
        Seed of the network's first weights and of the hidden pixels.

    Returns
    -------
    SpectralStack
        float32 absorption without known errors; NaN in pixels that could not be used.

    Raises
    ------
    ValueError
        If the stack is no absorption, or no pixel of a slice is usable.

    Notes
    -----
    After Krull, Buchholz and Jug, Noise2Void, CVPR 2019.

    Examples
    --------
    >>> from napari_xanes.ops import optical_depth
    >>> from napari_xanes.sample import nmc_ni_k
    >>> depth = optical_depth(nmc_ni_k(size=48, photons=500).stack)
    >>> denoise_blind_spot(depth, components=3, steps=20).metadata["denoise"]["report"]["components"]
    3
    """

    def clean(image: SpectralStack, progress: Progress | None) -> SpectralStack:
        pca = find_components(image, components, part(progress, 0.0, 0.2))
        training = part(progress, 0.2, 1.0)
        scores = clean_blind_spot(pca.scores, steps=steps, seed=seed, device=resolve_device(device), progress=training)
        return recombine(image, replace(pca, scores=scores), "A blind-spot network on images")

    return by_slices(stack, clean, progress)
