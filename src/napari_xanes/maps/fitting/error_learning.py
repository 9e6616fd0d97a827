"""Learn the error model of a reference fit from the residuals of a sample of pixels."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from napari_xanes._typing import BoolArray, Float64Array, IndexArray
from napari_xanes.blocks import single_threaded_blas
from napari_xanes.maps.fitting.data_covariance import CLEARLY, beyond_white, white_variance
from napari_xanes.maps.fitting.design import Design
from napari_xanes.maps.fitting.energy_shift import best_shift
from napari_xanes.maps.fitting.error_model import ErrorModel, photons_alone
from napari_xanes.maps.fitting.error_words import warnings_of
from napari_xanes.maps.fitting.local_misfit import LocalMisfit, local_misfit
from napari_xanes.maps.fitting.neighbour_noise import neighbour_noise
from napari_xanes.maps.fitting.noise_model import Residuals, modelled_variance, noise_model
from napari_xanes.maps.fitting.shared_misfit import SharedMisfit, shared_misfit
from napari_xanes.maps.fitting.tile_sample import TileSample, tile_sample
from napari_xanes.noise import AmountNoise, PhotonNoise
from napari_xanes.region_means import COVARIANCE_LENGTH
from napari_xanes.residual_tests import tile_numbers
from napari_xanes.stack import SpectralStack

_PART = 0.5
"""A larger share of squares is no part of the sample, but most of it."""

_UNLIKE = 2.0
"""A pixel whose squared residuals are so many times those of a typical one may hold another phase."""

_LEAST_FREEDOM = 4
"""With fewer degrees of freedom, residuals say too little about noise."""


# The products are small: threads would wait for each other longer than they work.
@single_threaded_blas()
def learn_errors(stack: SpectralStack, design: Design, min_jump: float | None) -> ErrorModel:
    """Learn the noise and the misfit of a stack from some of its pixels, those with sample.

    Parameters
    ----------
    stack : SpectralStack, shape (E, Y, X) or (E, Z, Y, X)
        The stack; of one that was put together from amounts (`AmountNoise`), residuals say nothing.
    design : Design
        The fit.
    min_jump : float, optional
        Smallest edge jump of a pixel with sample; five of its standard errors by default.
    """
    plain = photons_alone(design.energy)
    if isinstance(stack.noise, AmountNoise):
        # What denoising was told about its references is true of this fit too.
        told = [str(text) for text in stack.metadata.get("warnings", ())]
        return replace(plain, covariance_length=float(stack.metadata.get(COVARIANCE_LENGTH, 1.0)), warnings=told)
    if design.energy.size - design.matrix.shape[1] < _LEAST_FREEDOM:
        return plain
    sample = tile_sample(stack, design.frames)
    with np.errstate(all="ignore"):
        residuals, coefficients = _fitted(sample, design, stack)
        good = _with_sample(residuals, coefficients, design, min_jump)
        if good.sum() < _LEAST_FREEDOM * design.matrix.shape[1]:
            return plain
        good &= ~_unlike_most(residuals, good)
        noise = stack.noise
        share_flats = isinstance(noise, PhotonNoise) and noise.flats is not None and np.shape(noise.flats)[1] > 1
        return _learned(sample, residuals, coefficients, good, design, share_flats=share_flats)


def _fitted(sample: TileSample, design: Design, stack: SpectralStack) -> tuple[Residuals, Float64Array]:
    """Residuals and coefficients of the fit without bounds, which are linear in the data."""
    basis = design.full_basis
    fit = basis @ (basis.T @ sample.spectra)
    coefficients = design.solver.gain[0] @ (design.basis.T @ sample.spectra) + design.solver.offset[0][:, None]
    projection = design.residual_projection
    residual, variance = sample.spectra - fit, None
    noise = stack.noise and stack.noise.isel(design.frames)
    pixels: Any = sample.pixels
    if stack.filled is not None:
        # Values that were filled in have no residual.
        residual /= np.sqrt(stack.filled.isel(design.frames).measured_share(pixels))
    if isinstance(noise, PhotonNoise):
        noise = replace(noise, filled=None)
        variance = np.asarray(noise.variance(sample.spectra, pixels), dtype=np.float64)
        if noise.flats is not None:
            # What energies share is partly taken by the columns of the fit.
            variance += noise.shared_variance(pixels, projection) - noise.shared_variance(pixels)
        residual -= projection @ (noise.bias(fit, pixels) * _beyond_photons(residual, variance, basis.shape[1]))
    return Residuals(residual, projection, variance, fit, basis.shape[1]), coefficients


def _beyond_photons(residual: Float64Array, variance: Float64Array, n_columns: int) -> Float64Array:
    """Reduced chi-square (P,), at least 1: as the noise, it enlarges the bias of the logarithm of few counts."""
    squares = np.einsum("ep,ep->p", residual**2, np.broadcast_to(1 / variance, residual.shape))
    result: Float64Array = np.maximum(squares / (len(residual) - n_columns), 1.0)
    return result


def _with_sample(residuals: Residuals, coefficients: Float64Array, design: Design, min_jump: float | None) -> BoolArray:
    """Pixels that are finite and have a sufficient edge jump."""
    jump, gain = coefficients.sum(axis=0), design.solver.gain[0]
    total = design.basis @ gain.sum(axis=0)
    squares = np.einsum("ep,ep->p", residuals.residual, residuals.residual)
    variance = squares / (len(residuals.residual) - residuals.n_columns) * float(total @ total)
    if residuals.variance is not None:
        variance = total**2 @ residuals.variance
    good: BoolArray = np.isfinite(squares) & (jump > (5 * np.sqrt(variance) if min_jump is None else min_jump))
    return good


def _unlike_most(residuals: Residuals, good: BoolArray) -> BoolArray:
    """Pixels (P,) that clearly hold a phase which most of the good ones don't hold: each is tested alone in the fit.

    Where the phase is not clear in each pixel that holds it, none is left out.
    """
    residual, nothing = residuals.residual, np.zeros_like(good)
    freedom = np.full(good.shape, float(len(residual) - residuals.n_columns))
    squares = np.einsum("ep,ep->p", residual, residual)
    smooth = beyond_white(squares, white_variance(residual, squares), freedom)
    own = squares if residuals.variance is None else squares / residuals.variance.mean(axis=0)
    unlike = good & (smooth > 0) & (own > _UNLIKE * np.median(own[good]))
    if not unlike.any() or unlike.sum() > good.sum() / 2:
        return nothing
    size = np.median((smooth / (squares - smooth))[unlike]) * np.sqrt(freedom[0])
    return unlike if size > 2 * CLEARLY else nothing


def _learned(
    sample: TileSample,
    residuals: Residuals,
    coefficients: Float64Array,
    good: BoolArray,
    design: Design,
    *,
    share_flats: bool,
) -> ErrorModel:
    """The model from the good pixels of a sample; noise of flats that energies share is known, not learned again."""
    used, coefficients = _good_pixels(residuals, good), coefficients[:, good]
    jump = coefficients.sum(axis=0)
    white = used._replace(residual=_without_common(used.residual, jump))
    noise = noise_model(white, design.basis, jump)
    if share_flats:
        noise = noise._replace(
            profile=np.ones_like(noise.profile), scale=1.0, freedom=0.0, inflation=1.0, correlation=0.0
        )
    variance = modelled_variance(white, noise)
    neighbours = neighbour_noise(white.residual / np.sqrt(variance), good, sample.shape, sample.tile)
    if used.variance is not None and neighbours.length == 1:
        # Only smoothing makes noise smaller than that of the photons, and smoothing is seen in neighbours.
        noise = noise._replace(scale=max(noise.scale, 1.0))
    mean = (used.fit + used.residual).mean(axis=1) / jump.mean()
    freedom = mean.size - used.n_columns
    tiles = _tiles(sample, neighbours.length)[good]
    full = np.broadcast_to(variance, used.residual.shape)

    def shared(tiles: IndexArray) -> SharedMisfit:
        return shared_misfit(used.residual, full, tiles, jump, freedom, lambda size: best_shift(mean, design, size))

    local = local_misfit(used.residual, full, np.where(neighbours.length == 1, tiles, -1), jump)
    rest = tiles.copy()
    rest[local.pixels] = -1
    misfit = shared(rest)
    if local.share > _PART or (local.share and misfit.size):
        # What is everywhere is no phase of a part, unless nothing is found in the stack as a whole.
        whole = shared(tiles)
        if whole.size or local.share > _PART:
            local, misfit = LocalMisfit(np.zeros(mean.size), 0.0, local.pixels), whole
    return ErrorModel(
        design.energy,
        noise.profile,
        noise.exponent,
        noise.scale,
        noise.freedom,
        noise.inflation,
        misfit.shared,
        misfit.shared_per_jump,
        misfit.span,
        local.spectrum,
        local.share,
        misfit.shift,
        neighbours.length,
        warnings_of(noise, neighbours, misfit, local, coefficients, variance.mean(axis=1), design),
    )


def _good_pixels(residuals: Residuals, good: BoolArray) -> Residuals:
    """The residuals of some pixels."""
    if good.all():
        return residuals
    # A third of the time of an index by truth values.
    numbers, variance = np.flatnonzero(good), residuals.variance
    if variance is not None and variance.shape[1] > 1:
        variance = variance.take(numbers, axis=1)
    residual, fit = (array.take(numbers, axis=1) for array in (residuals.residual, residuals.fit))
    return residuals._replace(residual=residual, fit=fit, variance=variance)


def _without_common(residual: Float64Array, jump: Float64Array) -> Float64Array:
    """Residuals (E, P) without the spectra that all pixels share, per pixel and per edge jump: these are no noise."""
    columns, _ = np.linalg.qr(np.stack([np.ones_like(jump), jump / jump.mean()], axis=1))
    result: Float64Array = residual - (residual @ columns) @ columns.T
    return result


def _tiles(sample: TileSample, length: float) -> IndexArray:
    """Square of each pixel, with gaps between them that are wider than noise is shared; -1 elsewhere."""
    gap = max(sample.tile // 4, int(np.ceil(2 * (length - 1))))
    if gap >= sample.tile:
        return np.full(sample.pixels.size, -1)
    return tile_numbers(sample.shape, sample.tile, gap)
