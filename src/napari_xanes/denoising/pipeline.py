"""The decomposition of a surveyed stack, step by step: background, amounts, new features, fractions."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from napari_xanes._typing import BoolArray, Float32Array, Float64Array
from napari_xanes.denoising.background.composition import composition_prior
from napari_xanes.denoising.background.patterns import Background
from napari_xanes.denoising.background.search import plausible_background, refine_background
from napari_xanes.denoising.design_matrix import DesignMatrix
from napari_xanes.denoising.filters.non_local_means import clean_edge_jump
from napari_xanes.denoising.fractions.cleaning import (
    clean_baseline,
    clean_fractions,
    clean_ratios,
    expected_fractions,
    normalize_sum,
    restore_measured,
)
from napari_xanes.denoising.fractions.estimate import (
    edge_jump_variance,
    estimate_edge_jump,
    estimate_fractions,
    unexplained_fraction_variance,
    unexplained_variance,
)
from napari_xanes.denoising.fractions.fit import fit_pixels, subtract_background
from napari_xanes.denoising.network.adaptation import Adaptation, EnergyHalves, adapt
from napari_xanes.denoising.network.cleaning import clean_maps
from napari_xanes.denoising.novelty.amounts import keep_clear
from napari_xanes.denoising.novelty.search import find_novelty, no_novelty
from napari_xanes.denoising.novelty.shared_features import NovelDirections
from napari_xanes.denoising.precision import WeightedStack, masked_mean, positive_precision
from napari_xanes.denoising.survey import Survey
from napari_xanes.progress import Progress, part

_PASSES = ((2.0, 0.06), (1.4, 0.05))
"""For each refinement of the background: strength of the total variation of the expected fractions, and the standard
error of these fractions."""

_MIN_NOISE_LEFT, _NOISE_RADIUS = 0.6, 2.0
"""Smallest share of an edge jump's noise that counts as left after cleaning, and the radius in pixels over which the
removed part is measured. If little was removed, much noise is left; if more than the noise was removed, structure was
removed as well."""


@dataclass(frozen=True)
class Decomposition:
    """The parts of a stack; maps are (..., Y, X).

    ``fractions``, ``fraction_sigma`` (K, ...) of the references; ``jump``, ``jump_sigma``; ``baseline`` (F, ...),
    amounts of the baseline columns; ``new`` (N, ...), amounts of the new features, and ``novelty``, their
    significance; ``offset`` (E,), the spectrum that was subtracted from every pixel; ``chi_square``, the median
    squared residual over the noise; ``used`` (Y, X), pixels that could be used; ``adaptation``, its result, None
    without; ``neighbour_ratio``, as in `PixelFit`.
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
    neighbour_ratio: float

    def columns_and_maps(self, design: DesignMatrix) -> tuple[Float64Array, Float32Array]:
        """Return columns (E, N) and maps (N, Y, X) whose product is the cleaned stack; NaN in unusable pixels."""
        columns = np.concatenate([design.columns, self.directions.new], axis=1) / design.root_weight[:, None]
        maps = np.concatenate([self.jump * self.fractions, self.baseline, self.new])
        maps[:, ~self.used] = np.nan
        return columns, maps


@dataclass(frozen=True)
class _Amounts:
    """Fitted amounts without the background (K + F, Y, X), and the cleaned edge jump with its error, (Y, X)."""

    background: Background | None
    amounts: Float32Array
    jump: Float32Array
    jump_sigma: Float32Array


