"""The valence map of edge energies: its calibration by references that are processed as pixels are, and its errors."""

from __future__ import annotations

import numpy as np

from napari_xanes._typing import Float64Array
from napari_xanes.edge import EdgeLines
from napari_xanes.maps.fitting.edge_calibration import Calibration, calibrate
from napari_xanes.maps.fitting.edge_fit import EdgeFit
from napari_xanes.maps.fitting.edge_references import covered, is_flattened, lines_of, on_axis, usable
from napari_xanes.maps.fitting.edge_words import on_axis_shift, on_disagreement
from napari_xanes.parameter_map import ParameterMap
from napari_xanes.spectrum import Spectrum
from napari_xanes.stack import SpectralStack

_MATTERS = 0.3
"""A disagreement below this share of a pixel's whole error is not worth a word."""


def calibration_of(
    stack: SpectralStack, references: list[Spectrum], edge: EdgeLines, fit: EdgeFit, level: float
) -> Calibration:
    """Calibrate with references that are processed as pixels are: same energies, lines, range and level.

    Raises
    ------
    ValueError
        If a reference has no step between the lines, or does not cross the level in the search range.
    """
    chosen = usable(references)
    lines = covered(lines_of(stack, edge), chosen, pre_given=True, post_given=True)
    own = np.isin(lines.energy, stack.energy)
    flatten = is_flattened(stack)

    def edges_of(spectra: Float64Array) -> Float64Array:
        return fit.edges(lines.normalize(spectra, lines.measure(spectra), flatten=flatten)[own])

    spectra = on_axis(lines.energy, chosen)
    for jump, reference in zip(lines.measure(spectra).jump, chosen, strict=True):
        if not jump > 0:
            raise ValueError(
                f"reference {reference.name!r} has no step between the lines of the stack (E0 = {edge.e0:.1f} eV): "
                "choose a reference of the same edge, or longer ranges pre and post"
            )
    for reference, found in zip(chosen, edges_of(spectra), strict=True):
        if not np.isfinite(found):
            raise ValueError(
                f"reference {reference.name!r} does not cross {level:g} of its edge step between "
                f"{fit.search_range[0]:g} and {fit.search_range[1]:g} eV; widen the search range or leave this "
                "reference out"
            )
    return calibrate(chosen, spectra, edges_of)


def valence_map(
    edges: ParameterMap, calibration: Calibration, shift: float, disagreement: float
) -> tuple[ParameterMap, list[str]]:
    """Return the valence of each edge energy, masked outside the references, and what a user should know.

    Parameters
    ----------
    edges : ParameterMap
        Edge energies in eV, without the error of the lines.
    calibration : Calibration
        Valences over edge energies.
    shift, disagreement : float
        `axis_shift` in eV and `disagreement` of `edge_energy`.
    """
    assert edges.sigma is not None
    assert edges.mask is not None
    valence, sigma, inside = calibration.valence_of(edges.data, edges.sigma, shift, disagreement)
    told = [*calibration.warnings, *on_axis_shift(shift, calibration.per_ev)]
    n_edges, n_beyond = int(edges.mask.sum()), int((edges.mask & ~inside).sum())
    if n_edges:
        model, whole = calibration.model_error(edges.data[edges.mask].astype(np.float64)), sigma[edges.mask]
        told += on_disagreement(disagreement, float(max(np.median(model), _MATTERS * np.median(whole))))
    if n_beyond > 0.02 * max(1, n_edges):
        low, high = calibration.energy[[0, -1]]
        told.append(
            f"{n_beyond} of {n_edges} edges lie outside those of the references ({low:.2f} to {high:.2f} eV): their "
            "valence is extrapolated and masked; add references beyond, or check the energy axis"
        )
    return ParameterMap(valence, "1", sigma, edges.mask & inside), told
