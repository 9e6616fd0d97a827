"""What is asked of an estimate, as pure functions of images, and all of it at once for one measurement."""

from __future__ import annotations

from dataclasses import dataclass
from math import nan

import numpy as np
from benchmarks.denoise.cases import Measurement
from benchmarks.denoise.edges import Edge
from benchmarks.denoise.rivals import Estimate
from numpy.typing import NDArray

from napari_xanes._typing import BoolArray

Image = NDArray[np.floating]

FINE = 2.0
"""Structures finer than a Gaussian of this many pixels count as fine contrast."""

KEPT = 0.1
"""Share of the edge jump above which a phase outside the references has to be found."""

CERTAIN = 4.5
"""Standard errors above which a pixel counts as said to be new."""


@dataclass(frozen=True)
class Score:
    """Scores of one estimate; NaN where the estimate or the case has no such thing.

    Parameters
    ----------
    rmse, bias : float
        Of the valence (0 to 1) where it is scored.
    contrast : float
        Fine-contrast gain of the valence.
    precision : float
        Average precision of the novelty map for the phase outside the references; of its amount in the cleaned stack
        if the method has no such map.
    precision_stack : float
        The same, of its amount in the cleaned stack.
    kept : float
        Share of the phase's amplitude in the cleaned stack.
    within_1, within_2 : float
        Share of scored pixels within one and two standard errors of the truth.
    offset_error : float
        Distance of the offset of the references that was found from the true one, in eV.
    invented : float
        Share of pixels far from anything new that are said to be new.
    n_new : float
        Number of new spectra found.
    """

    rmse: float
    bias: float
    contrast: float = nan
    precision: float = nan
    precision_stack: float = nan
    kept: float = nan
    within_1: float = nan
    within_2: float = nan
    offset_error: float = nan
    invented: float = nan
    n_new: float = nan


def rmse(estimate: Image, truth: Image, where: BoolArray) -> float:
    """Root of the mean squared error over the pixels of a mask."""
    return float(np.sqrt(np.mean((estimate[where] - truth[where]) ** 2)))


def high_passed(image: Image, where: BoolArray, sigma: float = FINE) -> Image:
    """An image minus its Gaussian mean of `sigma` pixels, in which only pixels of the mask take part."""
    from scipy.ndimage import gaussian_filter

    share = gaussian_filter(where.astype(np.float64), sigma)
    smooth = gaussian_filter(np.where(where, image, 0.0).astype(np.float64), sigma) / np.maximum(share, 1e-9)
    result: Image = np.where(where, image - smooth, 0.0)
    return result


def contrast_gain(estimate: Image, truth: Image, where: BoolArray) -> float:
    """Slope of the regression of the estimate's fine structures on the truth's: 1 if all are kept, 0 if none.

    Noise in the estimate doesn't change its expectation. NaN where the truth has no fine structure.
    """
    fine, true = high_passed(estimate, where)[where], high_passed(truth, where)[where]
    power = float(np.mean(true**2))
    return float(np.mean(fine * true)) / power if power > 1e-8 else nan


def average_precision(score: Image, truth: BoolArray) -> float:
    """Area under precision over recall, pixels taken in the order of falling score; equal scores count at once."""
    from sklearn.metrics import average_precision_score

    return float(average_precision_score(truth.ravel(), score.ravel())) if truth.any() else nan


def amplitude_kept(estimate: Image, truth: Image, where: BoolArray) -> float:
    """Slope through the origin of estimated over true amounts in the pixels of a mask."""
    return float(np.sum(estimate[where] * truth[where]) / np.sum(truth[where] ** 2)) if where.any() else nan


def coverage(estimate: Image, sigma: Image, truth: Image, where: BoolArray, factor: float) -> float:
    """Share of the pixels of a mask whose error is at most `factor` standard errors."""
    return float(np.mean(np.abs(estimate[where] - truth[where]) <= factor * sigma[where]))


def stranger_amount(depth: NDArray[np.floating], edge: Edge) -> Image:
    """Amount (Y, X) of the phase outside the references in a stack (E, Y, X), beside them and a smooth background."""
    power = (edge.energy / edge.energy[0]) ** -3
    known = np.column_stack([*(one.at(edge.energy) for one in edge.references), np.ones_like(power), power])
    new = edge.stranger.at(edge.energy)
    beside = new - known @ np.linalg.lstsq(known, new, rcond=None)[0]
    amount: Image = np.tensordot(beside / (beside @ beside), depth, 1)
    return np.nan_to_num(amount)  # nothing is said of pixels that could not be used


def near(where: BoolArray, distance: int = 4) -> BoolArray:
    """The pixels of a mask and those at most `distance` pixels up, down, left or right of them."""
    from scipy.ndimage import binary_dilation

    result: BoolArray = binary_dilation(where, iterations=distance)
    return result


def score(estimate: Estimate, one: Measurement) -> Score:
    """All scores of an estimate."""
    truth, where, found = one.truth, one.scored, {}
    strange = truth.stranger > KEPT
    if strange.any() and estimate.depth is not None:
        amount = stranger_amount(estimate.depth, one.edge)
        found["precision"] = found["precision_stack"] = average_precision(amount, strange)
        found["kept"] = amplitude_kept(amount, truth.jump * truth.stranger, strange)
    if estimate.novelty is not None:
        found["invented"] = float(np.mean(estimate.novelty[~near(truth.stranger > 0)] > CERTAIN))
        found["n_new"] = float(estimate.n_new)
        if strange.any():
            found["precision"] = average_precision(estimate.novelty, strange)
    if estimate.sigma is not None:
        for factor in (1, 2):
            found[f"within_{factor}"] = coverage(estimate.valence, estimate.sigma, truth.valence, where, factor)
    if estimate.offset is not None:
        found["offset_error"] = abs(estimate.offset - one.offset)
    return Score(
        rmse=rmse(estimate.valence, truth.valence, where),
        bias=float(np.mean(estimate.valence[where] - truth.valence[where])),
        contrast=contrast_gain(estimate.valence, truth.valence, where),
        **found,
    )
