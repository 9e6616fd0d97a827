"""Scores of an estimate as pure functions of images, and all scores of one measurement."""

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
"""A method has to find an unknown phase if its share of the edge jump is larger than this."""

CERTAIN = 4.5
"""A pixel counts as new if its significance is larger than this many standard errors."""


@dataclass(frozen=True)
class Score:
    """Scores of one estimate; NaN if a score does not apply.

    Parameters
    ----------
    rmse, bias : float
        Error and bias of the valence (0 to 1) where it is scored.
    contrast : float
        Fine-contrast gain of the valence.
    precision : float
        Average precision of the novelty map for the unknown phase; without a novelty map, that of the amount of the
        phase in the cleaned stack.
    precision_stack : float
        Average precision of the amount of the phase in the cleaned stack.
    kept : float
        Share of the phase's amplitude in the cleaned stack.
    within_1, within_2 : float
        Share of scored pixels within one and two standard errors of the truth.
    offset_error : float
        Error of the estimated energy offset of the references, in eV.
    invented : float
        Share of pixels far from the unknown phase that are reported as new.
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
    """Return the root mean square error over the pixels of a mask."""
    return float(np.sqrt(np.mean((estimate[where] - truth[where]) ** 2)))


def high_passed(image: Image, where: BoolArray, sigma: float = FINE) -> Image:
    """Subtract the Gaussian mean over `sigma` pixels from an image; only pixels of the mask are used."""
    from scipy.ndimage import gaussian_filter

    share = gaussian_filter(where.astype(np.float64), sigma)
    smooth = gaussian_filter(np.where(where, image, 0.0).astype(np.float64), sigma) / np.maximum(share, 1e-9)
    result: Image = np.where(where, image - smooth, 0.0)
    return result


def contrast_gain(estimate: Image, truth: Image, where: BoolArray) -> float:
    """Return the slope of the regression of the estimate's fine structures on the true ones: 1 if all are kept.

    Noise in the estimate does not change the expected slope. NaN if the truth has no fine structure.
    """
    fine, true = high_passed(estimate, where)[where], high_passed(truth, where)[where]
    power = float(np.mean(true**2))
    return float(np.mean(fine * true)) / power if power > 1e-8 else nan


def average_precision(score: Image, truth: BoolArray) -> float:
    """Return the area under the curve of precision against recall, with pixels in the order of decreasing score."""
    from sklearn.metrics import average_precision_score

    return float(average_precision_score(truth.ravel(), score.ravel())) if truth.any() else nan


def amplitude_kept(estimate: Image, truth: Image, where: BoolArray) -> float:
    """Return the slope of estimated against true amounts in the pixels of a mask, for a line through the origin."""
    return float(np.sum(estimate[where] * truth[where]) / np.sum(truth[where] ** 2)) if where.any() else nan


def coverage(estimate: Image, sigma: Image, truth: Image, where: BoolArray, factor: float) -> float:
    """Return the share of the pixels of a mask whose error is at most `factor` standard errors."""
    return float(np.mean(np.abs(estimate[where] - truth[where]) <= factor * sigma[where]))


def unknown_amount(depth: NDArray[np.floating], edge: Edge) -> Image:
    """Return the amount (Y, X) of the unknown phase in a stack (E, Y, X), fitted with references and background."""
    power = (edge.energy / edge.energy[0]) ** -3
    columns = np.column_stack(
        [*(reference.at(edge.energy) for reference in edge.references), np.ones_like(power), power]
    )
    new = edge.unknown.at(edge.energy)
    residual = new - columns @ np.linalg.lstsq(columns, new, rcond=None)[0]
    amount: Image = np.tensordot(residual / (residual @ residual), depth, 1)
    return np.nan_to_num(amount)  # unusable pixels count as empty


def grown(where: BoolArray, distance: int = 4) -> BoolArray:
    """Return a mask grown by `distance` pixels up, down, left and right."""
    from scipy.ndimage import binary_dilation

    result: BoolArray = binary_dilation(where, iterations=distance)
    return result


def score(estimate: Estimate, measurement: Measurement) -> Score:
    """Return all scores of an estimate."""
    truth, where, scores = measurement.truth, measurement.scored, {}
    unknown = truth.unknown > KEPT
    if unknown.any() and estimate.depth is not None:
        amount = unknown_amount(estimate.depth, measurement.edge)
        scores["precision"] = scores["precision_stack"] = average_precision(amount, unknown)
        scores["kept"] = amplitude_kept(amount, truth.jump * truth.unknown, unknown)
    if estimate.novelty is not None:
        scores["invented"] = float(np.mean(estimate.novelty[~grown(truth.unknown > 0)] > CERTAIN))
        scores["n_new"] = float(estimate.n_new)
        if unknown.any():
            scores["precision"] = average_precision(estimate.novelty, unknown)
    if estimate.sigma is not None:
        for factor in (1, 2):
            scores[f"within_{factor}"] = coverage(estimate.valence, estimate.sigma, truth.valence, where, factor)
    if estimate.offset is not None:
        scores["offset_error"] = abs(estimate.offset - measurement.offset)
    return Score(
        rmse=rmse(estimate.valence, truth.valence, where),
        bias=float(np.mean(estimate.valence[where] - truth.valence[where])),
        contrast=contrast_gain(estimate.valence, truth.valence, where),
        **scores,
    )
