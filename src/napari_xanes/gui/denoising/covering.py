"""The part of a stack that all references cover."""

from __future__ import annotations

from collections.abc import Sequence

from napari_xanes.denoising.energy_offset import MAX_OFFSET
from napari_xanes.history import Step
from napari_xanes.ops.denoising import MIN_ENERGIES
from napari_xanes.spectrum import Spectrum
from napari_xanes.stack import SpectralStack


def crop_to_references(stack: SpectralStack, references: Sequence[Spectrum]) -> list[Step]:
    """Return the step that keeps the energies which all references cover, because `denoise` refuses others.

    Parameters
    ----------
    stack : SpectralStack
        The stack; its data are not read.
    references : list of Spectrum
        What it is to be denoised with.

    Returns
    -------
    list of Step
        A `crop`; none if the references cover the stack, or too little of it: then one of them is better left out.
    """
    if not references:
        return []
    first, last = float(stack.energy[0]), float(stack.energy[-1])
    low = max(float(reference.energy[0]) for reference in references)
    high = min(float(reference.energy[-1]) for reference in references)
    low, high = (first if first >= low - MAX_OFFSET else low), (last if last <= high + MAX_OFFSET else high)
    kept = int(((stack.energy >= low) & (stack.energy <= high)).sum())
    return [Step("crop", {"energy": [low, high]})] if MIN_ENERGIES <= kept < stack.energy.size else []


def in_words(step: Step) -> str:
    """Return what is said of a step that runs before `denoise`: of a crop, what it keeps and why.

    Examples
    --------
    >>> in_words(Step("crop", {"energy": [8300.0, 8400.0]}))
    'crop to 8300–8400 eV, which all references cover'
    """
    if step.name != "crop":
        return step.name.replace("_", " ")
    low, high = step.parameters["energy"]
    return f"crop to {low:g}–{high:g} eV, which all references cover"
