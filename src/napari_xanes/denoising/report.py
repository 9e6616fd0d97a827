"""Describe a decomposition: results beside the cleaned stack, errors, and sentences for people."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from napari_xanes._typing import BoolArray
from napari_xanes.denoising.background.removed import removed_background
from napari_xanes.denoising.bands import rows_at_once
from napari_xanes.denoising.design_matrix import DesignMatrix
from napari_xanes.denoising.novelty.amounts import CLEAR_SIGMA
from napari_xanes.denoising.novelty.small_features import detection_limit
from napari_xanes.denoising.novelty.spot_limits import WIDTHS
from napari_xanes.denoising.pipeline import Decomposition
from napari_xanes.denoising.result import DenoisingReport, DenoisingResult, NovelFeature
from napari_xanes.denoising.survey import Survey
from napari_xanes.noise import AmountNoise
from napari_xanes.saturation import saturated_share_of_frames, saturation_warnings
from napari_xanes.spectrum import Spectrum
from napari_xanes.wording import counted

_MIN_BACKGROUND_SHARE = 0.002
"""Share of the absorption below which the report does not mention a removed background."""

_MIN_NEIGHBOUR_RATIO = 0.85
"""`PixelFit.neighbour_ratio` below which the noise counts as smoothed; smoothing by half a pixel gives 0.7."""

_MIN_FINE_SHARE = 0.003
"""Share of the sample with fine structure above which the report mentions it; by chance, a tenth of that is found."""

_MAX_CHI_SQUARE, _MAX_CHI_SQUARE_UNKNOWN_PHOTONS = 1.5, 3.0


def describe(
    parts: Decomposition,
    design: DesignMatrix,
    survey: Survey,
    *,
    names: list[str],
    reference_offset: float,
    method: str | None,
    device: str,
) -> DenoisingResult:
    """Return the results beside the cleaned stack, for ``metadata["denoise"]``.

    Parameters
    ----------
    parts, design, survey
        The decomposition, the columns of the fit, and the survey of the stack.
    names : list of str
        Names of the references; empty if the spectra were learned.
    reference_offset : float
        By how much the references were moved, in eV.
    method : str or None
        Name of the method that cleaned the maps, for the report; None if the noise is kept.
    device : str
        Device of the network.
    """
    energy = survey.weighted.stack.energy
    spectra = (parts.directions.new / design.root_weight[:, None]).T
    features = [
        NovelFeature(Spectrum(f"new feature {i}", energy, spectrum), amounts)
        for i, (spectrum, amounts) in enumerate(zip(spectra, parts.new, strict=True), 1)
    ]
    return DenoisingResult(
        names=names,
        fractions=parts.fractions,
        fraction_sigma=parts.fraction_sigma,
        edge_jump=parts.jump,
        edge_jump_sigma=parts.jump_sigma,
        background=removed_background(parts.offset, parts.background, design, parts.jump.shape),
        novelty=parts.novelty,
        novel=features,
        report=_report(parts, design, survey, names, reference_offset, method, device),
    )


def amount_noise(parts: Decomposition, design: DesignMatrix) -> AmountNoise:
    """Return the error model of the cleaned stack: the errors of its amounts.

    The first source of errors is the edge jump. The others are the fractions, whose errors add up to zero.
    """
    fractions, sigma, jump = parts.fractions, parts.fraction_sigma, parts.jump
    count = len(fractions)
    factors = np.zeros((count, 1 + count, *jump.shape), np.float32)
    for rows in rows_at_once(*jump.shape):
        part, error = factors[:, :, rows], jump[rows] * sigma[:, rows]
        part[:, 0] = fractions[:, rows] * parts.jump_sigma[rows]
        part[np.arange(count), 1 + np.arange(count)] = error
        if not design.learned and count > 1:
            square = sigma[:, rows] ** 2
            share = square / np.maximum(square.sum(axis=0), 1e-30)
            part[:, 1:] -= share[:, None] * error[None]
            length = np.sqrt((part[:, 1:] ** 2).sum(axis=1))
            part[:, 1:] *= (error / np.maximum(length, 1e-30))[:, None]
    return AmountNoise(design.unscaled_references.astype(np.float32), factors)


def _report(
    parts: Decomposition,
    design: DesignMatrix,
    survey: Survey,
    names: list[str],
    reference_offset: float,
    method: str | None,
    device: str,
) -> DenoisingReport:
    """Collect the numbers of the report and put them into words."""
    from scipy.ndimage import label

    stack, n_new = survey.weighted.stack, parts.directions.new.shape[1]
    report = DenoisingReport(
        text=[],
        background_share=_background_share(parts, design, survey),
        background_patterns=0 if parts.background is None else parts.background.modes.shape[1],
        empty_area=parts.has_air,
        reference_offset_eV=reference_offset,
        new_features=n_new,
        new_places=int(label(parts.novelty > CLEAR_SIGMA)[1]) if n_new else 0,
        unexplained_places=parts.directions.unexplained,
        misregistration=bool(parts.directions.nuisance.shape[1]),
        chi_square=parts.chi_square,
        noise_alike=parts.neighbour_ratio,
        fine_structure_share=parts.fine_share,
        saturated_share=saturated_share_of_frames(stack.corrections.flat, len(stack.shape)),
        shared_residual=0.0 if parts.shared_residual is None else parts.shared_residual.size,
        detection_limit=_detection_limit(parts, survey),
        spot_limits=_spot_limits(parts, survey),
        photons_known=survey.weighted.photons_known,
        adapted=parts.adaptation is not None and parts.adaptation.accepted,
        covariance_length_pixels=parts.covariance_length if method else 1.0,
        device=device,
    )
    warnings = [
        *_warnings(report, has_background=parts.background is not None),
        *saturation_warnings("flat", stack.corrections.flat, len(stack.shape)),  # in the words of optical_depth
    ]
    text = [
        *_background_text(report, has_background=parts.background is not None),
        *_reference_text(report, learned=not names),
        *warnings,
        *_fine_structure_text(report),
        f"Maps were cleaned by {method}." if method else "The noise was not removed.",
    ]
    if parts.adaptation is not None:
        change = f"the error at held-out places changed by {parts.adaptation.error_ratio - 1:+.1%}"
        text.append(
            f"The network was adapted to this stack: {change}."
            if parts.adaptation.accepted
            else f"Adapting the network did not help ({change}), so the original network was used."
        )
    report.text.extend(text)
    return replace(report, warnings=warnings)


def _detection_limit(parts: Decomposition, survey: Survey) -> float:
    """Return the smallest feature that would be seen in 4 x 4 pixels, over the edge jump of the sample."""
    precision = survey.binned.sample_precision
    sample = ~survey.air & parts.used
    if not (precision > 0).any() or not sample.any():
        return 0.0
    return detection_limit(precision, survey.weighted.stack.energy.size) / _typical_jump(parts, sample)


def _spot_limits(parts: Decomposition, survey: Survey) -> list[float]:
    """Return the shares of a missing phase that would be found in spots of three sizes; 1 if it must fill them."""
    sample = ~survey.air & parts.used
    if not sample.any():
        return []
    return [min(1.0, limit / _typical_jump(parts, sample)) for limit in parts.spot_limits]


def _typical_jump(parts: Decomposition, sample: BoolArray) -> float:
    return max(float(np.percentile(parts.jump[sample], 75)), 1e-9)


def _background_share(parts: Decomposition, design: DesignMatrix, survey: Survey) -> float:
    """Return the root mean square of the patterns over the mean absorption of the sample."""
    if parts.background is None:
        return 0.0
    modes = parts.background.modes / design.root_weight[:, None]
    depth = parts.background.rms(modes, survey.binned.sample_precision > 0)
    inside = ~survey.air & (survey.weighted.precision > 0)
    absorption = survey.weighted.mean_depth[inside]
    mean = float(np.mean(absorption)) - float(parts.offset.mean()) if absorption.size else 0.0
    return depth / max(mean, 1e-9)


def _background_text(report: DenoisingReport, *, has_background: bool) -> list[str]:
    share = report.background_share or 0.0
    if has_background and share > _MIN_BACKGROUND_SHARE:
        count = report.background_patterns
        return [f"Removed {count} patterns of the beam, {share:.1%} of the absorption."]
    return ["No background of the beam was found."] if report.empty_area else []


def _reference_text(report: DenoisingReport, *, learned: bool) -> list[str]:
    text = []
    if report.new_features:
        spectra = "the learned spectra" if learned else "the references"
        places = counted(report.new_places or 0, "place is", "places are")
        text.append(f"{places} not explained by {spectra}; kept as measured.")
    if report.detection_limit and not learned:
        text.append(
            f"A phase that is missing among the references is seen in 4 x 4 pixels if what no mixture of them explains "
            f"is about {report.detection_limit:.1g} of the edge jump; in a larger area, less suffices."
        )
    if report.spot_limits and not learned:
        text.append(_spot_text(report.spot_limits))
    return text


def _spot_text(limits: list[float]) -> str:
    """Say how much of a missing phase would have been found."""
    seen = [
        f"{limit:.0%} of a spot of {width} pixels" for width, limit in zip(WIDTHS, limits, strict=True) if limit < 1
    ]
    if not seen:
        return (
            f"A missing phase is found in a single spot of {WIDTHS[-1]} pixels at most if it fills it; in many, less."
        )
    return (
        f"A missing phase with another edge than the references is found, in nine of ten cases, if it makes "
        f"{' or '.join(seen)} in diameter; in many spots, less suffices."
    )


def _warnings(report: DenoisingReport, *, has_background: bool) -> list[str]:
    """Return the sentences after which a value may be wrong."""
    text = []
    offset = report.reference_offset_eV
    if offset:
        word = "low" if offset > 0 else "high"
        text.append(
            f"The references lay {abs(offset):.2f} eV too {word} and were moved; check the energy calibration, and "
            "move them for later fits too."
        )
    if not report.empty_area and not (has_background and (report.background_share or 0.0) > _MIN_BACKGROUND_SHARE):
        text.append(
            "There is no empty area. A background of the beam whose spectrum looks like the sample's can't be told "
            "from the sample: slow changes across the image may not be real."
        )
    if report.unexplained_places:
        places = counted(report.unexplained_places, "place has", "places have")
        text.append(
            f"{places} residuals far beyond the noise that can't be told from artefacts. They were not kept: "
            "look at the stack before denoising there."
        )
    if report.misregistration:
        cause = "" if report.empty_area else ", or the beam changed"
        text.append(f"Edges of the sample change from frame to frame: the frames may not be aligned{cause}.")
    photons_known, chi_square = report.photons_known, report.chi_square or 0.0
    if chi_square > (_MAX_CHI_SQUARE if photons_known else _MAX_CHI_SQUARE_UNKNOWN_PHOTONS):
        noise = "photon noise" if photons_known else "noise between neighbouring energies"
        text.append(
            f"Residuals are {np.sqrt(chi_square):.1f} times the {noise}: references are missing or lie at the "
            "wrong energy, or there is noise of another kind. Do not trust these maps before the cause is found."
        )
    if report.noise_alike is not None and report.noise_alike < _MIN_NEIGHBOUR_RATIO:
        text.append(
            "Neighbouring pixels have similar noise: the stack was smoothed or resampled before, and the errors are "
            "too small. Denoise the measured stack instead."
        )
    if report.shared_residual:
        text.append(
            f"Residuals pooled over large areas share a spectrum of {report.shared_residual:.2%} of the edge jump: a "
            "phase that is missing among the references is spread out, or references lie at the wrong energy. "
            "The errors of the fractions were widened there."
        )
    return text


def _fine_structure_text(report: DenoisingReport) -> list[str]:
    fine = report.fine_structure_share or 0.0
    if fine <= _MIN_FINE_SHARE:
        return []
    return [
        f"In {fine:.1%} of the sample, fractions change within one to three pixels, by more than the noise. A "
        "smooth map contradicts them, so the measured fractions were kept there, with their larger errors."
    ]
