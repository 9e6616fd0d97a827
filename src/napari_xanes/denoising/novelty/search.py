"""Search a surveyed stack for new features."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from napari_xanes._typing import BoolArray, Float32Array, Float64Array
from napari_xanes.denoising.background.patterns import Background
from napari_xanes.denoising.bands import outside
from napari_xanes.denoising.design_matrix import DesignMatrix
from napari_xanes.denoising.novelty.amounts import CLEAR_SIGMA, amounts_along, significance
from napari_xanes.denoising.novelty.shared_features import (
    MAX_FEATURES,
    NovelDirections,
    find_shared_features,
)
from napari_xanes.denoising.novelty.small_features import find_small_features
from napari_xanes.denoising.survey import Survey
from napari_xanes.progress import Progress, part


@dataclass(frozen=True)
class Novelty:
    """New features: their spectra, amounts (N, Y, X), where they are clear (N, Y, X), and significance (Y, X)."""

    directions: NovelDirections
    amounts: Float32Array
    clear: BoolArray
    significance: Float32Array


def no_novelty(n_energies: int, shape: tuple[int, ...], directions: NovelDirections | None = None) -> Novelty:
    """Return the result of a search that found no new feature."""
    if directions is None:
        nothing = np.zeros((n_energies, 0))
        directions = NovelDirections(nothing, nothing, 0)
    empty = np.zeros((0, *shape), np.float32)
    return Novelty(directions, empty, empty.astype(bool), np.zeros(shape, np.float32))


def find_novelty(
    survey: Survey,
    design: DesignMatrix,
    background: Background | None,
    offset: Float64Array,
    precision: Float32Array,
    residual: Float32Array,
    *,
    has_air: bool,
    progress: Progress | None,
) -> Novelty:
    """Find new features and their amounts in every pixel.

    Parameters
    ----------
    survey : Survey
        The stack; its binned means are those of `subtract_offset`.
    design, background, offset
        Explained parts of the data: columns, patterns of the beam, spectrum (E,) of every pixel.
    precision : ndarray, shape (Y, X)
        One over the variance at an average energy.
    residual : ndarray, shape (E, y, x)
        Bins without what is explained, from `residual_bins`.
    has_air : bool
        Whether the offset is the spectrum of air.
    """
    directions = _directions(survey, design, residual, part(progress, 0.0, 0.5))
    if directions.new.shape[1] == 0:
        return no_novelty(len(offset), precision.shape, directions)
    weighted, half = survey.weighted, part(progress, 0.5, 1.0)
    amounts = amounts_along(weighted, directions.new, design, offset, background, half, has_air=has_air)
    scores = significance(amounts, np.where(survey.air, 0, precision).astype(np.float32))
    return Novelty(directions, amounts, scores > CLEAR_SIGMA, scores.max(axis=0))


def _directions(
    survey: Survey, design: DesignMatrix, residual: Float32Array, progress: Progress | None
) -> NovelDirections:
    """Find spectra that several bins share, and those of single places far beyond the noise."""
    precision = survey.binned.sample_precision
    new, nuisance = find_shared_features(residual, precision, design.columns.shape[1])
    directions = np.concatenate([new, nuisance], axis=1)
    small = find_small_features(
        outside(directions, residual),
        precision,
        np.concatenate([design.basis, directions], axis=1),
        survey.weighted,
        design,
        ~survey.air,
        max_directions=MAX_FEATURES - new.shape[1],
        progress=progress,
    )
    return NovelDirections(np.concatenate([new, small.directions], axis=1), nuisance, small.unexplained)
