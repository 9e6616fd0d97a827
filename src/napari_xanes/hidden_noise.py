"""What a user should know about errors of a stack whose noise a step has hidden."""

from __future__ import annotations

from napari_xanes.region_means import SHARED_ENERGIES
from napari_xanes.stack import SpectralStack


def on_hidden_noise(stack: SpectralStack, *, energies: bool = True) -> list[str]:
    """Say that errors from scatter are too small, if a step has removed noise or spread it over energies.

    Parameters
    ----------
    stack : SpectralStack, shape (E, Y, X) or (E, Z, Y, X)
        The stack; one that carries its errors needs no word.
    energies : bool
        Whether noise that energies share is told; not where it is measured and allowed for.

    Examples
    --------
    >>> from napari_xanes.ops import smooth
    >>> import numpy as np
    >>> stack = SpectralStack(np.zeros((9, 4, 4)), range(700, 709), "optical_depth")
    >>> on_hidden_noise(stack), on_hidden_noise(smooth(stack, energies=3))[0][:41]
    ([], 'neighbouring energies share noise after s')
    """
    if stack.noise is not None:
        return []
    if "denoise" in stack.metadata:
        return [
            "the stack was denoised by a step that tells no errors, so errors from the scatter of what is left are "
            "several times too small: take them from the same map of the stack before, or use denoise, which tells them"
        ]
    if energies and stack.metadata.get(SHARED_ENERGIES):
        return [
            "neighbouring energies share noise after smooth or interpolate_energy, so errors from the scatter of the "
            "residuals are too small; fit the stack before that step"
        ]
    return []
