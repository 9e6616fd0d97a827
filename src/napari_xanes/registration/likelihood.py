"""All shifts at once: the stack as a few spectra times maps that move, and a pattern that does not.

In Fourier space a frame e is ``d_e(k) = phase_e(k) * sum_r S_er m_r(k) + c_e f(k) + noise``, with the phase of its
shift. Maps m and pattern f are Gaussian with a power that is the same along each ring of frequencies and is learned
from the data; the power of the maps is a matrix, real because things that absorb together lie at the same place. So
maps and pattern are integrated out (variable projection with a prior), and the shifts have the highest marginal
likelihood. The Hessian gives their covariance.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from napari_xanes._typing import Float64Array
from napari_xanes.registration.fourier import Band, Coefficients, over_rows
from napari_xanes.registration.products import combined, inner, inner_by_ring, products_by_ring

_NO_POWER = 1e-12
"""Stands for a pattern that is not there."""

_PRECISION = 1e-4
"""Of long sums in float32."""

_NOTICEABLE = 0.02
"""Coefficients in which a pattern adds less than this, over the noise of all frames together, are passed over."""


@dataclass(frozen=True)
class Model:
    """What is learned besides the shifts.

    Parameters
    ----------
    spectra : ndarray, shape (E, R)
        Orthonormal, in units of the noise of each frame.
    power : ndarray, shape (n_rings, R, R)
        Covariance of the maps.
    pattern_power : ndarray, shape (n_rings,)
        Variance of the pattern that is fixed to the detector.
    pattern : ndarray, shape (E,)
        Amplitude of the pattern in each frame, in units of the noise.
    most : ndarray, shape (n_rings,)
        Variance of the pattern if it were all that is seen.
    """

    spectra: Float64Array
    power: Float64Array
    pattern_power: Float64Array
    pattern: Float64Array
    most: Float64Array


@dataclass(frozen=True)
class Moved:
    """Coefficients (E, K) as they are, the phases that move them back by the shifts, and the product of both."""

    band: Band
    data: Coefficients
    phase: Coefficients
    aligned: Coefficients

    @classmethod
    def by(cls, band: Band, data: Coefficients, shifts: Float64Array, instead: Moved | None = None) -> Moved:
        """Return coefficients moved back by shifts (E, P); in the memory of others that are no longer needed."""
        phase, aligned = (instead.phase, instead.aligned) if instead else (np.empty_like(data), np.empty_like(data))

        def align(some: slice) -> None:
            phase[some] = band.phases(shifts[some])
            np.multiply(phase[some], data[some], out=aligned[some])

        over_rows(align, data.shape)
        return cls(band, data, phase, aligned)


@dataclass(frozen=True)
class Projection:
    """What the maps and the pattern can explain: all that the posterior needs of the frames.

    ``on_maps`` (R, K) and ``on_pattern`` (K,) are the frames projected on the spectra and on the pattern, ``both``
    (R, K) the pattern projected on the spectra.
    """

    on_maps: Coefficients
    on_pattern: Coefficients
    both: Coefficients

    @classmethod
    def of(cls, moved: Moved, spectra: Float64Array, pattern: Float64Array) -> Projection:
        """Project frames; moved back by the same phases as the frames, the pattern overlaps with them as before."""
        both = combined((spectra * pattern[:, None]).T, moved.phase)
        return cls(combined(spectra.T, moved.aligned), combined(pattern[None], moved.data)[0], both)


@dataclass(frozen=True)
class Posterior:
    """Maps m (R, K) and pattern f (K,) for given shifts, with what their errors need."""

    maps: Coefficients
    fixed: Coefficients
    fixed_inverse: Float64Array
    coupling: Coefficients
    spread: Float64Array


def posterior(band: Band, seen: Projection, model: Model) -> Posterior:
    """Return the most likely maps and pattern."""
    identity = np.eye(model.spectra.shape[1])
    # B = (power^-1 + 1)^-1, written so that a power of zero is allowed.
    spread = model.power @ np.linalg.inv(model.power + identity)
    energy = float((model.pattern**2).sum())
    coupling = products_by_ring(band, spread, seen.both)
    free = energy - (seen.both.conj() * coupling).sum(axis=0).real.astype(np.float64)
    q = 1 / np.maximum(model.pattern_power, _NO_POWER)[band.ring] + np.maximum(free, _PRECISION * energy)
    fixed = ((seen.on_pattern - (coupling.conj() * seen.on_maps).sum(axis=0)) / q).astype(np.complex64)
    maps = products_by_ring(band, spread, seen.on_maps - seen.both * fixed)
    return Posterior(maps, fixed, q, coupling, spread)


def gradient(moved: Moved, model: Model, found: Posterior) -> Float64Array:
    """Return half the derivative (E, P) of the log-likelihood by the shifts."""
    spectra, waves = model.spectra, 1j * moved.band.waves[:, None]
    # The last term is that of the determinant: without it, frames drift apart where that lets the pattern and the maps
    # fit more of the noise.
    beside = found.maps * found.fixed.conj() - found.coupling / found.fixed_inverse.astype(np.float32)
    of_maps, of_pattern = (np.concatenate(list(waves * images)) for images in (found.maps, beside))
    overlap = inner(moved.aligned, of_maps) - spectra @ inner(found.maps, of_maps)
    overlap -= model.pattern[:, None] * inner(moved.phase, of_pattern)
    result: Float64Array = -(overlap.reshape(len(spectra), len(waves), -1) * spectra[:, None]).sum(axis=2)
    return result


def hessian(moved: Moved, model: Model, found: Posterior) -> Float64Array:
    """Return half the curvature (P E, P E) of the log-likelihood: all dy, then all dx."""
    spectra, waves = model.spectra, moved.band.waves
    (count, n), axes = spectra.shape, len(waves)
    slopes = np.concatenate([wave * found.maps for wave in waves])
    sums = inner_by_ring(moved.band, slopes).astype(np.float64).reshape(-1, axes, n, axes, n)
    # (S A S^T) * (S B S^T), element by element, is the same of products of two spectra, with A and B; so rings are
    # summed before they become matrices of all frames.
    pairs = (spectra[:, :, None] * spectra[:, None]).reshape(count, n * n)
    told = np.einsum("kaibj,kuv->abiujv", sums, found.spread).reshape(axes, axes, n * n, n * n)
    alone = np.einsum("ei,aibj,ej->abe", spectra, sums.sum(axis=0), spectra)
    result: Float64Array = -pairs @ told @ pairs.T
    result[:, :, np.arange(count), np.arange(count)] += alone
    result = result.swapaxes(1, 2).reshape(axes * count, -1)
    return result - _of_the_pattern(moved, model, found)


def _of_the_pattern(moved: Moved, model: Model, found: Posterior) -> Float64Array:
    """Return the part of the Hessian that the pattern of the detector could explain as well."""
    result = np.zeros(2 * [len(moved.band.waves) * len(model.spectra)])
    noticeable = float((model.pattern**2).sum()) * model.pattern_power > _NOTICEABLE
    pattern, waves = model.pattern.astype(np.float32)[:, None], moved.band.waves
    for ring in (ring for ring, seen in zip(moved.band.rings, noticeable, strict=True) if seen):
        left = moved.phase[:, ring] * pattern - combined(model.spectra, found.coupling[:, ring])
        np.conjugate(left, out=left)
        left *= combined(model.spectra, found.maps[:, ring] / np.sqrt(found.fixed_inverse[ring]))
        both = np.concatenate([left * wave for wave in waves[:, ring]])
        result += inner(both, both)
    return result


def log_likelihood(band: Band, seen: Projection, model: Model) -> float:
    """Return the logarithm of the marginal likelihood, without a part that depends on the data only."""
    found = posterior(band, seen, model)
    fitted = np.vdot(seen.on_maps, found.maps).real + np.vdot(seen.on_pattern, found.fixed).real
    power = np.maximum(model.pattern_power, _NO_POWER)
    volume = np.linalg.slogdet(model.power + np.eye(model.spectra.shape[1]))[1] + np.log(power)
    return float(fitted - (band.in_ring * volume).sum() - np.log(found.fixed_inverse).sum())
