"""First look at a stack before it is fitted: its noise, its empty area, and means over bins."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from napari_xanes._typing import BoolArray, Float64Array
from napari_xanes.denoising.background.frame_drift import fit_frame_drift
from napari_xanes.denoising.bands import apply_matrix, outside
from napari_xanes.denoising.binning import BinnedStack, bin_stack, find_air
from napari_xanes.denoising.design_matrix import DesignMatrix
from napari_xanes.denoising.precision import WeightedStack, estimate_precision
from napari_xanes.progress import Progress, part
from napari_xanes.stack import SpectralStack

_MAX_EDGE, _MAX_EDGE_IN_THIN_AIR = 0.15, 0.5
"""Air whose spectrum has more than this share of the sample's edge jump is not air. A drifting beam can imitate an
edge, so more is accepted where hardly anything is absorbed."""

_THIN = 0.25
"""Share of the sample's mean absorption below which air counts as thin."""


@dataclass(frozen=True)
class Survey:
    """Results that do not depend on the references.

    ``weighted``, the stack with its noise; ``air`` (Y, X), where there is no sample; ``binned``, means over bins;
    ``air_spectrum`` (E,), the mean spectrum of the air, 0 without air.
    """

    weighted: WeightedStack
    air: BoolArray
    binned: BinnedStack
    air_spectrum: Float64Array

    def without_bins(self) -> Survey:
        """Return the survey without the values of the bins, which take an eighth of the memory of the stack."""
        nothing = np.empty((0, 0, 0), np.float32)
        return replace(self, binned=replace(self.binned, air=nothing, sample=nothing))


def survey_stack(stack: SpectralStack, progress: Progress | None = None) -> Survey:
    """Estimate the noise, find the air and compute means over bins."""
    weighted = estimate_precision(stack, part(progress, 0.0, 0.5))
    air = find_air(weighted.mean_depth, weighted.precision)
    spectrum, binned = bin_stack(weighted, air, part(progress, 0.5, 1.0))
    return Survey(weighted, air, binned, spectrum)


def subtract_offset(
    survey: Survey, design: DesignMatrix, *, in_place: bool = False
) -> tuple[Survey, Float64Array, bool]:
    """Subtract the offset of each energy from the binned means and divide them by the noise.

    The offset is the spectrum of the air. Without air, only the part of an offset outside the design is seen; the part
    inside is its most likely continuation.

    Parameters
    ----------
    survey : Survey
        The stack.
    design : DesignMatrix
        Columns of the fit.
    in_place : bool
        Whether the binned means of `survey` are overwritten: they take an eighth of the memory of the stack.

    Returns
    -------
    tuple
        The survey with the new binned means, the offset (E,), and whether it is the spectrum of air.
    """
    has_air = _is_air(survey, design)
    if has_air:
        binned, offset = survey.binned, survey.air_spectrum
    else:
        binned = _all_as_sample(survey.binned, in_place=in_place)
        offset = _mean_outside_design(binned, design)
        if not design.learned:
            seen = offset * design.root_weight
            offset = offset + fit_frame_drift(seen[:, None], design).extension @ seen / design.root_weight
    if has_air and not in_place:
        binned = replace(binned, air=binned.air.copy(), sample=binned.sample.copy())
    shift, factor = (spectrum.astype(np.float32)[:, None, None] for spectrum in (offset, design.root_weight))
    for means in (binned.air, binned.sample)[not has_air :]:
        means -= shift
        means *= factor
    return replace(survey, binned=binned), offset, has_air


def _is_air(survey: Survey, design: DesignMatrix) -> bool:
    """Decide by the edge in its spectrum whether the supposed air is really empty."""
    binned = survey.binned
    solver = design.solver()[: design.references.shape[1]]
    edges = apply_matrix(solver, binned.sample).sum(axis=0)
    used = binned.sample_precision > 0
    sample_edge = np.percentile(edges[used], 75) if used.any() else 0.0
    relative_edge = abs(float((solver @ survey.air_spectrum).sum())) / max(abs(sample_edge), 1e-30)
    sample_depth = survey.weighted.mean_depth[~survey.air]
    thick_depth = float(np.percentile(sample_depth, 75)) if sample_depth.size else 0.0
    is_thin = abs(float(survey.air_spectrum.mean())) < _THIN * thick_depth
    return bool(survey.air_spectrum.any()) and relative_edge < (_MAX_EDGE_IN_THIN_AIR if is_thin else _MAX_EDGE)


def _mean_outside_design(binned: BinnedStack, design: DesignMatrix) -> Float64Array:
    """Return the part of the mean spectrum (E,) that the design does not explain."""
    precision = binned.sample_precision
    mean = np.tensordot(binned.sample, precision, 2) / precision.sum()
    residual: Float64Array = outside(design.basis, mean * design.root_weight) / design.root_weight
    return residual


def _all_as_sample(binned: BinnedStack, *, in_place: bool) -> BinnedStack:
    """Count the supposed air as sample."""
    precision = binned.air_precision + binned.sample_precision
    known = np.maximum(precision, 1e-30)
    mean = binned.sample if in_place else np.empty_like(binned.sample)
    for out, air, sample in zip(mean, binned.air, binned.sample, strict=True):
        out[:] = (air * binned.air_precision + sample * binned.sample_precision) / known
    return BinnedStack(np.zeros_like(mean), np.zeros_like(precision), mean, precision)
