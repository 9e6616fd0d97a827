"""What pixels are made of in a stack that has been measured, with their noise: the question for what comes next."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from napari_xanes._typing import Float64Array, IndexArray
from napari_xanes.advice.question import Question, quantity_forms
from napari_xanes.advice.typical_pixels import background_columns, common_valences
from napari_xanes.maps.fitting.design import Design, build_design
from napari_xanes.maps.fitting.error_learning import learn_errors
from napari_xanes.maps.fitting.error_model import ErrorModel
from napari_xanes.maps.fitting.interpolation import reference_columns
from napari_xanes.maps.fitting.noise_model import relative_variance
from napari_xanes.maps.fitting.tile_sample import tile_sample
from napari_xanes.noise import PhotonNoise
from napari_xanes.spectrum import Spectrum
from napari_xanes.spreading import spread
from napari_xanes.stack import SpectralStack

_PIXELS = 48
"""So many pixels stand for the map."""

_THIN = 0.5
"""Pixels with less than this share of the median edge jump are left out: their errors would hide all others."""


class MeasuredPixels(NamedTuple):
    """Typical pixels of a stack.

    Parameters
    ----------
    energy, seconds : ndarray, shape (E,)
        Energies in eV, and exposures in s.
    amounts : ndarray, shape (P, K)
        Of the references.
    offset : ndarray, shape (P,)
        Optical depth that does not come from the references, in the mean over energies.
    noise : ndarray, shape (E, P)
        Variance over exp(mu) of a frame of 1 s, in s.
    references : list of Spectrum
        As they were fitted.
    """

    energy: Float64Array
    seconds: Float64Array
    amounts: Float64Array
    offset: Float64Array
    noise: Float64Array
    references: list[Spectrum]


def measured_pixels(
    stack: SpectralStack,
    references: list[Spectrum],
    seconds: Float64Array,
    *,
    constant: bool,
    slope: bool,
    warnings: list[str],
) -> MeasuredPixels:
    """Fit references to some pixels of a stack, with exposures (E,) in s, and return those with sample.

    Raises
    ------
    ValueError
        If no pixel has an edge jump that is larger than its noise.
    """
    design = build_design(
        stack,
        references,
        None,
        constant=constant,
        slope=slope,
        nonnegative=True,
        sum_to_one=False,
        normalize_references="auto",
    )
    warnings += design.warnings
    sample = tile_sample(stack, design.frames)
    finite = np.isfinite(sample.spectra).all(axis=0)
    data, pixels = sample.spectra[:, finite], sample.pixels[finite]
    amounts, _ = design.solver.solve(design.basis.T @ data)
    basis = design.full_basis
    fit = basis @ (basis.T @ data)
    model = learn_errors(stack, design, None)
    # A misfit is no noise: more energies do not make it smaller.
    warnings += model.warnings
    variance = _variance(stack, design, model, data, fit, pixels)
    jump = amounts.sum(axis=0)
    total = design.basis @ design.solver.gain[0].sum(axis=0)
    there = jump > 5 * np.sqrt(total**2 @ variance)
    if not there.any():
        raise ValueError(
            f"no pixel of {stack.name!r} has an edge jump of more than five times its noise, so it can't say what the "
            "next energies should be: plan from the references alone, or give more photons"
        )
    there &= jump >= _THIN * np.median(jump[there])
    chosen = np.flatnonzero(there)
    chosen = chosen[np.argsort(jump[chosen], kind="stable")][spread(int(chosen.size), _PIXELS)]
    offset = (fit - design.matrix[:, : len(references)] @ amounts)[:, chosen].mean(axis=0)
    exposed = seconds[design.frames]
    of_one_second = (variance / np.exp(fit))[:, chosen] * exposed[:, None]
    return MeasuredPixels(design.energy, exposed, amounts[:, chosen].T, offset, of_one_second, design.references)


def _variance(
    stack: SpectralStack,
    design: Design,
    model: ErrorModel,
    data: Float64Array,
    fit: Float64Array,
    pixels: IndexArray,
) -> Float64Array:
    """Variance (E, P) of the data: of photons as far as they are known, else what the residuals tell."""
    noise = stack.noise and stack.noise.isel(design.frames)
    if isinstance(noise, PhotonNoise):
        known = np.asarray(noise.variance(data, pixels), np.float64)  # type: ignore[arg-type]
        return known * (model.profile * model.scale * model.inflation)[:, None]
    relative = relative_variance(fit, model.exponent) * model.profile[:, None]
    residual = data - fit
    freedom = max(len(data) - design.matrix.shape[1], 1)
    own = (residual**2 / relative).sum(axis=0) / freedom
    result: Float64Array = relative * np.median(own) * model.inflation
    return result


def question_after(
    pixels: MeasuredPixels,
    energy: Float64Array,
    *,
    energy_sigma: float,
    constant: bool,
    slope: bool,
    warnings: list[str],
) -> Question:
    """Return the question for energies (C,) in eV, from pixels of a stack."""
    columns, changes = reference_columns(pixels.references, energy, warnings)
    background = background_columns(energy, constant=constant, slope=slope)
    amounts = pixels.amounts[None]
    spectra = columns @ pixels.amounts.T
    level = np.array([np.interp(energy, pixels.energy, one) for one in pixels.noise.T]).T
    valences = common_valences(pixels.references)
    return Question(
        energy,
        np.concatenate([columns, background], axis=1)[None],
        amounts,
        quantity_forms(amounts, background.shape[1], valences),
        (changes @ pixels.amounts.T)[None],
        (level * np.exp(spectra + pixels.offset))[None],
        valences,
        energy_sigma,
    )
