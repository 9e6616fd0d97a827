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
from numpy.typing import NDArray

from napari_xanes._typing import Float64Array
from napari_xanes.registration.fourier import Band, Coefficients

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
    """

    spectra: Float64Array
    power: Float64Array
    pattern_power: Float64Array
    pattern: Float64Array


@dataclass(frozen=True)
class Posterior:
    """Maps m (R, K) and pattern f (K,) for given shifts, with what their errors need."""

    maps: NDArray[np.complex64]
    fixed: NDArray[np.complex64]
    fixed_inverse: Float64Array
    coupling: NDArray[np.complex64]
    spread: Float64Array


def posterior(band: Band, aligned: Coefficients, fixed: Coefficients, model: Model) -> Posterior:
    """Return the most likely maps and pattern.

    Parameters
    ----------
    aligned : ndarray, shape (E, K)
        Coefficients, moved back by the shifts.
    fixed : ndarray, shape (E, K)
        The pattern of the detector in every frame, moved back likewise, for ``f = 1``.
    """
    spectra = model.spectra.astype(np.float32)
    identity = np.eye(spectra.shape[1])
    # B = (power^-1 + 1)^-1, written so that a power of zero is allowed.
    spread = model.power @ np.linalg.inv(model.power + identity)
    by_ring = spread[band.ring].astype(np.float32)
    y = spectra.T @ aligned
    v = spectra.T @ fixed
    z = np.einsum("ek,ek->k", fixed.conj(), aligned)
    energy = float((model.pattern**2).sum())
    b_v = np.einsum("krs,sk->rk", by_ring, v)
    free = energy - np.einsum("rk,rk->k", v.conj(), b_v).real
    q = 1 / np.maximum(model.pattern_power, _NO_POWER)[band.ring] + np.maximum(free, _PRECISION * energy)
    f = ((z - np.einsum("rk,rk->k", b_v.conj(), y)) / q).astype(np.complex64)
    m = np.einsum("krs,sk->rk", by_ring, y - v * f).astype(np.complex64)
    return Posterior(m, f, q, b_v, spread)


def gradient(band: Band, aligned: Coefficients, fixed: Coefficients, model: Model, found: Posterior) -> Float64Array:
    """Return half the derivative (E, 2) of the log-likelihood by the shifts."""
    spectra = model.spectra
    result = np.empty((len(aligned), 2))
    for axis, k in enumerate((band.ky, band.kx)):
        weights = (2 * np.pi * k) * found.maps.conj()
        overlap = (aligned @ weights.T) - spectra @ (found.maps @ weights.T) - fixed @ (found.fixed * weights).T
        # The last term is that of the determinant: without it, frames drift apart where that lets the pattern and the
        # maps fit more of the noise.
        freedom = fixed @ ((2 * np.pi * k) * found.coupling.conj() / found.fixed_inverse.astype(np.float32)).T
        result[:, axis] = -(spectra * (overlap + freedom).imag).sum(axis=1)
    return result


def hessian(band: Band, fixed: Coefficients, model: Model, found: Posterior) -> Float64Array:
    """Return half the curvature (2E, 2E) of the log-likelihood: all dy, then all dx."""
    spectra, count = model.spectra, len(model.spectra)
    wave = 2 * np.pi * np.stack([band.ky, band.kx]).astype(np.float64)
    result = np.zeros((2, count, 2, count))
    outer = found.maps.conj()[:, None] * found.maps[None]
    for a, b in ((0, 0), (0, 1), (1, 1)):
        sums = band.ring_sums((wave[a] * wave[b] * outer).real)
        block = np.zeros((count, count))
        for ring in range(band.n_rings):
            gram = spectra @ sums[..., ring] @ spectra.T
            block += gram * (np.eye(count) - spectra @ found.spread[ring] @ spectra.T)
        result[a, :, b], result[b, :, a] = block, block.T
    _less_the_pattern(result, band, fixed, model, found)
    return result.reshape(2 * count, 2 * count)


def _less_the_pattern(result: Float64Array, band: Band, fixed: Coefficients, model: Model, found: Posterior) -> None:
    """Take from a Hessian what the pattern of the detector could explain as well."""
    some = np.flatnonzero(float((model.pattern**2).sum()) * model.pattern_power[band.ring] > _NOTICEABLE)
    if not some.size:
        return
    spectra = model.spectra.astype(np.float32)
    left = fixed[:, some] - spectra @ found.coupling[:, some]
    left = left.conj() * (spectra @ found.maps[:, some]) / np.sqrt(found.fixed_inverse[some]).astype(np.float32)
    count = len(spectra)
    both = np.concatenate([left * (2 * np.pi * k[some]) for k in (band.ky, band.kx)])
    result -= (both.conj() @ both.T).real.reshape(2, count, 2, count)


def log_likelihood(band: Band, aligned: Coefficients, fixed: Coefficients, model: Model) -> float:
    """Return the logarithm of the marginal likelihood, without a constant."""
    found = posterior(band, aligned, fixed, model)
    spectra = model.spectra.astype(np.float32)
    left = aligned - spectra @ found.maps - fixed * found.fixed
    power = np.maximum(model.pattern_power, _NO_POWER)
    volume = np.linalg.slogdet(model.power + np.eye(spectra.shape[1]))[1] + np.log(power)
    return -float(np.vdot(aligned, left).real + (band.in_ring * volume).sum() + np.log(found.fixed_inverse).sum())
