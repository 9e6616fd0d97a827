"""Clean one half of the energies and compare with the other half, in a part of the image."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from napari_xanes._typing import BoolArray, Float32Array, Float64Array
from napari_xanes.denoising.background.patterns import Background
from napari_xanes.denoising.binning import BIN
from napari_xanes.denoising.design_matrix import DesignMatrix
from napari_xanes.denoising.fractions.calibration import HeldOut
from napari_xanes.denoising.fractions.estimate import estimate_fractions
from napari_xanes.denoising.fractions.fit import fit_pixels, subtract_background
from napari_xanes.denoising.fractions.motion import FrameMotion
from napari_xanes.denoising.network.adaptation import EnergyHalves
from napari_xanes.denoising.precision import WeightedStack

Images = tuple[Float32Array, Float32Array, Float32Array]
Box = tuple[slice, slice]

_WHOLE, _SIDE, _MOST_BOXES = 256 * 256, 32 * BIN, 4
"""Number of pixels up to which a whole image is compared; of a larger one, so many squares of this side."""


def energy_halves(
    weighted: WeightedStack,
    design: DesignMatrix,
    offset: Float64Array,
    background: Background | None,
    precision: Float32Array,
    images: Images,
    square_shift: float,
) -> EnergyHalves:
    """Estimate the fractions from every second energy, and from the other energies.

    ``images`` are the edge jump, the mean absorption and its error, (Y, X); ``square_shift`` is that of
    `mean_square_shift`.
    """
    estimates = []
    motion = FrameMotion(square_shift, *images[:2])
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
        estimate = estimate_fractions(amounts, images[0], precision, half_design)
        estimates.append(motion.without(estimate, half_design))
    return EnergyHalves(
        np.stack([estimate.weighted_estimate for estimate in estimates]),
        np.stack([estimate.information for estimate in estimates]),
        images,
    )


def compared_boxes(used: BoolArray) -> list[Box]:
    """Return which parts of an image (Y, X) are compared: all of a small one, else squares with much of the sample."""
    height, width = used.shape
    if height * width <= _WHOLE:
        return [(slice(0, height), slice(0, width))]
    rows, columns = (range(0, max(size - _SIDE, 0) + 1, _SIDE) for size in (height, width))
    boxes = [(slice(y, min(y + _SIDE, height)), slice(x, min(x + _SIDE, width))) for y in rows for x in columns]
    counts = np.array([np.count_nonzero(used[box]) for box in boxes])
    full = np.flatnonzero(counts >= max(counts.max() / 2, 1))
    chosen = full[np.unique(np.linspace(0, len(full) - 1, _MOST_BOXES).astype(int))] if len(full) else full
    return [boxes[i] for i in chosen]


def held_out(
    box: Box,
    halves: EnergyHalves,
    index: int,
    clean: Callable[[Float32Array, Float32Array, Images], tuple[Float32Array, Float32Array]],
    noise_scale: Float32Array,
    hidden: Float32Array,
    whole_sigma: Float32Array,
) -> HeldOut:
    """Clean the map of one reference from the first half in a box, and return it with the second half.

    Parameters
    ----------
    box : tuple of slice
        The box.
    halves : EnergyHalves
        Both halves in the box.
    index : int
        Number of the reference.
    clean : callable
        Cleans a weighted estimate with its information and images in the box; returns the map and its error.
    noise_scale, hidden, whole_sigma : ndarray, shape (Y, X)
        Of the whole image: variance of the residuals over that of the noise; variance for another reason; expected
        error of the cleaned map.
    """
    weighted, information = halves.weighted_estimate[:, index], halves.information[:, index]
    known = np.all(information > 0, axis=0)
    safe = np.maximum(information, 1e-12)
    noise = np.where(known, noise_scale[box] / safe, np.inf).astype(np.float32)
    cleaned, sigma = clean(weighted[0], information[0], halves.images)
    return HeldOut(
        cleaned, sigma, weighted[1] / safe[1], noise[1], hidden[box], noise[0], halves.images[0], whole_sigma[box]
    )


def halves_in_box(
    box: Box,
    weighted: WeightedStack,
    design: DesignMatrix,
    offset: Float64Array,
    background: Background | None,
    precision: Float32Array,
    images: Images,
    square_shift: float,
) -> EnergyHalves:
    """Return `energy_halves` of a part of the image that starts at bins."""
    inside = None if background is None else background.isel(box)
    jump, absorption, error = (image[box] for image in images)
    return energy_halves(
        weighted.isel(box), design, offset, inside, precision[box], (jump, absorption, error), square_shift
    )
