"""The slope of each pixel's spectrum."""

from __future__ import annotations

from typing import Annotated

import numpy as np

from napari_xanes.edge.local_quadratic import local_quadratic
from napari_xanes.ops.spectral_matrix import multiply_spectra
from napari_xanes.parameters import Param
from napari_xanes.progress import Progress
from napari_xanes.registry import method
from napari_xanes.stack import SpectralStack


@method(looks_at="pixel")
def derivative(
    stack: SpectralStack,
    /,
    *,
    half_width: Annotated[float, Param(ge=0, unit="eV")] = 0.0,
    progress: Progress | None = None,
) -> SpectralStack:
    """Slope of the spectra, per eV, by parabolas around each energy.

    Parameters
    ----------
    stack : SpectralStack, shape (E, Y, X) or (E, Z, Y, X)
        Optical depth, fluorescence or normalized, of at least three energies.
    half_width : float
        Half width in eV of the range of energies to which a parabola is fitted around each energy (Savitzky and
        Golay); 0 takes the parabola through three energies.

    Returns
    -------
    SpectralStack
        float32, quantity "derivative". Errors from photon counting are not carried along.

    Raises
    ------
    ValueError
        If the stack holds counts, a derivative already, or fewer than three energies.

    Examples
    --------
    >>> energy = np.array([700.0, 701, 703, 706])
    >>> stack = SpectralStack((energy**2).reshape(4, 1, 1) / 1000, energy, "optical_depth")
    >>> derivative(stack).data.ravel().round(3).tolist()
    [1.399999976158142, 1.4019999504089355, 1.406000018119812, 1.4119999408721924]
    """
    if stack.quantity == "derivative":
        raise ValueError(f"{stack.name!r} is a derivative already; choose the stack it was made of")
    if stack.energy.size < 3:
        raise ValueError(f"{stack.name!r} has {stack.energy.size} energies; a slope needs at least 3")
    matrix = local_quadratic(stack.energy, slice(0, stack.energy.size), half_width).slope
    # Where a value is missing, its slope is missing too, although the parabola through three points does not use it.
    matrix[(np.eye(len(matrix)) > 0) & (matrix == 0)] = np.finfo(np.float32).tiny
    return multiply_spectra(
        stack, matrix, stack.energy, progress=progress, message="slopes of spectra", quantity="derivative"
    )
