"""Fits of stacks whose spectra are divided by their own area, maximum ... : what their references and shares mean."""

from __future__ import annotations

from napari_xanes.scaling import Scaling, as_scaling, scaled_spectrum
from napari_xanes.spectrum import Spectrum
from napari_xanes.stack import SpectralStack

_LINEAR = ("area", "mean")
"""What mixes as amounts do: the area of a mixture is the sum of its parts' areas, its maximum is not."""


def _scaling_of(stack: SpectralStack) -> Scaling | None:
    return as_scaling(stack.metadata.get("scaling")) if stack.quantity == "scaled" else None


def scaled_as_the_stack(references: list[Spectrum], stack: SpectralStack, warnings: list[str]) -> list[Spectrum]:
    """Return the references, each divided as the spectra of the stack were; a text is added to the warnings.

    Raises
    ------
    ValueError
        If it is not known by what the stack is divided, or a reference can't be divided by it.
    """
    scaling = _scaling_of(stack)
    if scaling is None:
        raise ValueError(
            f"normalize_references = 'as the stack' repeats what normalize did, but {stack.name!r} holds "
            f"{stack.quantity.replace('_', ' ')}: run normalize first, or choose auto"
        )
    warnings.append(
        f"each reference was divided by its {scaling}, as the pixels were: shares and valence are shares of that, not "
        "of the edge jump"
    )
    return [scaled_spectrum(reference, scaling, stack.energy) for reference in references]


def on_shares_of_scale(stack: SpectralStack, normalize_references: str, *, sum_to_one: bool) -> list[str]:
    """Say what the amounts of a scaled stack are.

    Raises
    ------
    ValueError
        If the sum of the amounts is held at 1, although it is not 1.
    """
    if stack.quantity != "scaled":
        return []
    scaling, as_stack = _scaling_of(stack), normalize_references == "as the stack"
    if sum_to_one and not (as_stack and scaling is not None and scaling.by in _LINEAR and scaling.background):
        raise ValueError(
            f"sum_to_one needs amounts that sum to 1, but {stack.name!r} is divided by its {scaling or 'own scale'}: "
            "that is the sum of the parts only for an area or a mean above a background, if the references are divided "
            "in the same way (normalize_references = 'as the stack'); use fractions instead"
        )
    told = [] if as_stack else [
        f"amounts and edge jumps are relative to each pixel's {scaling or 'own scale'}: they say nothing about how "
        "much there is, fractions and valence do not depend on it"
    ]  # fmt: skip
    if as_stack and scaling is not None and scaling.by not in _LINEAR:
        told.append(
            f"the {scaling.by} of a mixture is not the sum of those of its parts, so fractions and valence of mixtures "
            "are off: scale by area or mean"
        )
    return told
