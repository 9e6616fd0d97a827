"""What an error model says to a user, in words."""

from __future__ import annotations

import numpy as np

from napari_xanes._typing import Float64Array
from napari_xanes.maps.fitting.design import Design
from napari_xanes.maps.fitting.local_misfit import LocalMisfit
from napari_xanes.maps.fitting.neighbour_noise import NeighbourNoise
from napari_xanes.maps.fitting.noise_model import NoiseModel
from napari_xanes.maps.fitting.shared_misfit import PHASE, SharedMisfit

_MATTERS = 0.5
"""Errors below this share of a pixel's noise are added to sigma without a word."""

_CORRELATED = 0.1
"""Smaller correlations of noise are allowed for without a word."""

_NOISIER = 1.1
"""Noise is called larger than that of the photons from this factor on."""

_QUIETER = 0.8
"""Noise is called smaller than that of the photons below this factor."""


def warnings_of(
    noise: NoiseModel,
    neighbours: NeighbourNoise,
    misfit: SharedMisfit,
    local: LocalMisfit,
    coefficients: Float64Array,
    variance: Float64Array,
    design: Design,
) -> list[str]:
    """Say what was found, how large it is, and what can be done.

    Parameters
    ----------
    noise, neighbours, misfit, local
        What was found.
    coefficients : ndarray, shape (K, P)
        Coefficients of the unbounded fits of some pixels.
    variance : ndarray, shape (E,)
        Mean variance of their data.
    design : Design
        The fit.
    """
    warnings = []
    mean = coefficients.mean(axis=1)
    target = _target(mean, design)
    error = float(np.sqrt((design.basis @ target) ** 2 @ variance))
    jump = float(mean.sum())
    what = "valence" if design.with_valence.any() else "share of a reference"
    if misfit.shift:
        change = float(np.abs(target @ (design.basis.T @ (design.slopes @ mean))))
        warnings.append(
            f"the stack fits better if the references are shifted by {misfit.shift:+.2f} eV; the "
            f"{what} changes by {change:.2f} per eV: shift the references, or give fit_references an energy_sigma"
        )
    off = float(np.linalg.norm(target)) * misfit.span * (jump if misfit.shared_per_jump else 1.0)
    if misfit.span and off > _MATTERS * error:
        warnings.append(_of_misfit(misfit, jump, off, what))
    if local.share:
        size = 100 * float(np.sqrt(np.mean(local.spectrum**2)))
        off = float(np.linalg.norm(target)) * PHASE * float(np.linalg.norm(local.spectrum)) * jump
        warnings.append(
            f"in {100 * local.share:.2g} % of the sample neighbouring pixels share a residual of {size:.2g} % of the "
            f"edge jump: a phase without a reference in a part of the sample. The {what} may be off there by "
            f"{off:.2g}, which is part of sigma where the residual shows it; metadata['residual_spectrum'] shows it"
        )
    if noise.beyond_photons > _NOISIER:
        warnings.append(
            f"the noise is {noise.beyond_photons:.2g} times that of the photons (read noise, flicker of the beam, or a "
            "wrong gain?); sigma is larger by this"
        )
    if noise.beyond_photons < _QUIETER and neighbours.correlation <= _CORRELATED >= noise.correlation:
        warnings.append(
            f"the noise is only {noise.beyond_photons:.2g} times that of the photons, so sigma is too large: the gain "
            f"in the metadata is about {noise.beyond_photons**-2:.2g} times too large, or frames were averaged; "
            "correct the gain, or leave it out"
        )
    if neighbours.correlation > _CORRELATED:
        warnings.append(
            f"neighbouring pixels share noise (correlation {neighbours.correlation:.2f}), as after registration or "
            f"resampling: the error of a mean over n pixels is that of n / {neighbours.length**2:.2g} pixels "
            "(region_mean allows for it)"
        )
    if noise.correlation > _CORRELATED:
        warnings.append(
            f"neighbouring energies share noise (correlation {noise.correlation:.2f}), as after interpolation or "
            f"smoothing; sigma is larger by a factor {np.sqrt(noise.inflation):.2g}"
        )
    return warnings


def _target(mean: Float64Array, design: Design) -> Float64Array:
    """Change (K,) of what matters most with the data in the basis: the valence, or the most uncertain share."""
    gain = design.solver.gain[0]
    if design.with_valence.any():
        has, charges = design.with_valence.astype(np.float64), np.where(design.with_valence, design.valences, 0.0)
        counted = float(has @ mean)
        result: Float64Array = (charges - has * float(charges @ mean) / counted) @ gain / counted
        return result
    shares = (gain - np.outer(mean / mean.sum(), gain.sum(axis=0))) / mean.sum()
    own: Float64Array = shares[np.argmax(np.linalg.norm(shares, axis=1))]
    return own if mean.size > 1 else gain[0] / mean.sum()


def _of_misfit(misfit: SharedMisfit, jump: float, off: float, what: str) -> str:
    size = 100 * misfit.size / (1.0 if misfit.shared_per_jump else jump)
    begin = f"pixels share a residual of {size:.2g} % of the edge jump (root mean square; p = {misfit.p_value:.2g})"
    if misfit.white:
        cause = "whose frames are off one by one: flicker of the beam, or noise of flats that all pixels share"
    else:
        cause = "that the references can't describe: a phase without a reference, or references that do not fit"
    return (
        f"{begin} {cause}. The {what} may be off by {off:.2g}, which is part of sigma and common to all pixels; "
        "metadata['residual_spectrum'] shows it"
    )
