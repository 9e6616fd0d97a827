"""What is learned from a stack besides its shifts: spectra, powers, and the pattern of the detector."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from napari_xanes._typing import BoolArray, Float64Array
from napari_xanes.registration.fourier import Band, Coefficients
from napari_xanes.registration.likelihood import Model, Moved, Posterior, Projection, log_likelihood, posterior
from napari_xanes.registration.products import (
    COEFFICIENTS,
    column_blocks,
    combined,
    energy,
    energy_by_ring,
    inner,
    inner_by_ring,
    over_columns,
)

_MOST_SPECTRA = 4

_ENOUGH = 4000
"""Coefficients of a frame that tell where it lies, of two places."""


def first_model(moved: Moved, noise: Float64Array, spectra: Float64Array | None) -> Model:
    """Return the model that coefficients suggest at given shifts, with or without a pattern of the detector.

    The parameters are those of `both_models`.
    """
    settled = both_models(moved, noise, spectra)
    logs = [log_likelihood(moved.band, seen, model) for model, seen in settled]
    return settled[int(logs[1] > logs[0])][0]


def both_models(
    moved: Moved, noise: Float64Array, spectra: Float64Array | None = None
) -> list[tuple[Model, Projection]]:
    """Return the models with and without a pattern of the detector that suit coefficients at given shifts.

    Parameters
    ----------
    moved : Moved
        Coefficients, moved back by the shifts.
    noise : ndarray, shape (E,)
        Noise of the frames before they were divided by it.
    spectra : ndarray, shape (E, R), optional
        Known spectra, in units of the stack; by default the leading ones of the data.
    """
    band, pattern = moved.band, noise.mean() / noise
    square = float((pattern**2).sum())
    most = energy_by_ring(band, moved.data) / band.in_ring / square
    # Generous at first, so that what both could explain is not given to the sample.
    mean = combined(pattern[None] / square, moved.data)
    generous = energy_by_ring(band, mean) / band.in_ring
    known = None if spectra is None else np.linalg.qr(spectra / noise[:, None])[0]
    first = _leading_spectra(moved, pattern, 0 * mean[0]) if known is None else known
    start = Model(first, np.zeros((band.n_rings, 0, 0)), generous, pattern, most)
    still = replace(start, pattern_power=0 * generous)
    return [_settled(moved, model, known is None) for model in (start, still)]


def likelier(
    band: Band,
    data: Coefficients,
    noise: Float64Array,
    shifts: Float64Array,
    found: BoolArray,
    elsewhere: Float64Array,
    spectra: Float64Array | None = None,
) -> bool:
    """Return whether the found frames (E,) rather lie elsewhere (F, 2) than at the shifts (E, 2)."""
    thin = band.thinned(_ENOUGH)
    some = data[:, :: -(-band.row.size // _ENOUGH)][found]
    known = None if spectra is None else spectra[found]
    there, here = (likelihood_at(thin, some, noise[found], at, known) for at in (elsewhere, shifts[found]))
    return there > here


def likelihood_at(
    band: Band, data: Coefficients, noise: Float64Array, shifts: Float64Array, spectra: Float64Array | None = None
) -> float:
    """Return the log-likelihood of coefficients at shifts (E, 2), with the better of both models."""
    settled = both_models(Moved.by(band, data, shifts), noise, spectra)
    return max(log_likelihood(band, seen, model) for model, seen in settled)


def pattern_of(band: Band, data: Coefficients, noise: Float64Array, shifts: Float64Array) -> float:
    """Return the power of a pattern that stays with the detector over that of what moves, in the median frame.

    Parameters
    ----------
    band : Band
        Frequencies of the coefficients.
    data : ndarray, complex64, shape (E, K)
        Coefficients in units of their noise.
    noise : ndarray, shape (E,)
        This noise.
    shifts : ndarray, shape (E, 2)
        Where the frames lie.
    """
    moved = Moved.by(band, data, shifts)
    model = first_model(moved, noise, None)
    found = posterior(band, Projection.of(moved, model.spectra, model.pattern), model)
    of_maps = energy(combined(model.spectra, found.maps))
    return float(np.median(model.pattern**2 * float(energy(found.fixed[None])[0]) / np.maximum(of_maps, 1e-30)))


def in_other_units(model: Model, factor: Float64Array) -> Model:
    """Return a model for coefficients that were multiplied by a factor (E,)."""
    spectra, mixing = np.linalg.qr(model.spectra * factor[:, None])
    power = mixing @ model.power @ mixing.T
    return replace(model, spectra=spectra, power=power, pattern=model.pattern * factor)


def _settled(moved: Moved, model: Model, learn_spectra: bool) -> tuple[Model, Projection]:
    """Return the model with powers, and spectra if they are to be learned, that suit the data; and its projection."""
    band, fixed = moved.band, np.zeros(moved.data.shape[1], np.complex64)
    for i in range(3 if learn_spectra and model.pattern_power.any() else 1):
        if i:
            model = replace(model, spectra=_leading_spectra(moved, model.pattern, fixed))
        seen = Projection.of(moved, model.spectra, model.pattern)
        model = replace(model, power=_power(band, seen.on_maps - seen.both * fixed))
        for _ in range(4 if model.pattern_power.any() else 0):
            found = posterior(band, seen, model)
            model = with_powers(band, seen, model, found)
        if model.pattern_power.any():
            fixed = posterior(band, seen, model).fixed
    return model, seen


def _power(band: Band, amounts: Coefficients) -> Float64Array:
    """Return the power (n_rings, R, R) of maps from noisy ones (R, K), whose noise has unit power."""
    values, vectors = np.linalg.eigh(inner_by_ring(band, amounts) / band.in_ring[:, None, None])
    result: Float64Array = (vectors * np.maximum(values - 1, 1e-6)[:, None]) @ np.swapaxes(vectors, 1, 2)
    return result


def _leading_spectra(moved: Moved, pattern: Float64Array, fixed: Coefficients) -> Float64Array:
    """Return the leading spectra (E, R) of frames without a pattern (K,), those that are more than noise."""
    (count, size), amplitude = moved.data.shape, pattern.astype(np.float32)[:, None]
    blocks, seen = column_blocks(size, COEFFICIENTS), fixed.any()
    parts = np.empty((len(blocks), count, count))

    def multiply(block: slice) -> None:
        clean = moved.aligned[:, block]
        if seen:
            of_pattern = amplitude * moved.phase[:, block]
            of_pattern *= fixed[block]
            clean = np.subtract(clean, of_pattern, out=of_pattern)
        parts[block.start // COEFFICIENTS] = inner(clean, clean)

    over_columns(multiply, blocks, count * count * size)
    values, vectors = np.linalg.eigh(parts.sum(axis=0) / size)
    # Of noise, a spectrum would give frames a place that is that of their own noise.
    noise = np.median(values[: max(1, count - _MOST_SPECTRA)])
    above = values > (1 + np.sqrt(count / (2 * size))) ** 2 * 1.05 * noise
    above[-1] = True
    above[:-_MOST_SPECTRA] = False
    result: Float64Array = vectors[:, above]
    return result


def with_powers(band: Band, seen: Projection, model: Model, found: Posterior) -> Model:
    """Return the model with the powers that the posterior suggests."""
    in_ring = band.in_ring
    # MacKay's update: an unseen pattern vanishes within a few steps.
    strength = energy_by_ring(band, found.fixed[None])
    told = in_ring - band.ring_sums(1 / found.fixed_inverse) / np.maximum(model.pattern_power, 1e-12)
    pattern_power = np.minimum(strength / np.maximum(told, 0.2 * in_ring), model.most)
    return replace(model, power=_power(band, seen.on_maps - seen.both * found.fixed), pattern_power=pattern_power)


def with_amplitudes(moved: Moved, model: Model, found: Posterior) -> Model:
    """Return the model with the amplitudes of the pattern that the posterior suggests."""
    of_maps = inner(moved.phase, found.maps * found.fixed.conj())
    overlap = inner(moved.data, found.fixed[None])[:, 0] - (model.spectra * of_maps).sum(axis=1)
    square = float(energy(found.fixed[None])[0])
    # The amplitudes vary by about 30 %; an unseen pattern keeps them at 1.
    tight = 10.0
    factor = np.clip((model.pattern * overlap + tight) / (model.pattern**2 * square + tight), 0.2, 5.0)
    return replace(model, pattern=model.pattern * factor / factor.mean())
