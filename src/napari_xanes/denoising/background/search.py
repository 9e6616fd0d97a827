"""The beam's background: patterns of the white field that changed between sample and flat, told from the sample.

On squares of some pixels, the optical depth is a sum of what the sample may hold (references and a smooth matrix, free
in every square), of patterns (a few spectra times smooth maps), and of noise. Where there is no sample, patterns are
seen as they are; the statistics of their maps carry them over to where there is (kriging). Patterns whose energy
dependence lies within the references can't be told from the sample but by those statistics.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from napari_xanes.denoising.background.composition import Composition
from napari_xanes.denoising.background.patterns import Background
from napari_xanes.denoising.background.solver import (
    Problem,
    first_power,
)
from napari_xanes.denoising.binning import Squares
from napari_xanes.denoising.design_matrix import Design

_MODES = 16

_ROUNDS = 4
"""Times that the maps' power spectra are measured anew from the maps."""

_EXTRAPOLATION = 3.0


def find_background(
    squares: Squares,
    design: Design,
    *,
    known: Composition | None = None,
    start: Background | None = None,
    from_sample: bool = True,
) -> Background | None:
    """Patterns of the beam.

    Parameters
    ----------
    squares : Squares
        Means over squares, divided by the noise of each energy as the design is.
    design : Design
        What the sample may hold.
    known : Composition, optional
        What is known of the sample already. Its slow changes are not believed but kept as in `start`.
    start : Background, optional
        An earlier result to improve.
    from_sample : bool
        Whether patterns are learned from what the design leaves of the sample too, not from the air alone.

    Returns
    -------
    Background or None
        None where no pattern stands out from the noise.
    """
    problem = Problem(squares, design, known, start)
    if start is None:
        modes, variance = problem.modes(problem.air, squares.air_precision, _MODES)
        if modes.shape[1] == 0:
            return None
        shape = first_power(problem.frequency)
        found = Background(
            modes=modes,
            maps=np.zeros((modes.shape[1], *problem.size), np.float32),
            power=np.stack([2 * v * shape * problem.n_padded / (shape * problem.doubled).sum() for v in variance]),
            trust=np.ones(problem.size, np.float32),
            freely=np.zeros(0, np.float32),
        )
    else:
        found = start
    rounds = _ROUNDS if start is None else 1
    state = None
    for number in range(rounds + 1):
        if from_sample and start is None and number in (1, 3):
            found, state = problem.with_more_modes(found, state)
        state = problem.solved(found, state)
        found = replace(found, maps=problem.maps(found, state)[:, : problem.size[0], : problem.size[1]])
        found = replace(found, trust=problem.trust(found))
        if number < rounds:
            found = replace(found, power=problem.power(found, state))
    if start is None:
        found = replace(found, freely=found.maps)
    return found


def plausible_background(squares: Squares, design: Design, *, from_sample: bool = True) -> Background | None:
    """Patterns of the beam, unless they are much larger in the sample than beside it: then they are the sample's own,
    which the design does not explain."""
    found = find_background(squares, design, from_sample=from_sample)
    return found if found is not None and found.extrapolation(squares) < _EXTRAPOLATION else None
