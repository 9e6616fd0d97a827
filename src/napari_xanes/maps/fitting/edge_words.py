"""What a user should know about the edges of a stack, in words."""

from __future__ import annotations

import numpy as np

from napari_xanes._typing import Float64Array
from napari_xanes.edge import EdgeLines, notices_of
from napari_xanes.maps.fitting.edge_fit import EdgeFit
from napari_xanes.maps.fitting.edge_references import normalization_of
from napari_xanes.maps.fitting.edge_trials import Trials
from napari_xanes.stack import SpectralStack

_FEW, _MANY = 0.05, 0.5
"""From these shares on it is told that pixels do not cross the level, or that noise hides an energy."""

_DISAGREES = 0.1
"""A smaller difference between valences by edge energies and by mixtures is not worth a word."""

_SAME_STEP = 0.03
"""Difference from 1 up to which the step of a normalized stack counts as 1."""


def on_other_lines(stack: SpectralStack, fit: EdgeFit) -> list[str]:
    """Return that a normalized stack has not the step of 1 that references get, if so."""
    if stack.quantity != "normalized" or normalization_of(stack) is not None or not fit.good.any():
        return []
    step = float(np.median(fit.jump[fit.good]))
    if abs(step - 1) <= _SAME_STEP:
        return []
    return [
        f"{stack.name!r} was normalized by other lines: between the lines here its step is {step:.3f}, that of the "
        "references 1, so the valence may be off; start from the optical depth, or give pre and post of its lines"
    ]


def on_axis_shift(shift: float, per_ev: float) -> list[str]:
    """Return that the references fit the mean spectrum better elsewhere, by `shift` eV, if so."""
    if not shift:
        return []
    return [
        f"the stack fits better if the references are shifted by {shift:+.2f} eV: the valence may be off by "
        f"{abs(shift * per_ev):.2g}, which is part of sigma; shift the references (calibrate_energy moves the stack), "
        "or give axis_shift=0 if both axes agree"
    ]


def on_disagreement(disagreement: float, usual: float) -> list[str]:
    """Return that mixtures of the references give the mean spectrum another valence, if `usual` errors are smaller."""
    if abs(disagreement) < max(usual, _DISAGREES):
        return []
    return [
        f"the valence of the mean spectrum is {abs(disagreement):.2f} {'above' if disagreement > 0 else 'below'} that "
        "of a mixture of the references, which is part of sigma: self-absorption, a sample too thick, or a compound "
        "unlike the references moves edges; compare with fit_references"
    ]


def on_lines(stack: SpectralStack, edge: EdgeLines, mean: Float64Array | None) -> list[str]:
    """Return what is wrong with the lines, for the mean spectrum (E,) of a stack that is not normalized."""
    if stack.quantity == "normalized" or mean is None:
        return []
    return notices_of(edge, mean, stack.metadata.get("element"), stack.metadata.get("edge"))


def on_missing(fit: EdgeFit, tried: Trials | None) -> list[str]:
    """Return how many pixels do not cross the level, or are too noisy for an energy, if they are many."""
    n_good, found = int(fit.good.sum()), []
    n_without = int((fit.good & ~fit.crossed).sum())
    low, high = fit.search_range
    if n_without > _FEW * max(1, n_good):
        found.append(
            f"{n_without} of {n_good} pixels with an edge do not cross the level between {low:g} and {high:g} eV"
        )
    for name in fit.energies:
        most = np.inf if tried is None else tried.most_noise(name)
        n_noisy = int((fit.good & (fit.rough > most)).sum())
        if n_noisy > _MANY * max(1, n_good):
            found.append(
                f"{name} can't be placed in {n_noisy} of {n_good} pixels, whose points have noise above {most:.0%} of "
                "the edge jump: they have no value; run denoise, bin pixels or measure longer"
            )
    return found
