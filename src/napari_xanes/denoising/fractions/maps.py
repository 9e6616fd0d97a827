"""Clean the maps of fractions with the chosen method, and fine-tune the network first if that is asked for."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from napari_xanes._typing import BoolArray, Float32Array, Float64Array
from napari_xanes.denoising.background.patterns import Background
from napari_xanes.denoising.design_matrix import DesignMatrix
from napari_xanes.denoising.fractions.calibration import (
    HIDDEN_MARGIN,
    calibrate,
    calibrated_sigma,
    error_parts,
)
from napari_xanes.denoising.fractions.cleaning import clean_fractions, clean_ratios, normalize_sum, restore_measured
from napari_xanes.denoising.fractions.estimate import (
    CleanedAmounts,
    estimate_fractions,
    unexplained_fraction_variance,
)
from napari_xanes.denoising.fractions.fine_structure import restore_fine_structure
from napari_xanes.denoising.fractions.held_out import (
    Box,
    Images,
    compared_boxes,
    energy_halves,
    halves_in_box,
    held_out,
)
from napari_xanes.denoising.fractions.motion import FrameMotion
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
    network on the stack first, with random numbers from ``seed``; ``device`` is the device of the network;
    ``calibrated``, whether errors are calibrated on energies that are held out.
    """

    network: Any | None
    adapt: bool
    device: str
    seed: int
    calibrated: bool


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
    *,
    square_shift: float,
    hidden_length: float,
) -> CleanedFractions:
    """Clean the fractions; keep the measured ones where new features are clear (N, Y, X).

    ``noise_scale`` (Y, X) is the variance of the residuals over that of the noise, at least 1; ``square_shift``, the
    mean squared shift of the frames; ``hidden_length`` in pixels, the range over which the unexplained variance is
    shared.
    """
    jump = cleaned.jump
    ordinary = np.where(clear.any(axis=0), 0, precision) if len(clear) else precision
    images = (jump, *_mean_absorption(weighted, cleaned.background, design, offset, precision))
    network, adaptation = method.network, None
    if method.adapt and network is not None and not design.learned:
        halves = energy_halves(weighted, design, offset, cleaned.background, ordinary, images, square_shift)
        adaptation = adapt(network, halves, seed=method.seed, device=method.device, progress=part(progress, 0.0, 0.5))
        network = adaptation.network

    hidden = _Hidden(0.0 if design.learned else unexplained, jump, design)
    margin = np.float32(HIDDEN_MARGIN**2)
    found, examined = (np.zeros(jump.shape, bool) for _ in range(2))
    lengths = [1.0]
    boxes: list[tuple[Box, EnergyHalves]] = []
    if method.calibrated and not design.learned:
        boxes = [
            (box, halves_in_box(box, weighted, design, offset, cleaned.background, ordinary, images, square_shift))
            for box in compared_boxes(ordinary > 0)
        ]

    def clean_half(
        weighted_estimate: Float32Array, information: Float32Array, images: Images
    ) -> tuple[Float32Array, Float32Array]:
        half, error = clean_maps(
            weighted_estimate[None], information[None], *images, network=network, device=method.device
        )
        return half[0], error[0]

    def clean(weighted_estimate: Float32Array, information: Float32Array) -> tuple[Float32Array, Float32Array]:
        last = part(progress, 0.5, 1.0)
        maps, errors = clean_maps(
            weighted_estimate, information, *images, network=network, device=method.device, progress=last
        )
        for i, known in enumerate(information):
            safe = np.maximum(known, 1e-12)
            noise = np.where(known > 0, noise_scale / safe, np.inf).astype(np.float32, copy=False)
            fine = restore_fine_structure(maps[i], errors[i], weighted_estimate[i] / safe, noise + hidden[i])
            if boxes:
                whole, other = errors[i], hidden[i]
                factors = calibrate(
                    [held_out(box, halves, i, clean_half, noise_scale, other, whole) for box, halves in boxes]
                )
                del other
                kinds = error_parts(fine.fractions, fine.sigma, jump, known > 0)
                # Where measured fractions were kept, their error is that of the noise.
                fine = replace(fine, sigma=np.where(fine.found, fine.sigma, calibrated_sigma(kinds, factors)))
            maps[i], errors[i] = fine.fractions, fine.sigma
            found[fine.found], examined[fine.examined] = True, True
            of = fine.examined
            lengths.append(covariance_length(noise[of], fine.sigma[of], margin * hidden[i][of], hidden_length))
        return maps, errors

    motion = FrameMotion(square_shift, *images[:2])
    estimate = motion.without(estimate_fractions(cleaned.amounts, jump, ordinary, design), design)
    fractions, sigma = clean_ratios(estimate, clean) if design.learned else clean_fractions(estimate, clean)
    del estimate
    if clear.any() and len(fractions) > 1:
        measured = motion.without(estimate_fractions(cleaned.amounts, jump, precision, design), design)
        fractions, sigma = restore_measured(fractions, sigma, measured, clear)
    if not design.learned and len(fractions) > 1:
        for i, error in enumerate(sigma):
            np.sqrt(error**2 + margin * hidden[i], out=error)
        fractions, sigma = normalize_sum(fractions, sigma)
    share = float(found.sum() / max(examined.sum(), 1))
    return CleanedFractions(fractions, sigma, adaptation, share, max(lengths))


@dataclass(frozen=True)
class _Hidden:
    """The variance of each fraction that an unexplained variance per energy adds: one map at a time, (Y, X)."""

    unexplained: float
    jump: Float32Array
    design: DesignMatrix

    def __getitem__(self, number: int) -> Float32Array:
        factors = unexplained_fraction_variance(self.unexplained, np.ones((1, 1), np.float32), self.design)
        return np.asarray(factors[number] / self.jump**2, np.float32)


def covariance_length(noise: Float32Array, sigma: Float32Array, hidden: Float32Array, hidden_length: float) -> float:
    """Return the width of a square whose pixels share their error, from the noise before and after cleaning.

    No filter makes the mean of many pixels more certain. If cleaning divides a pixel's error by L, the mean of N pixels
    therefore still has the error before cleaning over the root of N, as if squares of L x L pixels shared one error.
    Variances of means add: that of the noise and that of what is hidden.

    Parameters
    ----------
    noise, sigma, hidden : ndarray, shape (N,)
        Of some pixels: variance before cleaning, standard error after it, and the variance that is hidden beside both.
    hidden_length : float
        Pixels in a square of this width share what is hidden.

    Examples
    --------
    >>> one = np.ones(1, np.float32)
    >>> round(covariance_length(0.04 * one, 0.04 * one, 0 * one, 30), 2), round(covariance_length(one, one, one, 30), 1)
    (6.0, 21.2)
    """
    if noise.size == 0:
        return 1.0
    local = sigma**2
    square = _NOT_NOISE**2 * np.maximum(noise, local) + hidden * hidden_length**2
    return max(1.0, float(np.sqrt(np.median(square / (local + hidden)))))


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
