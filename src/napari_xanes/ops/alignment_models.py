"""What `align` finds besides shifts: magnification and matrices, or a hint that frames have them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np

from napari_xanes._typing import Float32Array, Float64Array
from napari_xanes.alignment import Alignment
from napari_xanes.progress import Progress
from napari_xanes.registration.estimation import Box, Estimate
from napari_xanes.registration.linear import BASES, Linear, linear
from napari_xanes.registration.tile_check import of_some, some_of, stretch_of
from napari_xanes.stack import SpectralStack

Images = Callable[[SpectralStack], Iterator[Float32Array]]
"""Yields the frames of a stack, without missing values."""

Told = Callable[[SpectralStack, Estimate], Alignment]
"""Returns what was found as the state of the step."""


def with_model(
    stack: SpectralStack,
    found: Estimate,
    model: str,
    told: Told,
    images: Images,
    *,
    spectra: Float64Array | None = None,
    box: Box | None = None,
    progress: Progress | None = None,
) -> Alignment:
    """Return shifts with what the model adds; where it adds nothing, with a warning if it should.

    Parameters
    ----------
    stack : SpectralStack
        The stack.
    found : Estimate
        Its shifts.
    model : str
        "translation" or a key of `BASES`.
    told, images : callable
        Make an estimate the state of the step, and read frames.
    spectra, box : ndarray of shape (E, R), tuple of int, optional
        What is in the sample, and where to look.
    progress : callable, optional
        Called with the fraction done.
    """
    shape = (stack.shape[-2], stack.shape[-1])
    if model not in BASES:
        some = some_of(found)
        part = stack.isel(some)
        lines = stretch_of(lambda: images(part), part.energy, shape, of_some(found, some), box)
        alignment = told(stack, found)
        return replace(alignment, report="\n".join([alignment.report or "", *lines]))
    result = linear(
        lambda: images(stack), stack.energy, shape, model, found, spectra=spectra, box=box, progress=progress
    )
    alignment = told(stack, result.estimate)
    first, *others = (alignment.report or "").splitlines()
    report = "\n".join([f"{first}; {growth_in_words(stack.energy, result, model)}", *others])
    fields = {"matrix": result.matrix, "matrix_sigma": result.matrix_sigma}
    if model != "affine":
        fields = {name.replace("matrix", "magnification"): values[:, 0, 0] for name, values in fields.items()}
    fields["center"] = (np.array(shape) - 1) / 2
    return replace(alignment, report=report, image_shape=shape, **fields)  # type: ignore[arg-type]


def growth_in_words(energy: Float64Array, found: Linear, model: str) -> str:
    """Return by how much the image grows over the scan, beside a zone plate, whose pixel size follows the energy."""
    digits = int(np.clip(1 - np.floor(np.log10(max(100 * found.growth_sigma, 1e-9))), 0, 5))
    size = f"{100 * abs(found.growth):.{digits}f} +- {100 * found.growth_sigma:.{digits}f} %"
    span = f"from {energy[0]:g} to {energy[-1]:g} eV"
    plate = 100 * float(np.ptp(energy) / energy.mean())
    word = "grows" if found.growth > 0 else "shrinks"
    text = f"the image {word} by {size} {span} (a zone plate changes it by {plate:.2g} %)"
    if model == "affine":
        turn = np.degrees(found.matrix[:, 1, 0] - found.matrix[:, 0, 1]) / 2
        text += f" and turns over {np.ptp(turn):.3f} degrees"
    return text
