"""Errors that are no noise, for maps of a scan that goes on: learned by the fit of the final maps, on some pixels.

`fit_references` itself is carried out on the sample that is kept for the number of spectra. What its errors have more
than those of noise is added to all pixels: to the amounts in proportion to the edge jump, as misfit and the scale of
references grow, and to the valence as a constant.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from napari_xanes.live.running.spectra import RunningMoments
from napari_xanes.maps.references import fit_references
from napari_xanes.parameter_map import MapSet, ParameterMap
from napari_xanes.stack import Quantity, SpectralStack

FROM_SAMPLE = "errors of these maps count noise, and misfit as a sample of pixels shows it"

_LEAST = 30
"""Pixels of the sample that must have a signal."""
_JUMP, _VALENCE = "edge_jump", "valence"


def with_model_errors(
    maps: MapSet, sample: RunningMoments, parameters: Mapping[str, Any], quantity: Quantity
) -> MapSet | None:
    """Return maps whose errors also count what is no noise; None if the sample can't tell.

    Parameters
    ----------
    maps : MapSet
        Of `RunningFit`, with errors of noise.
    sample : RunningMoments
        The same frames in some runs of pixels.
    parameters : mapping
        Checked parameters of `fit_references`.
    quantity : str
        What the frames are.
    """
    energy, runs, pixels = sample.runs()
    if len(runs) < 2:
        return None
    stack = SpectralStack(np.ascontiguousarray(runs.swapaxes(0, 1)), energy, quantity)
    try:
        learned = fit_references(stack, **{**parameters, "errors": None, "progress": None})
    except ValueError:  # the sample is nearly empty
        return None
    known = np.asarray(learned[_JUMP].mask).ravel() & np.asarray(maps[_JUMP].mask).ravel()[pixels]
    if known.sum() < _LEAST:
        return None
    fractions = bool(parameters["fractions"])
    jump = np.abs(np.asarray(maps[_JUMP].data))
    found = {}
    for name, one in maps.items():
        if one.sigma is None or name not in learned:
            continue
        grows = name == _JUMP or (name != _VALENCE and not fractions)
        weight = jump if grows else np.ones_like(jump)
        extra = np.asarray(learned[name].sigma).ravel() ** 2 - np.asarray(one.sigma).ravel()[pixels] ** 2
        found[name] = _raised(one, _typical(extra[known], weight.ravel()[pixels][known]), weight)
    if parameters["min_jump"] is None:
        clear = jump > 5 * np.nan_to_num(np.asarray(found[_JUMP].sigma), nan=np.inf)
        found = {name: replace(one, mask=np.asarray(one.mask) & clear) for name, one in {**maps, **found}.items()}
    return replace(maps, maps={**maps, **found})


def _typical(extra: Any, weight: Any) -> float:
    """Return the median of variances (P,) for a weight of 1, or 0 if it is negative."""
    ratio = extra / weight**2
    ratio = ratio[np.isfinite(ratio)]
    return max(0.0, float(np.median(ratio))) if ratio.size else 0.0


def _raised(one: ParameterMap, variance: float, weight: Any) -> ParameterMap:
    sigma = np.sqrt(np.asarray(one.sigma, np.float64) ** 2 + variance * weight**2)
    return replace(one, sigma=sigma.astype(np.float32))
