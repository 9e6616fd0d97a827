"""What neither references, patterns of the beam nor new features explain, and the errors that follow."""

from __future__ import annotations

import numpy as np

from napari_xanes._typing import Float32Array, Float64Array
from napari_xanes.denoising.background.frame_drift import fit_frame_drift
from napari_xanes.denoising.background.patterns import Background
from napari_xanes.denoising.bands import outside
from napari_xanes.denoising.binning import bin_sums
from napari_xanes.denoising.design_matrix import DesignMatrix
from napari_xanes.denoising.fractions.estimate import (
    CleanedAmounts,
    equal_variance,
    unexplained_fraction_variance,
    unexplained_variance,
)
from napari_xanes.denoising.novelty.search import Novelty
from napari_xanes.denoising.novelty.shared_residual import LEVER, SharedResidual, find_shared_residual
from napari_xanes.denoising.survey import Survey

_SMALL_SHARE = 0.2
"""Share of the sample below which new features are small: their residual is theirs, not that of the whole sample."""

_LARGEST_ERROR = 12**-0.5
"""Largest error of a fraction beside a new feature: that of a number between 0 and 1 of which nothing is known."""


def shared_residual(
    survey: Survey,
    design: DesignMatrix,
    cleaned: CleanedAmounts,
    novelty: Novelty,
    residual: Float32Array,
    *,
    has_air: bool,
) -> SharedResidual | None:
    """Look for a spectrum that the residuals of the sample share, without misregistration and small new features."""
    from scipy.ndimage import binary_dilation

    binned, weight = survey.binned, np.where(survey.air, 0, survey.weighted.precision).astype(np.float32)
    jump = bin_sums(cleaned.jump * weight) / np.maximum(bin_sums(weight), 1e-30)
    background = cleaned.background
    patterns = 0.0 if background is None else background.rms(background.modes, binned.sample_precision > 0)
    clear = bin_sums(np.asarray(novelty.clear.any(axis=0), np.float32)) > 0
    small = clear.sum() < _SMALL_SHARE * np.sum(binned.sample_precision > 0)
    precision = np.where(small & binary_dilation(clear), 0, binned.sample_precision).astype(np.float32)
    return find_shared_residual(
        residual,
        precision,
        jump,
        float(binned.air_precision.sum()) if has_air else 0.0,
        design,
        survey.air.shape,
        patterns=patterns,
        excluded=novelty.directions.nuisance,
    )


def error_beside(
    amounts: Float32Array, directions: Float64Array, jump: Float32Array, design: DesignMatrix
) -> Float32Array:
    """Return the error (K, Y, X) of fractions beside new features of these amounts (N, Y, X), 0 where there are none.

    Most of a new phase's spectrum is a mixture of the references, and its amount there is not known.
    """
    square = np.einsum("nyx,nm,myx->yx", amounts, (directions.T @ directions).astype(np.float32), amounts)
    variance = unexplained_fraction_variance(LEVER**2, jump, design)
    variance *= square.astype(np.float32)
    return np.minimum(np.sqrt(variance, out=variance), np.float32(_LARGEST_ERROR), out=variance)


def total_unexplained_variance(
    survey: Survey, design: DesignMatrix, background: Background | None, offset: Float64Array, has_air: bool
) -> float:
    """Return the variance per energy that nothing explains; without air, with that of the unknown offset."""
    variance = unexplained_variance(survey.binned, design, background)
    if has_air:
        return variance
    outside_design = outside(design.basis, offset * design.root_weight)
    if design.learned or design.references.shape[1] < 2:
        # The unknown part of the offset, within the design, is as large as the known part outside.
        degrees_of_freedom = int(offset.size) - int(design.columns.shape[1])
        return variance + float(np.sum(outside_design**2)) / degrees_of_freedom
    drift = fit_frame_drift(outside_design[:, None], design)
    return variance + equal_variance(drift.covariance, design)