def decompose(
    survey: Survey,
    design: DesignMatrix,
    offset: Float64Array,
    *,
    has_air: bool,
    background: bool,
    network: Any | None,
    adapt_network: bool,
    keep_new: bool,
    device: str,
    seed: int,
    progress: Progress | None = None,
) -> Decomposition:
    """Decompose a stack.

    Parameters
    ----------
    survey : Survey
        The stack; its binned means are those of `subtract_offset`.
    design : DesignMatrix
        Columns of the fit.
    offset : ndarray, shape (E,)
        Spectrum to subtract from every pixel.
    has_air : bool
        Whether the offset is the spectrum of an empty area.
    background : bool
        Whether to look for patterns of the beam.
    network : MixtureNet or None
        Cleans the fractions; None means total variation and kriging.
    adapt_network : bool
        Whether to adapt the network to the stack first.
    keep_new : bool
        Whether to look for new features, and keep them.
    device : str
        Device of the network.
    seed : int
        Seed of the adaptation.
    """
    weighted, binned = survey.weighted, survey.binned
    fit = fit_pixels(weighted, design, offset, part(progress, 0.0, 0.15))
    chi_square = fit.mean_square * weighted.precision
    precision = _rescaled_precision(weighted, chi_square)
    patterns = plausible_background(binned, design) if background and has_air else None
    _report(progress, 0.3, "background")
    cleaned = _clean_amounts(fit.amounts, patterns, precision, design)
    if patterns is not None and not design.learned and design.references.shape[1] > 1:
        cleaned = _refined_amounts(survey, design, fit.amounts, precision, patterns, cleaned)
    _report(progress, 0.5, "new features")
    patterns, jump = cleaned.background, cleaned.jump
    if keep_new:
        search = part(progress, 0.5, 0.6)
        novelty = find_novelty(survey, design, patterns, offset, precision, has_air=has_air, progress=search)
    else:
        novelty = no_novelty(offset.size, precision.shape)
    clear = novelty.clear
    ordinary = np.where(clear.any(axis=0), 0, precision) if len(clear) else precision
    estimate = estimate_fractions(cleaned.amounts, jump, ordinary, design)
    images = (jump, *_mean_absorption(weighted, patterns, design, offset, precision))
    adaptation = None
    if adapt_network and network is not None and not design.learned:
        halves = _halves(weighted, design, offset, patterns, ordinary, images)
        adaptation = adapt(network, halves, seed=seed, device=device, progress=part(progress, 0.6, 0.8))
        network = adaptation.network

    def clean(weighted_estimate: Float32Array, information: Float32Array) -> tuple[Float32Array, Float32Array]:
        last = part(progress, 0.8, 1.0)
        return clean_maps(weighted_estimate, information, *images, network=network, device=device, progress=last)

    fractions, sigma = clean_ratios(estimate, clean) if design.learned else clean_fractions(estimate, clean)
    if clear.any() and len(fractions) > 1:
        measured = estimate_fractions(cleaned.amounts, jump, precision, design)
        fractions, sigma = restore_measured(fractions, sigma, measured, clear)
    unexplained = unexplained_variance(binned, design, patterns)
    if not has_air:  # the unknown part of the offset within the design is as large as the known part outside
        unexplained += float(np.sum((offset * design.root_weight) ** 2)) / (offset.size - design.columns.shape[1])
    if not design.learned and len(fractions) > 1:
        sigma = np.sqrt(sigma**2 + unexplained_fraction_variance(unexplained, jump, design))
        fractions, sigma = normalize_sum(fractions, sigma)
    jump_sigma = np.hypot(cleaned.jump_sigma, np.sqrt(unexplained * edge_jump_variance(design)))
    return Decomposition(
        fractions=fractions,
        fraction_sigma=sigma,
        jump=jump,
        jump_sigma=jump_sigma.astype(np.float32),
        baseline=clean_baseline(cleaned.amounts, jump * fractions, precision, design),
        new=keep_clear(novelty.amounts, precision, clear),
        novelty=novelty.significance,
        offset=offset,
        background=patterns,
        directions=novelty.directions,
        chi_square=float(np.median(chi_square[precision > 0])),
        has_air=has_air,
        used=weighted.precision > 0,
        adaptation=adaptation,
        neighbour_ratio=fit.neighbour_ratio,
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


def _clean_amounts(
    fitted: Float32Array, background: Background | None, precision: Float32Array, design: DesignMatrix
) -> _Amounts:
    """Subtract the background from fitted amounts and clean the edge jump.

    The error of the edge jump is that of the noise that is left, and of structure that was removed.
    """
    from scipy.ndimage import gaussian_filter

    amounts = subtract_background(fitted, background, design)
    jump, sigma = estimate_edge_jump(amounts, precision, design)
    cleaned = clean_edge_jump(jump, sigma)
    removed = np.sqrt(gaussian_filter((jump - cleaned) ** 2 / sigma**2, _NOISE_RADIUS))
    noise_left = np.maximum(np.abs(1 - removed), _MIN_NOISE_LEFT)
    return _Amounts(background, amounts, cleaned, (noise_left * sigma).astype(np.float32))


def _refined_amounts(
    survey: Survey,
    design: DesignMatrix,
    fitted: Float32Array,
    precision: Float32Array,
    background: Background,
    cleaned: _Amounts,
) -> _Amounts:
    """Alternate between expected fractions and the background that they leave."""
    sample_precision = np.where(survey.air, 0, precision)
    for strength, fraction_error in _PASSES:
        estimate = estimate_fractions(cleaned.amounts, cleaned.jump, precision, design)
        fractions = expected_fractions(estimate, strength)
        prior = composition_prior(survey.binned, sample_precision, cleaned.jump, fractions, design, fraction_error)
        background = refine_background(background, survey.binned, design, prior)
        cleaned = _clean_amounts(fitted, background, precision, design)
    return cleaned


def _halves(
    weighted: WeightedStack,
    design: DesignMatrix,
    offset: Float64Array,
    background: Background | None,
    precision: Float32Array,
    images: tuple[Float32Array, Float32Array, Float32Array],
) -> EnergyHalves:
    """Estimate the fractions from every second energy, and from the other energies."""
    estimates = []
    for first in (0, 1):
        half = (np.arange(offset.size) % 2 == first).astype(np.float64)
        half_design = replace(
            design,
            references=design.references * half[:, None],
            baseline=design.baseline * half[:, None],
            root_weight=design.root_weight * half,
        )
        fit = fit_pixels(weighted, half_design, offset)
        amounts = subtract_background(fit.amounts, background, half_design)
        estimates.append(estimate_fractions(amounts, images[0], precision, half_design))
    return EnergyHalves(
        np.stack([estimate.weighted_estimate for estimate in estimates]),
        np.stack([estimate.information for estimate in estimates]),
        images,
    )


def _mean_absorption(
    weighted: WeightedStack,
    background: Background | None,
    design: DesignMatrix,
    offset: Float64Array,
    precision: Float32Array,
) -> tuple[Float32Array, Float32Array]:
    """Return the mean optical depth without background, and its standard error, (Y, X)."""
    mean_depth = weighted.mean_depth - np.float32(offset.mean())
    if background is not None:
        mean_modes = (background.modes / design.root_weight[:, None]).mean(axis=0)[None]
        mean_depth = mean_depth - background.enlarged(mean_modes, mean_depth.shape)[0]
    sigma = 1 / np.sqrt(positive_precision(precision) * offset.size)
    return mean_depth, sigma.astype(np.float32)
