"""Search a surveyed stack for new features."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from napari_xanes._typing import BoolArray, Float32Array, Float64Array
from napari_xanes.denoising.background.patterns import Background
from napari_xanes.denoising.bands import outside
from napari_xanes.denoising.binning import well_measured
from napari_xanes.denoising.design_matrix import DesignMatrix
from napari_xanes.denoising.novelty.amounts import CLEAR_SIGMA, amounts_along, high_pass, significance
from napari_xanes.denoising.novelty.faint_features import FaintFeatures, find_faint_features
from napari_xanes.denoising.novelty.half_sums import cell_sums, half_sums
from napari_xanes.denoising.novelty.plausible import plausible_spectra
from napari_xanes.denoising.novelty.shared_features import (
    MAX_FEATURES,
    NovelDirections,
    find_shared_features,
)
from napari_xanes.denoising.novelty.small_features import find_small_features
from napari_xanes.denoising.novelty.spot_limits import spot_limits
from napari_xanes.denoising.survey import Survey
from napari_xanes.progress import Progress, part

_SURROUNDINGS = 4.0
"""Radius in bins above which a residual belongs to the sample as a whole, and is no feature."""

_MOST = 0.5
"""Share of the sample from which on a residual belongs to it as a whole, whatever its shape."""

_LEAST_SMOOTH = 0.4
"""Correlation of neighbouring energies below which a spectrum is the flicker of frames: absorption is .8 and more."""


@dataclass(frozen=True)
class Novelty:
    """New features: their spectra, amounts (N, Y, X), where they are clear (N, Y, X), and significance (Y, X).

    ``limits``, the edge jump that a phase needs to be found in spots of `spot_limits.WIDTHS`; empty without a search.
    """

    directions: NovelDirections
    amounts: Float32Array
    clear: BoolArray
    significance: Float32Array
    limits: list[float]


def no_novelty(
    n_energies: int,
    shape: tuple[int, ...],
    directions: NovelDirections | None = None,
    limits: list[float] | None = None,
) -> Novelty:
    """Return the result of a search that found no new feature."""
    if directions is None:
        nothing = np.zeros((n_energies, 0))
        directions = NovelDirections(nothing, nothing, 0)
    empty = np.zeros((0, *shape), np.float32)
    return Novelty(directions, empty, empty.astype(bool), np.zeros(shape, np.float32), limits or [])


def find_novelty(
    survey: Survey,
    design: DesignMatrix,
    background: Background | None,
    offset: Float64Array,
    precision: Float32Array,
    residual: Float32Array,
    jump: Float32Array,
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
    jump : ndarray, shape (Y, X)
        Edge jump.
    has_air : bool
        Whether the offset is the spectrum of air.
    """
    sample_precision = np.where(survey.air, 0, precision).astype(np.float32)
    height = jump if has_air else np.ones_like(jump)  # patterns of the beam are not proportional to the jump
    large = _large_features(residual, survey.binned.sample_precision, design)
    known = replace(design, baseline=np.concatenate([design.baseline, large], axis=1))
    faint, limits = _faint_features(survey, known, background, offset, sample_precision, height, part(progress, 0, 0.3))
    directions = _directions(survey, known, large, residual, faint, part(progress, 0.3, 0.6), has_air=has_air)
    if directions.new.shape[1] == 0:
        return no_novelty(len(offset), precision.shape, directions, limits)
    weighted, half = survey.weighted, part(progress, 0.6, 1.0)
    amounts = amounts_along(weighted, directions.new, design, offset, background, half, has_air=has_air)
    scores = significance(amounts, sample_precision)
    return Novelty(directions, amounts, scores > CLEAR_SIGMA, scores.max(axis=0), limits)


def _large_features(residual: Float32Array, precision: Float32Array, design: DesignMatrix) -> Float64Array:
    """Find spectra (E, N) of large places that stand out of the sample; their rims would look like moved edges.

    What belongs to most of the sample is wrong references or a remainder of the beam, and what adds here and takes
    there is movement: none is kept then, and the searches below, which subtract the surroundings, decide.
    """
    new, nuisance = find_shared_features(residual, precision, design.columns.shape[1])
    used = well_measured(precision)
    if not new.size or nuisance.size:
        return new[:, :0]
    scores = new.T.astype(np.float32) @ residual[:, used] * np.sqrt(precision[used])
    clear = np.mean(scores > CLEAR_SIGMA, axis=1)
    smooth = np.array([np.corrcoef(spectrum[1:], spectrum[:-1])[0, 1] for spectrum in new.T])
    return new[:, (clear < _MOST) & (smooth > _LEAST_SMOOTH)]


def _faint_features(
    survey: Survey,
    design: DesignMatrix,
    background: Background | None,
    offset: Float64Array,
    precision: Float32Array,
    height: Float32Array,
    progress: Progress | None,
) -> tuple[FaintFeatures, list[float]]:
    """Find phases that resemble the references, in spots of any number; return them and the limits of the search."""
    plausible = plausible_spectra(design, survey.weighted.stack.energy)
    halves = half_sums(survey.weighted, design, plausible.basis, offset, background, precision, progress)
    mean = np.maximum(cell_sums(height * precision) / np.maximum(halves.precision, 1e-30), 0)
    halves.subtract_surroundings(mean)
    limits = spot_limits(halves, plausible)
    return find_faint_features(halves, plausible, most=MAX_FEATURES), limits


def _directions(
    survey: Survey,
    design: DesignMatrix,
    large: Float64Array,
    residual: Float32Array,
    faint: FaintFeatures,
    progress: Progress | None,
    *,
    has_air: bool,
) -> NovelDirections:
    """Add spectra of any shape that several bins share, and those of single places far beyond the noise.

    The last columns of the design are those of `large` features.
    """
    precision, n_columns = survey.binned.sample_precision, design.columns.shape[1]
    explained = np.linalg.qr(np.concatenate([design.columns, faint.new, faint.nuisance], axis=1))[0]
    faint_new, faint_nuisance = np.split(explained[:, n_columns:], [faint.new.shape[1]], axis=1)
    faint_new = faint_new * np.sign(np.sum(faint_new * faint.new, axis=0))  # QR may turn signs
    local = np.empty_like(residual)
    for out, image in zip(local, residual, strict=True):
        out[:] = high_pass(image, precision, _SURROUNDINGS) if has_air else image  # else it was done before
    outside(explained, local, out=local)
    new, nuisance = find_shared_features(local, precision, explained.shape[1])
    if faint_nuisance.size or nuisance.size:  # what only adds may be the remainder of moved edges
        new, nuisance = new[:, :0], np.concatenate([nuisance, new], axis=1)
    new = np.concatenate([faint_new, new], axis=1)[:, : MAX_FEATURES - large.shape[1]]
    nuisance = np.concatenate([faint_nuisance, nuisance], axis=1)
    directions = np.concatenate([new, nuisance], axis=1)
    small = find_small_features(
        outside(directions, local, out=local),
        precision,
        np.concatenate([design.basis, directions], axis=1),
        survey.weighted,
        design,
        ~survey.air,
        max_directions=0 if nuisance.size else MAX_FEATURES - large.shape[1] - new.shape[1],
        progress=progress,
    )
    return NovelDirections(np.concatenate([large, new, small.directions], axis=1), nuisance, small.unexplained)
