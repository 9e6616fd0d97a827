"""What the references' shapes say against a calibration of edge energies: another axis, other spectra."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from napari_xanes._typing import Float64Array
from napari_xanes.edge import EdgeLines
from napari_xanes.maps.fitting.design import Design, build_design
from napari_xanes.maps.fitting.edge_calibration import Calibration
from napari_xanes.maps.fitting.edge_fit import EdgeFit
from napari_xanes.maps.fitting.edge_references import is_flattened, usable
from napari_xanes.maps.fitting.edge_scales import with_edge
from napari_xanes.maps.fitting.error_learning import learn_errors
from napari_xanes.maps.fitting.interpolation import shifted_columns
from napari_xanes.spectrum import Spectrum
from napari_xanes.stack import SpectralStack

_NEAR = (-40.0, 120.0)
"""Energies from E0, in eV, that are fitted: farther away, lines are no background of a spectrum."""

_GROUPS, _FEWEST = 8, 4
"""The pixels make so many mean spectra, which tell how sure a difference is; so few pixels say nothing."""

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


def axis_shift_of(stack: SpectralStack, design: Design | None) -> float:
    """Return by how many eV references must be shifted to fit the mean spectrum of a stack; 0 if it is not clear.

    A shift is clear if it explains most of what a mixture of the references leaves of the mean spectrum, and if that is
    no noise (`learn_errors`).

    Parameters
    ----------
    stack : SpectralStack, shape (E, Y, X) or (E, Z, Y, X)
        Absorption.
    design : Design, optional
        The fit near the edge.
    """
    return 0.0 if design is None else learn_errors(stack, design, None).shift


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
        edges = fit.edges(means)
        by_edge, _, _ = calibration.valence_of(edges - shift, np.zeros_like(edges))
        difference = by_edge - _valences_of_mixtures(means, design, shift)
    mean, error = float(difference.mean()), float(difference.std(ddof=1)) / np.sqrt(difference.size)
    return mean if abs(mean) > _SURE * error else 0.0


def _means(sample: SpectralStack, edge: EdgeLines, min_jump: float) -> Float64Array | None:
    """Normalized mean spectra (E, G) of pixels that have an edge, sorted into groups that lie among one another."""
    block, _, chosen = with_edge(sample, edge, min_jump)
    numbers = np.flatnonzero(chosen)
    if numbers.size < _FEWEST:
        return None
    groups = [numbers[first::_GROUPS] for first in range(min(_GROUPS, numbers.size))]
    means = np.stack([block[:, group].mean(axis=1, dtype=np.float64) for group in groups], axis=1)
    if sample.quantity == "normalized":
        return means
    return edge.normalize(means, edge.measure(means), flatten=is_flattened(sample)).astype(np.float64)


def _valences_of_mixtures(means: Float64Array, design: Design, shift: float) -> Float64Array:
    """The valences (G,) of the mixtures of shifted references that fit spectra (E, G) best."""
    columns = np.concatenate(
        [shifted_columns(design.references, design.energy, shift), design.background_basis], axis=1
    )
    amounts = np.linalg.lstsq(columns, means[design.frames], rcond=None)[0][: design.valences.size]
    valences: Float64Array = design.valences @ amounts / amounts.sum(axis=0)
    return valences
