"""What is learned from a stack besides its shifts: spectra, powers, and the pattern of the detector."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from napari_xanes._typing import Float64Array
from napari_xanes.registration.fourier import Band, Coefficients, phases
from napari_xanes.registration.likelihood import Model, Posterior, log_likelihood, posterior

_LEAST_SPECTRA, _MOST_SPECTRA = 3, 4


def first_model(
    band: Band, data: Coefficients, shifts: Float64Array, noise: Float64Array, spectra: Float64Array | None
) -> Model:
    """Return the model that coefficients (E, K) suggest at given shifts.

    Parameters
    ----------
    noise : ndarray, shape (E,)
        Noise of the frames before they were divided by it.
    spectra : ndarray, shape (E, R), optional
        Known spectra, in units of the stack; by default the leading ones of the data.
    """
    phase = phases(band, shifts)
    pattern = noise.mean() / noise
    fixed = phase * pattern.astype(np.float32)[:, None]
    phase *= data
    # Generous at first, so that what both could explain is not given to the sample.
    mean = (pattern.astype(np.float32) @ data) / np.float32((pattern**2).sum())
    seen = band.ring_sums(np.abs(mean).astype(np.float64) ** 2) / band.in_ring
    known = None if spectra is None else np.linalg.qr(spectra / noise[:, None])[0]
    models = [_settled(band, phase, fixed, known, power, pattern) for power in (seen, 0 * seen)]
    logs = [log_likelihood(band, phase, fixed, model) for model in models]
    return models[int(logs[1] > logs[0])]


def _settled(
    band: Band,
    aligned: Coefficients,
    fixed: Coefficients,
    known: Float64Array | None,
    pattern_power: Float64Array,
    pattern: Float64Array,
) -> Model:
    """Return a model whose powers, and spectra unless they are known, suit the data."""
    clean = aligned
    for _ in range(3 if known is None else 1):
        spectra = _leading_spectra(clean) if known is None else known
        model = Model(spectra, _power(band, spectra.astype(np.float32).T @ clean), pattern_power, pattern)
        for _ in range(4 if pattern_power.any() else 0):
            model = learned(band, aligned, fixed, model, posterior(band, aligned, fixed, model))
        clean = aligned - fixed * posterior(band, aligned, fixed, model).fixed
        pattern_power, pattern = model.pattern_power, model.pattern
    return model


def _power(band: Band, amounts: NDArray[np.complex64]) -> Float64Array:
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


def learned(band: Band, aligned: Coefficients, fixed: Coefficients, model: Model, found: Posterior) -> Model:
    """Return the model with the powers and the amplitudes of the pattern that the posterior suggests."""
    in_ring = band.in_ring
    # MacKay's update: an unseen pattern vanishes within a few steps.
    strength = band.ring_sums(np.abs(found.fixed).astype(np.float64) ** 2)
    seen = in_ring - band.ring_sums(1 / found.fixed_inverse) / np.maximum(model.pattern_power, 1e-12)
    # No more than if all that is seen were pattern.
    everything = np.einsum("ek,ek->k", aligned, aligned.conj()).real.astype(np.float64)
    most = band.ring_sums(everything) / (in_ring * (model.pattern**2).sum())
    pattern_power = np.minimum(strength / np.maximum(seen, 0.2 * in_ring), most)
    spectra = model.spectra.astype(np.float32)
    power = _power(band, spectra.T @ aligned - (spectra.T @ fixed) * found.fixed)
    overlap = np.einsum("ek,k,ek->e", fixed.conj(), found.fixed.conj(), aligned).real
    overlap -= np.einsum("er,re->e", model.spectra, found.maps @ (fixed.conj() * found.fixed.conj()).T).real
    energy = float((np.abs(found.fixed) ** 2).sum())
    # The amplitudes vary by about 30 %; an unseen pattern keeps them at 1.
    tight = 10.0
    factor = np.clip((overlap + tight) / (model.pattern**2 * energy + tight), 0.2, 5.0)
    return replace(model, power=power, pattern_power=pattern_power, pattern=model.pattern * factor / factor.mean())
