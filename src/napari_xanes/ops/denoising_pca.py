"""Principal components: what most users denoise with today."""

from __future__ import annotations

from typing import Annotated

from napari_xanes.denoising.components import find_components, rebuilt
from napari_xanes.parameters import Param
from napari_xanes.progress import Progress
from napari_xanes.registry import method
from napari_xanes.stack import SpectralStack

Count = Annotated[int | None, Param(ge=1, le=50, auto="from the noise")]


@method()
def denoise_pca(
    stack: SpectralStack, /, *, components: Count = None, progress: Progress | None = None
) -> SpectralStack:
    """Principal components: keep the largest, leave out the rest as noise.

    Parameters
    ----------
    stack : SpectralStack, shape (E, Y, X)
        Optical depth, fluorescence or normalized absorption.
    components : int, optional
        How many; found by parallel analysis if not given.

    Returns
    -------
    SpectralStack
        float32 absorption without known errors; NaN in pixels that could not be used.

    Raises
    ------
    ValueError
        If the stack is no absorption or a volume, or no pixel is usable.

    Examples
    --------
    >>> from napari_xanes.ops import optical_depth
    >>> from napari_xanes.sample import nmc_ni_k
    >>> depth = optical_depth(nmc_ni_k(size=48, photons=500).stack)
    >>> denoise_pca(depth, components=3).metadata["denoise"]["report"]["components"]
    3
    """
    return rebuilt(stack, find_components(stack, components, progress), "Principal component analysis")
