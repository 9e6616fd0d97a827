"""The decomposition of a surveyed stack, step by step: background, amounts, new features, fractions.

Longer than 300 lines because the steps hand many values to each other, whose meaning stands here.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from napari_xanes._typing import BoolArray, Float32Array, Float64Array
from napari_xanes.denoising.background.composition import composition_prior
from napari_xanes.denoising.background.patterns import Background
from napari_xanes.denoising.background.search import plausible_background, refine_background
from napari_xanes.denoising.design_matrix import DesignMatrix
from napari_xanes.denoising.fractions.cleaning import clean_baseline, expected_fractions
from napari_xanes.denoising.fractions.estimate import (
    CleanedAmounts,
    clean_amounts,
    edge_jump_variance,
    estimate_fractions,
)
from napari_xanes.denoising.fractions.fit import fit_pixels
from napari_xanes.denoising.fractions.maps import MapMethod, cleaned_fractions
from napari_xanes.denoising.moving_edges import mean_square_shift, precision_at_moving_edges
from napari_xanes.denoising.network.adaptation import Adaptation
from napari_xanes.denoising.novelty.amounts import keep_clear
from napari_xanes.denoising.novelty.search import Novelty, find_novelty, no_novelty
from napari_xanes.denoising.novelty.shared_features import NovelDirections, residual_bins
from napari_xanes.denoising.novelty.shared_residual import SHARED_LENGTH, SharedResidual
from napari_xanes.denoising.precision import WeightedStack, masked_mean
from napari_xanes.denoising.survey import Survey
from napari_xanes.denoising.unexplained import error_beside, shared_residual, total_unexplained_variance
from napari_xanes.progress import Progress, part

_PASSES = ((2.0, 0.06), (1.4, 0.05))
"""For each refinement of the background: strength of the total variation of the expected fractions, and the standard
error of these fractions."""


_PATTERN_LENGTH = 30.0
"""Pixels in a square of this width share what is left of patterns of the beam; without an empty area, all pixels do."""

_NOISE_RADIUS = 4.0  # pixels over which squared residuals are averaged


@dataclass(frozen=True)
class Decomposition:
    """The parts of a stack; maps are (..., Y, X).

    ``fractions``, ``fraction_sigma`` (K, ...) of the references; ``jump``, ``jump_sigma``; ``baseline`` (F, ...),
    amounts of the baseline columns; ``new`` (N, ...), amounts of the new features, and ``novelty``, their
    significance; ``offset`` (E,), the spectrum that was subtracted from every pixel; ``chi_square``, the median
    squared residual over the noise; ``used`` (Y, X), pixels that could be used; ``adaptation``, its result, None
    without; ``fine_share``, as in `CleanedFractions`; ``shared_residual``, None without;
    ``spot_limits``, as in `Novelty`; ``covariance_length`` in pixels; ``neighbour_ratio``, as in `PixelFit`.
    """

    fractions: Float32Array
    fraction_sigma: Float32Array
    jump: Float32Array
    jump_sigma: Float32Array
    baseline: Float32Array
    new: Float32Array
    novelty: Float32Array
    offset: Float64Array
    background: Background | None
    directions: NovelDirections
    chi_square: float
    has_air: bool
    used: BoolArray
    adaptation: Adaptation | None
    fine_share: float
    shared_residual: SharedResidual | None
    spot_limits: list[float]
    covariance_length: float
    neighbour_ratio: float

    def columns_and_maps(self, design: DesignMatrix) -> tuple[Float64Array, Float32Array]:
        """Return columns (E, N) and maps (N, Y, X) whose product is the cleaned stack; NaN in unusable pixels."""
        columns = np.concatenate([design.columns, self.directions.new], axis=1) / design.root_weight[:, None]
        maps = np.concatenate([self.jump * self.fractions, self.baseline, self.new])
        maps[:, ~self.used] = np.nan
        return columns, maps


@dataclass(frozen=True)
class FittedStack:
    """The background and the amounts of a stack, before new features are looked for.

    ``cleaned``, amounts without the background; ``unexplained``, variance per energy that nothing explains;
    ``precision`` and ``chi_square`` (Y, X), mean squared residual over the noise; ``offset`` (E,), the spectrum that
    was subtracted from every pixel, and ``has_air``, whether it is that of an empty area; ``neighbour_ratio``, as in
    `PixelFit`.
    """

    cleaned: CleanedAmounts
    unexplained: float
    precision: Float32Array
    chi_square: Float32Array
    offset: Float64Array
    has_air: bool
    neighbour_ratio: float


@dataclass(frozen=True)
class ExplainedStack:
    """What explains a stack before the fractions are cleaned.

    ``fitted``, its background and amounts; ``novelty``, new features; ``shared_residual``, None without.
    """

    fitted: FittedStack
    novelty: Novelty
    shared_residual: SharedResidual | None


def fit_amounts(
    survey: Survey,
    design: DesignMatrix,
    offset: Float64Array,
    *,
    has_air: bool,
    background: bool,
    progress: Progress | None = None,
) -> tuple[FittedStack, Float32Array]:
    """Find the background and the amounts of a stack; return them, and bins without what they explain, (E, y, x).

    Parameters
    ----------
    survey : Survey
        The stack; its binned means are those of `subtract_offset`, and those of the sample are overwritten.
    design : DesignMatrix
        Columns of the fit.
    offset : ndarray, shape (E,)
        Spectrum to subtract from every pixel.
    has_air : bool
        Whether the offset is the spectrum of an empty area.
    background : bool
        Whether to look for patterns of the beam.
    """
    weighted = survey.weighted
    fit = fit_pixels(weighted, design, offset, part(progress, 0.0, 0.6))
    chi_square = np.multiply(fit.mean_square, weighted.precision, out=fit.mean_square)
    precision = _rescaled_precision(weighted, chi_square)
    patterns = plausible_background(survey.binned, design) if background and has_air else None
    _report(progress, 0.9, "background")
    cleaned = clean_amounts(fit.amounts, patterns, precision, design)
    if patterns is not None and not design.learned and design.references.shape[1] > 1:
        cleaned = _refined_amounts(survey, design, fit.amounts, precision, patterns, cleaned)
    unexplained = total_unexplained_variance(survey, design, cleaned.background, offset, has_air)
    residual = residual_bins(survey.binned, design, cleaned.background, has_air=has_air)
    fitted = FittedStack(
        cleaned=cleaned,
        unexplained=unexplained,
        precision=precision,
        chi_square=chi_square,
        offset=offset,
        has_air=has_air,
        neighbour_ratio=fit.neighbour_ratio,
    )
    return fitted, residual


def explain(
    fitted: FittedStack,
    residual: Float32Array,
    survey: Survey,
    design: DesignMatrix,
    *,
    keep_new: bool,
    progress: Progress | None = None,
) -> ExplainedStack:
    """Find new features beside the amounts of a stack.

    Parameters
    ----------
    fitted : FittedStack
        Its background and its amounts.
    residual : ndarray, shape (E, y, x)
        Bins without what these explain.
    survey : Survey
        The stack; the values of its bins are not used.
    design : DesignMatrix
        Columns of the fit.
    keep_new : bool
        Whether to look for new features, and keep them.
    """
    cleaned, precision = fitted.cleaned, fitted.precision
    novelty = no_novelty(fitted.offset.size, precision.shape)
    if keep_new:
        novelty = find_novelty(
            survey,
            design,
            cleaned.background,
            fitted.offset,
            precision,
            residual,
            cleaned.jump,
            has_air=fitted.has_air,
            progress=progress,
        )
    shared = shared_residual(survey, design, cleaned, novelty, residual, has_air=fitted.has_air)
    return ExplainedStack(fitted, novelty, shared)


def decompose(
    explained: ExplainedStack,
    weighted: WeightedStack,
    design: DesignMatrix,
    *,
    method: MapMethod,
    progress: Progress | None = None,
) -> Decomposition:
    """Clean the fractions of an explained stack, and return all its parts.

    Parameters
    ----------
    explained : ExplainedStack
        What explains the stack.
    weighted : WeightedStack
        The stack.
    design : DesignMatrix
        Columns of the fit.
    method : MapMethod
        Method that cleans the maps of fractions.
    """
    fitted, novelty, shared = explained.fitted, explained.novelty, explained.shared_residual
    cleaned, precision = fitted.cleaned, fitted.precision
    chi_square, unexplained = fitted.chi_square, fitted.unexplained
    square_shift = mean_square_shift(precision, chi_square, weighted.mean_depth)
    fractions = cleaned_fractions(
        weighted,
        design,
        fitted.offset,
        cleaned,
        precision_at_moving_edges(precision, weighted.mean_depth, square_shift),
        novelty.clear,
        unexplained,
        _noise_scale(weighted, chi_square),
        method,
        progress,
        square_shift=square_shift,
        hidden_length=_PATTERN_LENGTH if fitted.has_air else float(np.sqrt(cleaned.jump.size)),
    )
    new = keep_clear(novelty.amounts, precision, novelty.clear)
    sigma = fractions.sigma
    if len(new):
        sigma = np.hypot(sigma, error_beside(new, novelty.directions.new, cleaned.jump, design))
    jump_sigma = np.hypot(cleaned.jump_sigma, np.float32(np.sqrt(unexplained * edge_jump_variance(design))))
    return Decomposition(
        fractions=fractions.fractions,
        fraction_sigma=sigma if shared is None else np.hypot(sigma, shared.fraction_sigma),
        jump=cleaned.jump,
        jump_sigma=jump_sigma,
        baseline=clean_baseline(cleaned.amounts, cleaned.jump * fractions.fractions, precision, design),
        new=new,
        novelty=novelty.significance,
        offset=fitted.offset,
        background=cleaned.background,
        directions=novelty.directions,
        chi_square=float(np.median(chi_square[precision > 0])),
        has_air=fitted.has_air,
        used=weighted.precision > 0,
        adaptation=fractions.adaptation,
        fine_share=fractions.fine_share,
        shared_residual=shared,
        spot_limits=novelty.limits,
        covariance_length=max(fractions.covariance_length, 0.0 if shared is None else SHARED_LENGTH),
        neighbour_ratio=fitted.neighbour_ratio,
    )


def _report(progress: Progress | None, done: float, message: str) -> None:
    if progress is not None:
        progress(done, message)


def _rescaled_precision(weighted: WeightedStack, chi_square: Float32Array) -> Float32Array:
    """Return the precision; if the photons are not known, divided by the local mean of the squared residuals."""
    if weighted.photons_known:
        return weighted.precision
    local = masked_mean(chi_square, weighted.precision > 0, 2)
    return np.asarray(weighted.precision / np.maximum(local, 1e-6), np.float32)


def _noise_scale(weighted: WeightedStack, chi_square: Float32Array) -> Float32Array:
    """Return the local mean of the squared residuals over the noise, at least 1; 1 if it is the noise."""
    if not weighted.photons_known:
        return np.ones_like(chi_square)
    return np.maximum(masked_mean(chi_square, weighted.precision > 0, _NOISE_RADIUS), 1)


def _refined_amounts(
    survey: Survey,
    design: DesignMatrix,
    fitted: Float32Array,
    precision: Float32Array,
    background: Background,
    cleaned: CleanedAmounts,
) -> CleanedAmounts:
    """Alternate between expected fractions and the background that they leave."""
    sample_precision = np.where(survey.air, 0, precision)
    for strength, fraction_error in _PASSES:
        estimate = estimate_fractions(cleaned.amounts, cleaned.jump, precision, design)
        fractions = expected_fractions(estimate, strength)
        del estimate
        prior = composition_prior(survey.binned, sample_precision, cleaned.jump, fractions, design, fraction_error)
        background = refine_background(background, survey.binned, design, prior)
        cleaned = clean_amounts(fitted, background, precision, design)
    return cleaned
