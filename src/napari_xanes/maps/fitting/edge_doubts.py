"""What the references' shapes say against a calibration of edge energies: another axis, other spectra."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from napari_xanes._typing import Float64Array
from napari_xanes.edge import EdgeLines
from napari_xanes.maps.fitting.data_covariance import white_variance
from napari_xanes.maps.fitting.design import Design, build_design
from napari_xanes.maps.fitting.edge_calibration import Calibration
from napari_xanes.maps.fitting.edge_fit import EdgeFit
from napari_xanes.maps.fitting.edge_references import is_flattened, usable
from napari_xanes.maps.fitting.edge_scales import with_edge
from napari_xanes.maps.fitting.energy_shift import best_shift
from napari_xanes.maps.fitting.error_learning import learn_errors
from napari_xanes.maps.fitting.interpolation import shifted_columns
from napari_xanes.spectrum import Spectrum
from napari_xanes.stack import SpectralStack

_NEAR = (-40.0, 120.0)
"""Energies from E0, in eV, that are fitted: farther away, lines are no background of a spectrum."""

_GROUPS, _FEWEST = 8, 4
"""The pixels make so many mean spectra, which tell how sure a difference is; of fewer, trials with noise tell it."""

_TRIALS = 50
"""So many trials are made with the mean of few pixels."""

_SURE_OF_FEW, _LEAST_SHIFT = 25.0, 0.1
"""A shift explains so many variances of the noise in the mean of few pixels; smaller ones, in eV, are not told."""

_SURE = 3.0
"""A difference must be so many times its standard error."""


def fit_near_edge(stack: SpectralStack, references: Sequence[Spectrum], e0: float) -> Design | None:
    """Prepare fits of the references that have a valence to spectra near an edge; None where they can't be fitted.

    References that can't be fitted together, or not on these energies, can calibrate nevertheless.
    """
    try:
        return build_design(
            stack,
            usable(references),
            (e0 + _NEAR[0], e0 + _NEAR[1]),
            constant=True,
            slope=True,
            nonnegative=False,
            sum_to_one=False,
            normalize_references="always",
        )
    except ValueError:
        return None


def axis_shift_of(stack: SpectralStack, sample: SpectralStack, edge: EdgeLines, design: Design | None) -> float:
    """Return by how many eV references must be shifted to fit the mean spectrum of a stack; 0 if it is not clear.

    A shift is clear if it explains most of what a mixture of the references leaves of the mean spectrum, and if that is
    no noise: by the residuals of many pixels (`learn_errors`), or, where there are few, by how rough what is left is.

    Parameters
    ----------
    stack : SpectralStack, shape (E, Y, X) or (E, Z, Y, X)
        Absorption.
    sample : SpectralStack
        Some of its pixels, in memory.
    edge : EdgeLines
        Its lines.
    design : Design, optional
        The fit near the edge.
    """
    if design is None:
        return 0.0
    learned = learn_errors(stack, design, None)
    if learned.freedom or learned.shift:  # which only enough pixels tell
        return learned.shift
    means = _means(sample, edge, 0.0)
    return 0.0 if means is None else _shift_of_few(means.mean(axis=1), design)


def _shift_of_few(mean: Float64Array, design: Design) -> float:
    """The shift (eV) of the references that fits a spectrum (E,) of all energies clearly better; 0 if none does."""
    near = mean[design.frames]
    residual = near - design.full_basis @ (design.full_basis.T @ near)
    squares = float(residual @ residual)
    shift, explained = best_shift(near, design, float(np.sqrt(squares / near.size)))
    white = _white(near, design, shift)
    beyond = squares - (near.size - design.full_basis.shape[1]) * white
    is_clear = explained * squares > max(_SURE_OF_FEW * white, 0.5 * beyond)
    return shift if is_clear and abs(shift) > _LEAST_SHIFT else 0.0


def _white(near: Float64Array, design: Design, shift: float) -> float:
    """The variance of the noise in a spectrum at the energies of a fit, by how rough its residual is."""
    columns = _shifted(design, shift)
    residual = near - columns @ np.linalg.lstsq(columns, near, rcond=None)[0]
    return float(white_variance(residual[:, None], np.array([residual @ residual]))[0])


def _shifted(design: Design, shift: float) -> Float64Array:
    """The columns (E, K + B) of a fit with shifted references."""
    return np.concatenate([shifted_columns(design.references, design.energy, shift), design.background_basis], axis=1)


def disagreement_of(
    sample: SpectralStack,
    design: Design | None,
    edge: EdgeLines,
    fit: EdgeFit,
    calibration: Calibration,
    min_jump: float,
    shift: float,
) -> float:
    """Return how far the valence of the mean spectrum by its edge energy is above that of a mixture of the references.

    Both agree for mixtures of the references. They do not where spectra are flattened by self-absorption or by
    light that passed beside a thick sample, where the references are, or where the sample is another compound.

    Parameters
    ----------
    sample : SpectralStack
        Some pixels of a stack, in memory.
    design : Design, optional
        The fit near the edge.
    edge, fit, calibration
        Lines, edge energies and their valences.
    min_jump : float
        Pixels with a smaller edge jump do not count.
    shift : float
        By how many eV the references are shifted.

    Returns
    -------
    float
        0 if it is not sure.
    """
    if design is None:
        return 0.0
    with np.errstate(all="ignore"):
        means = _means(sample, edge, min_jump)
        if means is None:
            return 0.0
        if means.shape[1] < _FEWEST:
            means = means.mean(axis=1, keepdims=True)
            mean = float(_differences(means, design, fit, calibration, shift)[0])
            noise = np.sqrt(_white(means[design.frames, 0], design, shift))
            trials = means + noise * np.random.default_rng(0).standard_normal((len(means), _TRIALS))
            error = float(np.nanstd(_differences(trials, design, fit, calibration, shift)))
        else:
            difference = _differences(means, design, fit, calibration, shift)
            mean, error = float(difference.mean()), float(difference.std(ddof=1)) / np.sqrt(difference.size)
    return mean if abs(mean) > _SURE * error else 0.0


def _differences(
    means: Float64Array, design: Design, fit: EdgeFit, calibration: Calibration, shift: float
) -> Float64Array:
    """The valence of spectra (E, G) by their edge energies minus that of mixtures of the references."""
    edges = fit.edges(means)
    by_edge, _, _ = calibration.valence_of(edges - shift, np.zeros_like(edges))
    difference: Float64Array = by_edge - _valences_of_mixtures(means, design, shift)
    return difference


def _means(sample: SpectralStack, edge: EdgeLines, min_jump: float) -> Float64Array | None:
    """Normalized mean spectra (E, G) of pixels that have an edge, sorted into groups that lie among one another."""
    block, _, chosen = with_edge(sample, edge, min_jump)
    numbers = np.flatnonzero(chosen)
    if not numbers.size:
        return None
    groups = [numbers[first::_GROUPS] for first in range(min(_GROUPS, numbers.size))]
    means = np.stack([block[:, group].mean(axis=1, dtype=np.float64) for group in groups], axis=1)
    if sample.quantity == "normalized":
        return means
    return edge.normalize(means, edge.measure(means), flatten=is_flattened(sample)).astype(np.float64)


def _valences_of_mixtures(means: Float64Array, design: Design, shift: float) -> Float64Array:
    """The valences (G,) of the mixtures of shifted references that fit spectra (E, G) best."""
    amounts = np.linalg.lstsq(_shifted(design, shift), means[design.frames], rcond=None)[0][: design.valences.size]
    valences: Float64Array = design.valences @ amounts / amounts.sum(axis=0)
    return valences
