"""Clean the maps of fractions with the chosen method, and fine-tune the network first if that is asked for."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from napari_xanes._typing import BoolArray, Float32Array, Float64Array
from napari_xanes.denoising.background.patterns import Background
from napari_xanes.denoising.design_matrix import DesignMatrix
from napari_xanes.denoising.fractions.cleaning import clean_fractions, clean_ratios, normalize_sum, restore_measured
from napari_xanes.denoising.fractions.estimate import (
    CleanedAmounts,
    estimate_fractions,
    unexplained_fraction_variance,
)
from napari_xanes.denoising.fractions.fine_structure import restore_fine_structure
from napari_xanes.denoising.fractions.fit import fit_pixels, subtract_background
from napari_xanes.denoising.network.adaptation import Adaptation, EnergyHalves, adapt
from napari_xanes.denoising.network.cleaning import clean_maps
from napari_xanes.denoising.precision import WeightedStack, positive_precision
from napari_xanes.progress import Progress, part

_NOT_NOISE = 1.2
"""Factor on the covariance length for errors that are no noise: structure that is lost, what is left of patterns."""


@dataclass(frozen=True)
class MapMethod:
    """The method that cleans the maps of fractions.

    ``network`` is a MixtureNet, or None for total variation and kriging; ``adapt`` tells whether to fine-tune the
    network on the stack first, with random numbers from ``seed``; ``device`` is the device of the network.
    """

    network: Any | None
    adapt: bool
    device: str
    seed: int


@dataclass(frozen=True)
class CleanedFractions:
    """Fractions and their errors (K, Y, X), and how they were cleaned.

    ``adaptation``, its result, None without; ``fine_share``, the share of pixels with fine structure, of those whose
    fractions are known well enough to see it; ``covariance_length``, pixels in a square of this width share their
    error.
    """

    fractions: Float32Array
    sigma: Float32Array
    adaptation: Adaptation | None
    fine_share: float
    covariance_length: float


def cleaned_fractions(
    weighted: WeightedStack,
    design: DesignMatrix,
    offset: Float64Array,
    cleaned: CleanedAmounts,
    precision: Float32Array,
    clear: BoolArray,
    unexplained: float,
    noise_scale: Float32Array,
    method: MapMethod,
    progress: Progress | None,
) -> CleanedFractions:
    """Clean the fractions; keep the measured ones where new features are clear (N, Y, X).

    ``noise_scale`` (Y, X) is the variance of the residuals over that of the noise, at least 1.
    """
    jump = cleaned.jump
    ordinary = np.where(clear.any(axis=0), 0, precision) if len(clear) else precision
    images = (jump, *_mean_absorption(weighted, cleaned.background, design, offset, precision))
    network, adaptation = method.network, None
    if method.adapt and network is not None and not design.learned:
        halves = _halves(weighted, design, offset, cleaned.background, ordinary, images)
        adaptation = adapt(network, halves, seed=method.seed, device=method.device, progress=part(progress, 0.0, 0.5))
        network = adaptation.network

    hidden = unexplained_fraction_variance(0.0 if design.learned else unexplained, jump, design)
    found, examined = (np.zeros(jump.shape, bool) for _ in range(2))
    lengths = [1.0]

    def clean(weighted_estimate: Float32Array, information: Float32Array) -> tuple[Float32Array, Float32Array]:
        last = part(progress, 0.5, 1.0)
        maps, errors = clean_maps(
            weighted_estimate, information, *images, network=network, device=method.device, progress=last
        )
        for i, known in enumerate(information):
            safe = np.maximum(known, 1e-12)
            variance = np.where(known > 0, noise_scale / safe + hidden[i], np.inf)
            fine = restore_fine_structure(maps[i], errors[i], weighted_estimate[i] / safe, variance)
            maps[i], errors[i] = fine.fractions, fine.sigma
            found[fine.found], examined[fine.examined] = True, True
            lengths.append(_covariance_length(variance[fine.examined], fine.sigma[fine.examined]))
        return maps, errors

    estimate = estimate_fractions(cleaned.amounts, jump, ordinary, design)
    fractions, sigma = clean_ratios(estimate, clean) if design.learned else clean_fractions(estimate, clean)
    if clear.any() and len(fractions) > 1:
        measured = estimate_fractions(cleaned.amounts, jump, precision, design)
        fractions, sigma = restore_measured(fractions, sigma, measured, clear)
    if not design.learned and len(fractions) > 1:
        sigma = np.sqrt(sigma**2 + hidden)
        fractions, sigma = normalize_sum(fractions, sigma)
    share = float(found.sum() / max(examined.sum(), 1))
    return CleanedFractions(fractions, sigma, adaptation, share, max(lengths))


def _covariance_length(variance: Float32Array, sigma: Float32Array) -> float:
    """Return the width of a square whose pixels share their error, from the noise before and after cleaning.

    No filter makes the mean of many pixels more certain. If cleaning divides a pixel's error by L, the mean of N pixels
    therefore still has the error before cleaning over the root of N, as if squares of L x L pixels shared one error.
    """
    if variance.size == 0:
        return 1.0
    return max(1.0, _NOT_NOISE * float(np.median(np.sqrt(variance) / sigma)))


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
