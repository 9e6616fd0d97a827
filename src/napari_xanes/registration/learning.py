"""What is learned from a stack besides its shifts: spectra, powers, and the pattern of the detector."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from napari_xanes._typing import Float64Array
from napari_xanes.registration.fourier import Band, Coefficients
from napari_xanes.registration.likelihood import Model, Moved, Posterior, Projection, log_likelihood, posterior

_LEAST_SPECTRA, _MOST_SPECTRA = 3, 4


def first_model(moved: Moved, noise: Float64Array, spectra: Float64Array | None) -> Model:
    """Return the model that coefficients suggest at given shifts, with or without a pattern of the detector.

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
    energy = float((pattern**2).sum())
    squares = sum(np.abs(frame).astype(np.float64) ** 2 for frame in moved.data)
    most = band.ring_sums(np.asarray(squares)) / band.in_ring / energy
    # Generous at first, so that what both could explain is not given to the sample.
    mean = np.abs(pattern.astype(np.float32) @ moved.data).astype(np.float64) ** 2 / energy**2
    generous = band.ring_sums(mean) / band.in_ring
    known = None if spectra is None else np.linalg.qr(spectra / noise[:, None])[0]
    settled = [_settled(moved, known, power, pattern, most) for power in (generous, 0 * generous)]
    logs = [log_likelihood(band, Projection.of(moved, model.spectra, pattern), model) for model in settled]
    return settled[int(logs[1] > logs[0])]


def _settled(
    moved: Moved, known: Float64Array | None, pattern_power: Float64Array, pattern: Float64Array, most: Float64Array
) -> Model:
    """Return a model whose powers, and spectra unless they are known, suit the data."""
    clean, band = moved.aligned, moved.band
    for _ in range(3 if known is None and pattern_power.any() else 1):
        spectra = _leading_spectra(clean) if known is None else known
        seen = Projection.of(moved, spectra, pattern)
        model = Model(spectra, _power(band, spectra.astype(np.float32).T @ clean), pattern_power, pattern, most)
        for _ in range(4 if pattern_power.any() else 0):
            model = with_powers(band, seen, model, posterior(band, seen, model))
        pattern_power = model.pattern_power
        if pattern_power.any():
            fixed = posterior(band, seen, model).fixed
            clean = moved.phase * (moved.data - pattern.astype(np.float32)[:, None] * fixed)
    return model


def _power(band: Band, amounts: Coefficients) -> Float64Array:
    """Return the power (n_rings, R, R) of maps from noisy ones (R, K), whose noise has unit power."""
    outer = band.ring_sums((amounts[:, None] * amounts[None].conj()).real.astype(np.float64)) / band.in_ring
    values, vectors = np.linalg.eigh(np.moveaxis(outer, -1, 0))
    result: Float64Array = (vectors * np.maximum(values - 1, 1e-6)[:, None]) @ np.swapaxes(vectors, 1, 2)
    return result


def _leading_spectra(aligned: Coefficients) -> Float64Array:
    """Return the leading spectra (E, R) of aligned coefficients (E, K), those that are more than noise."""
    count, size = aligned.shape
    values, vectors = np.linalg.eigh((aligned @ aligned.conj().T).real.astype(np.float64) / size)
    above = values > (1 + np.sqrt(count / (2 * size))) ** 2 * 1.05 * np.median(values)
    above[-_LEAST_SPECTRA:] = True
    above[:-_MOST_SPECTRA] = False
    result: Float64Array = vectors[:, above]
    return result


def with_powers(band: Band, seen: Projection, model: Model, found: Posterior) -> Model:
    """Return the model with the powers that the posterior suggests."""
    in_ring = band.in_ring
    # MacKay's update: an unseen pattern vanishes within a few steps.
    strength = band.ring_sums(np.abs(found.fixed).astype(np.float64) ** 2)
    told = in_ring - band.ring_sums(1 / found.fixed_inverse) / np.maximum(model.pattern_power, 1e-12)
    pattern_power = np.minimum(strength / np.maximum(told, 0.2 * in_ring), model.most)
    return replace(model, power=_power(band, seen.on_maps - seen.both * found.fixed), pattern_power=pattern_power)


def with_amplitudes(moved: Moved, model: Model, found: Posterior) -> Model:
    """Return the model with the amplitudes of the pattern that the posterior suggests."""
    of_maps = (moved.phase @ (found.fixed * found.maps.conj()).T).conj()
    overlap = (moved.data @ found.fixed.conj()).real - (model.spectra * of_maps).sum(axis=1).real
    energy = float(np.vdot(found.fixed, found.fixed).real)
    # The amplitudes vary by about 30 %; an unseen pattern keeps them at 1.
    tight = 10.0
    factor = np.clip((model.pattern * overlap + tight) / (model.pattern**2 * energy + tight), 0.2, 5.0)
    return replace(model, pattern=model.pattern * factor / factor.mean())
