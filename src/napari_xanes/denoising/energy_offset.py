"""Test whether the references lie at the right energies."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_xanes._typing import Float32Array, Float64Array
from napari_xanes.denoising.background.search import plausible_background
from napari_xanes.denoising.bands import outside
from napari_xanes.denoising.design_matrix import DesignMatrix, design_from_references
from napari_xanes.denoising.survey import Survey, subtract_offset
from napari_xanes.spectrum import Spectrum

MAX_OFFSET, _STEP = 2.0, 0.05
"""Largest offset, and step between offsets, that are tried, in eV."""

_OFFSET_ERROR = 0.07
"""Standard error of a fitted offset in eV, from simulated stacks with patterns of the beam."""

_MIN_CORRECTED, _MAX_CHI_SQUARE = 0.25, 6.0
"""Smaller offsets, in eV, may come from what the model leaves out and are not corrected. No offset is corrected if the
residuals of the bins then still have this many times the power of the noise."""


@dataclass(frozen=True)
class EnergyOffset:
    """By how much the references lie too low, in eV, and the chi-square per degree of freedom at this offset."""

    value: float
    chi_square: float


def detect_energy_offset(survey: Survey, references: list[Spectrum], *, background: bool) -> float:
    """Return by how much the references lie too low, in eV; 0 if that is not certain.

    Parameters
    ----------
    survey : Survey
        The stack.
    references : list of Spectrum
        Normalized to an edge jump of 1.
    background : bool
        Whether to remove patterns of the beam first.
    """
    offset = _fit_in_survey(survey, references, background, 0.0)
    if abs(offset.value) > _MIN_CORRECTED:
        # A shift leaves residuals that look like patterns. Once it is nearly right, there are few.
        offset = _fit_in_survey(survey, references, background, offset.value)
    certain = _MIN_CORRECTED < abs(offset.value) < MAX_OFFSET - _STEP and offset.chi_square < _MAX_CHI_SQUARE
    return offset.value if certain else 0.0


def _fit_in_survey(survey: Survey, references: list[Spectrum], background: bool, start: float) -> EnergyOffset:
    """Fit the offset to the binned means, without the patterns that the air shows."""
    energy, weight = survey.weighted.stack.energy, survey.weighted.weight
    design = design_from_references(references, energy, weight, start)
    survey, _, has_air = subtract_offset(survey, design)
    binned, sample = survey.binned, survey.binned.sample
    patterns = plausible_background(binned, design, from_sample=False) if has_air and background else None
    if patterns is not None:
        sample = sample - patterns.on_bins()
    trust = _trust(sample, binned.sample_precision, design)
    scores = (sample * np.sqrt(binned.sample_precision * trust)).reshape(energy.size, -1).astype(np.float64)
    moments = scores @ scores.T
    return fit_energy_offset(moments / max(float(trust.sum()), 1e-30), references, energy, weight)


def _trust(sample: Float32Array, precision: Float32Array, design: DesignMatrix) -> Float32Array:
    """Return the weight of each bin (y, x): little where the residuals are far larger than in a typical bin, 0 unused.

    Where frames are not aligned, edges of the sample leave large residuals, and these imitate an offset. A true offset
    is seen everywhere.
    """
    residual = outside(design.basis, sample)
    chi_square = np.einsum("eyx,eyx->yx", residual, residual) * precision
    used = precision > 0
    typical = max(float(np.median(chi_square[used])), 1e-30)
    return np.where(used, 1 / (1 + (chi_square / typical) ** 2), 0).astype(np.float32)


def fit_energy_offset(
    moments: Float64Array, references: list[Spectrum], energy: Float64Array, weight: Float64Array
) -> EnergyOffset:
    """Return the shift of the references with the smallest residual.

    Parameters
    ----------
    moments : ndarray, shape (E, E)
        Mean over pixels or bins of the outer products of spectra divided by their noise.
    references, energy, weight
        As in `design_from_references`.
    """
    shifts = np.arange(-MAX_OFFSET, MAX_OFFSET + _STEP / 2, _STEP)
    residuals = np.empty(shifts.size)
    for i, shift in enumerate(shifts):
        basis = design_from_references(references, energy, weight, float(shift)).basis
        residuals[i] = np.trace(moments) - np.sum((moments @ basis) * basis)
    best = int(residuals[1:-1].argmin()) + 1
    curvature = (residuals[best - 1] - 2 * residuals[best] + residuals[best + 1]) / _STEP**2
    slope = (residuals[best + 1] - residuals[best - 1]) / (2 * _STEP)
    value = float(shifts[best] - np.clip(slope / max(curvature, 1e-30), -_STEP, _STEP))
    degrees_of_freedom = energy.size - len(references) - 2
    return EnergyOffset(round(value, 4), float(residuals[best]) / degrees_of_freedom)


def offset_uncertainty(
    fractions: NDArray[Any], references: list[Spectrum], design: DesignMatrix, energy: Float64Array, shift: float
) -> NDArray[Any]:
    """Return the standard error of fractions (K, ...) that comes from the error of a fitted energy offset."""
    weight = design.root_weight**2
    low, high = (
        design_from_references(references, energy, weight, shift + step).references
        for step in (-_OFFSET_ERROR, _OFFSET_ERROR)
    )
    change = (np.linalg.pinv(design.columns) @ ((high - low) / 2))[: len(references)]
    result: NDArray[Any] = np.tensordot(change.astype(fractions.dtype), fractions, 1)
    total = result.sum(axis=0)
    for image, fraction in zip(result, fractions, strict=True):
        image -= fraction * total
    np.abs(result, out=result)
    return result
