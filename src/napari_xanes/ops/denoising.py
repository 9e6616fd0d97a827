"""Denoise absorption: remove the noise of counting and the background of beam and detector."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from math import isqrt
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import BeforeValidator

from napari_xanes._typing import Float32Array, Float64Array
from napari_xanes.denoising.bands import fill_product, lazy_product
from napari_xanes.denoising.design_matrix import design_from_data, design_from_references
from napari_xanes.denoising.energy_offset import MAX_OFFSET, detect_energy_offset, offset_uncertainty
from napari_xanes.denoising.fractions.maps import MapMethod
from napari_xanes.denoising.network.cleaning import load_network, resolve_device
from napari_xanes.denoising.network.one_thread import one_thread_each
from napari_xanes.denoising.pipeline import decompose, explain, fit_amounts
from napari_xanes.denoising.report import amount_noise, describe
from napari_xanes.denoising.result import DenoisingResult, as_denoising_result, join_results
from napari_xanes.denoising.survey import subtract_offset, survey_stack
from napari_xanes.edge import normalize_spectrum, require_absorption
from napari_xanes.noise import AmountNoise, join_slices
from napari_xanes.ops.absorbance import optical_depth
from napari_xanes.ops.slices import each_slice, joined_sentences, slices_of, stack_slices
from napari_xanes.parameters import Param
from napari_xanes.progress import Progress, part
from napari_xanes.reference_arguments import load_references
from napari_xanes.region_means import COVARIANCE_LENGTH
from napari_xanes.registry import method
from napari_xanes.spectrum import Spectrum
from napari_xanes.stack import SpectralStack

OptionalReferences = Annotated[
    Any,
    BeforeValidator(lambda value: None if value is None else load_references(value)),
    Param(kind="references", auto="learned from the stack", files=True),
]

_MIN_ENERGIES = 8
_ENOUGH_PIXELS = 256 * 256
"""Number of pixels that suffice to find the offset of references."""

_METHODS = {"tv": "guided total variation", "none": None}


def _fit_state(
    stack: SpectralStack,
    *,
    references: list[Spectrum] | None,
    reference_offset: float | None,
    background: str,
    progress: Progress | None = None,
    **_: Any,
) -> Mapping[str, Any]:
    """Find by how much the references are off, if that is not given."""
    require_denoisable(stack, references)
    if references is None or reference_offset is not None:
        return {"reference_offset": reference_offset or 0.0}
    image = stack if len(stack.shape) == 3 else slices_of(stack, stack.shape[1] // 2)
    with one_thread_each():
        survey = survey_stack(_absorption(_subsampled(image)), progress)
        offset = detect_energy_offset(survey, _normalized(references), background=background == "auto")
    return {"reference_offset": offset}


def _subsampled(stack: SpectralStack) -> SpectralStack:
    """Return every n-th row and column of a large image: enough to find the offset of references."""
    step = isqrt(stack.shape[1] * stack.shape[2] // _ENOUGH_PIXELS)
    if step < 2:
        return stack
    return stack.isel(box=(slice(None, None, step), slice(None, None, step)))


def require_denoisable(stack: SpectralStack, references: list[Spectrum] | None) -> None:
    """Refuse stacks that `denoise` can't work on; the data of the stack are not read.

    Raises
    ------
    ValueError
        As `denoise`: denoised already, no absorption, too few energies, a volume without references, or references
        that do not cover the energies.
    """
    if stack.quantity not in ("counts", "transmission"):
        require_absorption(stack, "denoise", normalized=True)
    if stack.energy.size < _MIN_ENERGIES:
        raise ValueError(
            f"denoise needs at least {_MIN_ENERGIES} energies to tell signal from noise; {stack.name!r} has "
            f"{stack.energy.size}"
        )
    if isinstance(stack.noise, AmountNoise):
        raise ValueError(f"{stack.name!r} is denoised already; denoise the stack that it was made from")
    if len(stack.shape) == 4 and references is None:
        raise ValueError(f"slices of {stack.name!r} would each learn spectra of their own: give references")
    for reference in references or ():
        low, high = reference.energy[0] - MAX_OFFSET, reference.energy[-1] + MAX_OFFSET
        if stack.energy[0] < low or stack.energy[-1] > high:
            raise ValueError(
                f"reference {reference.name!r} covers {reference.energy[0]:g} to {reference.energy[-1]:g} eV, the "
                f"stack {stack.energy[0]:g} to {stack.energy[-1]:g} eV: crop the stack to what all references cover"
            )


def _normalized(references: list[Spectrum]) -> list[Spectrum]:
    return [
        normalize_spectrum(reference) if reference.metadata.get("normalized") is False else reference
        for reference in references
    ]


def _absorption(stack: SpectralStack) -> SpectralStack:
    return optical_depth(stack) if stack.quantity in ("counts", "transmission") else stack


@method(looks_at="stack", fit=_fit_state)
def denoise(
    stack: SpectralStack,
    /,
    *,
    references: OptionalReferences = None,
    background: Literal["auto", "none"] = "auto",
    noise: Literal["auto", "tv", "network", "none"] = "auto",
    adapt: bool = False,
    keep_new: bool = True,
    reference_offset: Annotated[float | None, Param(unit="eV", ge=-5, le=5, step=0.1, auto="from the data")] = None,
    device: Literal["auto", "cpu", "cuda"] = "auto",
    seed: Annotated[int, Param(ge=0, le=2**31)] = 0,
    progress: Progress | None = None,
) -> SpectralStack:
    """Absorption without beam background and noise: in each pixel a combination of spectra, and new features.

    Parameters
    ----------
    stack : SpectralStack, shape (E, Y, X) or (E, Z, Y, X)
        Counts with their flats or I0, or optical depth, fluorescence or normalized absorption. Slices of a volume are
        cleaned one by one.
    references : list of Spectrum, or files, optional
        Spectra that the sample is made of. Without them up to six are learned from the stack.
    background : {"auto", "none"}
        Whether to remove patterns of the beam that changed between sample and flat. The empty area of the sample shows
        them; without an empty area they stay, and the report says so.
    noise : {"auto", "tv", "network", "none"}
        Method that cleans the maps of the fractions: the trained network ("auto" and "network"), or total variation
        guided by the absorption, which needs no training ("tv"). "none" only removes the background.
    adapt : bool
        Fine-tune the network on this stack: predict one half of the energies from the other half; keep the result only
        if the held-out error falls.
    keep_new : bool
        Look for spectra that the references do not explain, and keep them at full amplitude.
    reference_offset : float, optional
        By how much the references lie too low, in eV. Estimated from the data, and corrected if it is certain.
    device : {"auto", "cpu", "cuda"}
        Device of the network.
    seed : int
        Seed of the fine-tuning.

    Returns
    -------
    SpectralStack
        float32 absorption. ``metadata["denoise"]`` holds ``fractions`` and ``fraction_sigma`` (K, Y, X), ``names`` of
        the references, ``edge_jump`` and ``edge_jump_sigma``, ``background`` (the removed absorption except noise, as a
        dask array (E, Y, X)), ``novelty`` (significance of new features, in standard errors), ``novel`` (list of
        spectra with their maps), and ``report``: numbers, and ``text`` for people.

    Raises
    ------
    ValueError
        If the stack is denoised already, there are fewer than eight energies, a reference does not cover the stack or
        can't be told from the others, or no pixel is usable.

    Notes
    -----
    After Li et al., npj Comput. Mater. 10 (2024), 10.1038/s41524-024-01313-7: each pixel is cleaned as a combination of
    spectra. The background is found by kriging. The maps of fractions are cleaned in units of their photon noise.
    Residuals count as new features if squares of pixels confirm them that they were not learned from.

    Examples
    --------
    >>> from napari_xanes.sample import nmc_ni_k
    >>> sample = nmc_ni_k(size=48, photons=500)
    >>> clean = denoise(sample.stack, references=sample.stack.metadata["references"], noise="tv")
    >>> clean.quantity, clean.metadata["denoise"]["fractions"].shape
    ('optical_depth', (2, 48, 48))
    """
    require_denoisable(stack, references)
    clean = _denoise_image if len(stack.shape) == 3 else _denoise_slices
    with one_thread_each():
        return clean(
            stack,
            references=references,
            background=background,
            noise=noise,
            adapt=adapt,
            keep_new=keep_new,
            reference_offset=reference_offset or 0.0,
            device=device,
            seed=seed,
            progress=progress,
        )


def _denoise_image(
    stack: SpectralStack,
    *,
    references: list[Spectrum] | None,
    background: str,
    noise: str,
    adapt: bool,
    keep_new: bool,
    reference_offset: float,
    device: str,
    seed: int,
    progress: Progress | None,
) -> SpectralStack:
    """Clean a stack of images (E, Y, X), with the parameters of `denoise`."""
    absorption = _absorption(stack)
    survey = survey_stack(absorption, part(progress, 0.0, 0.15))
    spectra = _normalized(references or [])
    weight, resolved = survey.weighted.weight, resolve_device(device)
    if spectra:
        design = design_from_references(spectra, stack.energy, weight, reference_offset)
    else:
        design = design_from_data(survey.binned, stack.energy, weight)
    survey, offset, has_air = subtract_offset(survey, design)
    network = load_network(resolved) if noise in ("auto", "network") else None
    fitted = fit_amounts(
        survey,
        design,
        offset,
        has_air=has_air,
        background=background == "auto",
        progress=part(progress, 0.15, 0.4),
    )
    survey = survey.without_bins()
    explained = explain(fitted, survey, design, keep_new=keep_new, progress=part(progress, 0.4, 0.5))
    del fitted
    method = MapMethod(network, adapt, resolved, seed)
    parts = decompose(explained, survey.weighted, design, method=method, progress=part(progress, 0.5, 0.9))
    del explained
    if reference_offset and len(spectra) > 1:
        error = offset_uncertainty(parts.fractions.astype(np.float64), spectra, design, stack.energy, reference_offset)
        parts = replace(parts, fraction_sigma=np.hypot(parts.fraction_sigma, error).astype(np.float32))
    result = describe(
        parts,
        design,
        survey,
        names=[spectrum.name for spectrum in spectra],
        reference_offset=reference_offset,
        method=_METHODS.get(noise, "the trained network"),
        device=resolved,
    )
    if noise == "none":
        corrected = (absorption.data - result.background).astype(np.float32)
        data = corrected if stack.is_lazy else corrected.compute(callbacks=())
        return absorption.with_data(data, metadata={"denoise": result} | _with_warnings(absorption, result))
    metadata = {"denoise": result, "noise": amount_noise(parts, design), COVARIANCE_LENGTH: parts.covariance_length}
    columns, maps = parts.columns_and_maps(design)
    del parts, survey
    data = _assembled(absorption, stack, columns, maps, part(progress, 0.9, 1.0))
    return absorption.with_data(data, metadata=metadata | _with_warnings(absorption, result))


def _with_warnings(stack: SpectralStack, result: DenoisingResult) -> dict[str, list[str]]:
    """Return the entry of the metadata with the warnings of the stack and of its report, if there are any."""
    warnings = [*stack.metadata.get("warnings", ()), *(result.report.warnings or ())]
    return {"warnings": list(dict.fromkeys(warnings))} if warnings else {}


def _assembled(
    absorption: SpectralStack,
    stack: SpectralStack,
    columns: Float64Array,
    maps: Float32Array,
    progress: Progress | None,
) -> Any:
    """Return the cleaned frames: lazy if the stack is, else in the memory of the optical depth made from the stack."""
    if stack.is_lazy:
        return lazy_product(columns, maps)
    out = np.empty(absorption.shape, np.float32) if absorption is stack else absorption.data
    return fill_product(columns, maps, out, progress)


def _denoise_slices(stack: SpectralStack, *, progress: Progress | None, **parameters: Any) -> SpectralStack:
    """Clean each slice of a volume (E, Z, Y, X) by itself, with the parameters of `denoise`."""

    def clean(image: SpectralStack, progress: Progress | None) -> SpectralStack:
        return _denoise_image(image, progress=progress, **parameters)

    slices = each_slice(stack, clean, progress)
    results = [as_denoising_result(cleaned.metadata["denoise"]) for cleaned in slices]
    background = stack_slices([result.background for result in results])
    text = joined_sentences([result.report.text for result in results])
    warnings = joined_sentences([result.report.warnings or [] for result in results])
    result = join_results(results, background, text, warnings)
    noise = join_slices([cleaned.noise for cleaned in slices])
    data = stack_slices([cleaned.data for cleaned in slices])
    metadata = {"denoise": result, "noise": noise, COVARIANCE_LENGTH: result.report.covariance_length_pixels}
    told = joined_sentences([list(cleaned.metadata.get("warnings", ())) for cleaned in slices])
    return stack.with_data(data, quantity=slices[0].quantity, metadata=metadata | ({"warnings": told} if told else {}))
