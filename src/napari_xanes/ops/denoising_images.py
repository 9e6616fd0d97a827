"""Denoise a stack of images, or each slice of a volume."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from napari_xanes._typing import Float32Array, Float64Array
from napari_xanes.denoising.bands import fill_product, lazy_product
from napari_xanes.denoising.design_matrix import design_from_data, design_from_references
from napari_xanes.denoising.energy_offset import detect_energy_offset, offset_uncertainty
from napari_xanes.denoising.fractions.maps import MapMethod
from napari_xanes.denoising.network.cleaning import load_network, resolve_device
from napari_xanes.denoising.pipeline import decompose, explain, fit_amounts
from napari_xanes.denoising.report import amount_noise, describe
from napari_xanes.denoising.result import DenoisingResult, as_denoising_result, join_results
from napari_xanes.denoising.survey import subtract_offset, survey_stack
from napari_xanes.edge import normalize_spectrum
from napari_xanes.edge.stray_light import told_about_stray_light
from napari_xanes.noise import join_slices
from napari_xanes.ops.absorbance import optical_depth
from napari_xanes.ops.slices import each_slice, joined_sentences, stack_slices
from napari_xanes.progress import Progress, part
from napari_xanes.region_means import COVARIANCE_LENGTH
from napari_xanes.spectrum import Spectrum
from napari_xanes.stack import SpectralStack

_METHODS = {"tv": "guided total variation", "none": None}


def normalized_references(references: list[Spectrum]) -> list[Spectrum]:
    """Return references of which each that says that it is raw is normalized."""
    return [
        normalize_spectrum(reference) if reference.metadata.get("normalized") is False else reference
        for reference in references
    ]


def as_absorption(stack: SpectralStack) -> SpectralStack:
    """Return counts as optical depth, other stacks as they are."""
    return optical_depth(stack) if stack.quantity in ("counts", "transmission") else stack


def denoise_image(
    stack: SpectralStack,
    *,
    references: list[Spectrum] | None,
    background: str,
    noise: str,
    adapt: bool,
    keep_new: bool,
    reference_offset: float | None,
    device: str,
    seed: int,
    calibrated: bool = True,
    progress: Progress | None,
) -> SpectralStack:
    """Clean a stack of images (E, Y, X), with the parameters of `denoise`; `calibrated` as in `MapMethod`.

    Without `reference_offset`, it is estimated.
    """
    absorption = as_absorption(stack)
    # The cleaned frames take the place of these.
    on_light = told_about_stray_light(absorption)
    survey = survey_stack(absorption, part(progress, 0.0, 0.15))
    spectra = normalized_references(references or [])
    weight, resolved = survey.weighted.weight, resolve_device(device)
    if reference_offset is None:
        reference_offset = detect_energy_offset(survey, spectra, background=background == "auto") if spectra else 0.0
    if spectra:
        design = design_from_references(spectra, stack.energy, weight, reference_offset)
    else:
        design = design_from_data(survey.binned, stack.energy, weight)
    survey, offset, has_air = subtract_offset(survey, design, in_place=True)
    network = load_network(resolved) if noise in ("auto", "network") else None
    fitted, residual = fit_amounts(
        survey,
        design,
        offset,
        has_air=has_air,
        background=background == "auto",
        progress=part(progress, 0.15, 0.4),
    )
    survey = survey.without_bins()
    explained = explain(fitted, residual, survey, design, keep_new=keep_new, progress=part(progress, 0.4, 0.5))
    del fitted, residual
    method = MapMethod(network, adapt, resolved, seed, calibrated)
    parts = decompose(explained, survey.weighted, design, method=method, progress=part(progress, 0.5, 0.9))
    del explained
    if reference_offset and len(spectra) > 1:
        error = offset_uncertainty(parts.fractions, spectra, design, stack.energy, reference_offset)
        parts = replace(parts, fraction_sigma=np.hypot(parts.fraction_sigma, error, out=error))
    result = describe(
        parts,
        design,
        survey,
        names=[spectrum.name for spectrum in spectra],
        reference_offset=reference_offset,
        method=_METHODS.get(noise, "the trained network"),
        device=resolved,
    )
    told = _with_warnings(absorption, result, on_light)
    if noise == "none":
        corrected = (absorption.data - result.background).astype(np.float32)
        data = corrected if stack.is_lazy else corrected.compute(callbacks=())
        return absorption.with_data(data, metadata={"denoise": result} | told)
    metadata = {"denoise": result, "noise": amount_noise(parts, design), COVARIANCE_LENGTH: parts.covariance_length}
    columns, maps = parts.columns_and_maps(design)
    del parts, survey
    data = _assembled(absorption, stack, columns, maps, part(progress, 0.9, 1.0))
    return absorption.with_data(data, metadata=metadata | told)


def _with_warnings(stack: SpectralStack, result: DenoisingResult, told: list[str]) -> dict[str, list[str]]:
    """Return the entry of the metadata with the warnings of the stack, of its report, and others, if there are any."""
    warnings = [*stack.metadata.get("warnings", ()), *(result.report.warnings or ()), *told]
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


def denoise_slices(stack: SpectralStack, *, progress: Progress | None, **parameters: Any) -> SpectralStack:
    """Clean each slice of a volume (E, Z, Y, X) by itself, with the parameters of `denoise`."""

    def clean(image: SpectralStack, progress: Progress | None) -> SpectralStack:
        return denoise_image(image, progress=progress, **parameters)

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
