"""Denoise by principal components: what most users do today."""

from __future__ import annotations

from typing import Annotated

from napari_xanes.denoising.principal_components import find_components, recombine
from napari_xanes.ops.slices import by_slices
from napari_xanes.parameters import Param
from napari_xanes.progress import Progress
from napari_xanes.registry import method
from napari_xanes.stack import SpectralStack

Count = Annotated[int | None, Param(ge=1, le=50, auto="from the noise")]


@method(looks_at="stack")
def denoise_pca(
    stack: SpectralStack, /, *, components: Count = None, progress: Progress | None = None
) -> SpectralStack:
    """Principal components: keep the largest ones, drop the rest as noise.

    Parameters
    ----------
    stack : SpectralStack, shape (E, Y, X) or (E, Z, Y, X)
        Optical depth, fluorescence or normalized absorption. Slices of a volume are cleaned one by one, each with
        components of its own.
    components : int, optional
        Number of components; found by parallel analysis if not given.

    Returns
    -------
    SpectralStack
        float32 absorption without known errors; NaN in pixels that could not be used.

    Raises
    ------
    ValueError
        If the stack is no absorption, or no pixel of a slice is usable.

    Examples
    --------
    >>> from napari_xanes.ops import optical_depth
    >>> from napari_xanes.sample import nmc_ni_k
    >>> depth = optical_depth(nmc_ni_k(size=48, photons=500).stack)
    >>> denoise_pca(depth, components=3).metadata["denoise"]["report"]["components"]
    3
    """

    def clean(image: SpectralStack, progress: Progress | None) -> SpectralStack:
        return recombine(image, find_components(image, components, progress), "Principal component analysis")

    return by_slices(stack, clean, progress)
