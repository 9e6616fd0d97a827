"""Denoise by non-local means of principal components: the strongest of the common methods."""

from __future__ import annotations

from dataclasses import replace

from napari_xanes.denoising.filters.non_local_means import non_local_means
from napari_xanes.denoising.principal_components import clean_each, find_components, recombine
from napari_xanes.ops.denoising_pca import Count
from napari_xanes.ops.slices import by_slices
from napari_xanes.progress import Progress, part
from napari_xanes.registry import method
from napari_xanes.stack import SpectralStack


@method(looks_at="stack")
def denoise_nlm(
    stack: SpectralStack, /, *, components: Count = None, progress: Progress | None = None
) -> SpectralStack:
    """Non-local means: average similar patches in the images of the principal components.

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
    >>> denoise_nlm(depth, components=3).metadata["denoise"]["report"]["components"]
    3
    """

    def clean(image: SpectralStack, progress: Progress | None) -> SpectralStack:
        pca = find_components(image, components, part(progress, 0.0, 0.5))
        scores = clean_each(pca.scores, non_local_means, part(progress, 0.5, 1.0))
        return recombine(image, replace(pca, scores=scores), "Non-local means")

    return by_slices(stack, clean, progress)
