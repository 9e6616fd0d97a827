"""Find the patterns of the beam in a surveyed stack."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from napari_xanes._typing import Complex64Array
from napari_xanes.denoising.background.composition import CompositionPrior
from napari_xanes.denoising.background.patterns import Background
from napari_xanes.denoising.background.solver import PatternSystem
from napari_xanes.denoising.binning import BinnedStack
from napari_xanes.denoising.design_matrix import DesignMatrix

_ROUNDS = 4
"""How often the power spectra of the maps are measured."""

_MAX_SAMPLE_TO_AIR, _MAX_MODE_RATIO = 3.0, 2.0
"""Ratio of sample over air of all patterns from which on none is plausible, and of one that is left out."""


def find_background(binned: BinnedStack, design: DesignMatrix, *, from_sample: bool = True) -> Background | None:
    """Find the patterns of the beam.

    Parameters
    ----------
    binned : BinnedStack
        Means over bins, divided by the noise of each energy as the design matrix is.
    design : DesignMatrix
        Spectra that the sample may hold.
    from_sample : bool
        Whether to learn patterns also from the residuals of the sample, not from the air alone.

    Returns
    -------
    Background or None
        None if no pattern stands out from the noise.
    """
    system = PatternSystem(binned, design, None)
    background = system.initial_background()
    if background is None:
        return None
    state: Complex64Array | None = None
    for number in range(_ROUNDS + 1):
        if from_sample and number in (1, 3):
            background, state = system.with_more_modes(background, state)
        background, state = _solved(system, background, state)
        if from_sample and number in (1, 3):
            background, state = _without_sample_modes(background, state, binned)
        if number < _ROUNDS:
            background, state = _with_new_power(system, background, state)
    return replace(background, initial_maps=background.maps)


def _without_sample_modes(
    background: Background, state: Complex64Array, binned: BinnedStack
) -> tuple[Background, Complex64Array]:
    """Leave out modes that the air hardly shows: a phase that the references do not explain, not a pattern."""
    used = background.mode_ratios(binned) < _MAX_MODE_RATIO
    if used.all() or not used.any():
        return background, state
    kept = replace(
        background, modes=background.modes[:, used], maps=background.maps[used], power=background.power[used]
    )
    return kept, state[used]


def refine_background(
    background: Background, binned: BinnedStack, design: DesignMatrix, prior: CompositionPrior
) -> Background:
    """Improve patterns with an expected composition of the sample.

    Slow changes of the composition are not used; those of the initial patterns stay.
    """
    system = PatternSystem(binned, design, prior.with_slow_part_of(background))
    background, state = _solved(system, background, None)
    background, state = _with_new_power(system, background, state)
    return _solved(system, background, state)[0]


def _with_new_power(
    system: PatternSystem, background: Background, state: Complex64Array
) -> tuple[Background, Complex64Array]:
    """Return the background with the power of its maps, and whitened maps that stand for the same maps as before.

    Without the second, maps would grow with their power, and where a solution is cut off early, power with the maps.
    """
    power = system.updated_power(background, state)
    state = state * np.sqrt(background.power / power).astype(np.float32)
    return replace(background, power=power), state


def _solved(
    system: PatternSystem, background: Background, state: Complex64Array | None
) -> tuple[Background, Complex64Array]:
    """Return the background with new maps and weights, and the whitened maps."""
    state = system.solve(background, state)
    background = replace(background, maps=system.maps(background, state))
    return replace(background, weight=system.updated_weight(background)), state


def plausible_background(binned: BinnedStack, design: DesignMatrix, *, from_sample: bool = True) -> Background | None:
    """Find patterns of the beam; return None if they are much larger in the sample than in the air.

    Such patterns are structures of the sample that the design matrix does not explain.
    """
    background = find_background(binned, design, from_sample=from_sample)
    if background is None or background.sample_to_air_ratio(binned) >= _MAX_SAMPLE_TO_AIR:
        return None
    return background
