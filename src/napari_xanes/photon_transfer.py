"""Gain and read noise of a detector from its own counts: the variance of the counts over their mean."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from napari_xanes._typing import BoolArray, Float64Array

_LEAST_ENERGIES, _LEAST_PIXELS = 12, 900
_BINS = 12
_MAX_CORRELATION = 0.05
"""Noise counts as smoothed or resampled if neighbours correlate by more than this. A shift by 0.05 pixels is enough for
such a correlation."""

_MAX_MISFIT = 0.08
"""Share of the variance by which it may differ from a line over the counts."""

_MODEL_ERROR = 0.01
"""Share of the variance by which a line over the counts is taken to be off anyway."""

_MAX_GAIN_ERROR = 0.2


@dataclass(frozen=True)
class PhotonTransfer:
    """Gain and read noise of a detector, with standard errors.

    Parameters
    ----------
    gain, gain_sigma : float
        Counts per detected photon; NaN if they can't be known.
    read_noise, read_noise_sigma : float
        Standard deviation of a frame without light, in counts.
    reason : str
        Why they can't be known; empty if they are.
    """

    gain: float = np.nan
    gain_sigma: float = np.nan
    read_noise: float = np.nan
    read_noise_sigma: float = np.nan
    reason: str = ""

    def __str__(self) -> str:
        if self.reason:
            return f"gain not known: {self.reason}"
        return (
            f"gain {self.gain:.3g} ± {self.gain_sigma:.2g} counts per photon, "
            f"read noise {self.read_noise:.3g} ± {self.read_noise_sigma:.2g} counts"
        )


class _Residual(NamedTuple):
    """What no common structure explains: relative ``noise`` (E, P) around ``expected`` counts (E, P).

    ``kept`` (E,) is the share of the noise's variance that removing the structure left, ``overlap`` (E, E) the
    projection onto the structure, ``white`` (E, P) the noise in units of its own size.
    """

    noise: Float64Array
    expected: Float64Array
    kept: Float64Array
    overlap: Float64Array
    white: Float64Array


def photon_transfer(counts: NDArray[np.floating]) -> PhotonTransfer:
    """Estimate gain and read noise from frames of one scene, with or without sample.

    Parameters
    ----------
    counts : ndarray, shape (E, Y, X)
        Counts without dark, as measured: a stack of a sample, or flats. The scene may change from frame to frame as far
        as a few spectra describe it. Pixels that are not positive in all frames are left out.

    Returns
    -------
    PhotonTransfer
        With a `reason` instead of numbers, if the noise is not that of counted photons, or can't be told.

    Notes
    -----
    The logarithm of the counts is a sum of few spectra times images: the beam, the illumination, the components of the
    sample. They are found as principal components and removed. What is left is noise, of variance
    ``gain * counts + read_noise**2`` (photon transfer: Janesick, Photon Transfer, SPIE Press 2007).

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> lit = np.linspace(1500, 3000, 30)[:, None, None] * np.linspace(0.2, 1, 40)
    >>> found = photon_transfer(2.0 * rng.poisson(lit + np.zeros((30, 40, 40))) + rng.normal(0, 5, (30, 40, 40)))
    >>> abs(found.gain - 2) < 3 * found.gain_sigma, abs(found.read_noise - 5) < 3 * found.read_noise_sigma
    (True, True)
    """
    measured = _measure(counts)
    return PhotonTransfer(reason=measured) if isinstance(measured, str) else _line_through(*measured)


def noise_ratio(counts: NDArray[np.floating], gain: float, read_noise: float) -> float:
    """Return the variance of the noise of frames over ``gain * counts + read_noise**2``; NaN if it can't be told.

    Parameters
    ----------
    counts : ndarray, shape (E, Y, X)
        Counts without dark, as in `photon_transfer`.
    gain, read_noise : float
        Counts per photon, and standard deviation of a frame without light in counts.
    """
    measured = _measure(counts)
    if isinstance(measured, str):
        return np.nan
    mean, variance, _ = measured
    return float(np.mean(variance / (gain * mean + read_noise**2)))


def _measure(counts: NDArray[np.floating]) -> tuple[Float64Array, Float64Array, Float64Array] | str:
    """Return counts, variance and its error in bins of counts, or why the noise can't be told."""
    spectra = counts.reshape(counts.shape[0], -1).astype(np.float64)
    used, reason = _usable(spectra)
    if reason:
        return reason
    residual = _without_structure(spectra.compress(used, axis=1))
    if residual is None:
        return "the frames differ in too many ways to tell noise from structure"
    alike = _correlation(residual, used.reshape(counts.shape[1:]))
    if alike > _MAX_CORRELATION:
        return (
            f"the noise of neighbouring pixels or energies is alike (correlation {alike:.2f}): the stack was smoothed "
            "or resampled, or a pattern moves"
        )
    return _binned_variance(residual)


def _usable(spectra: Float64Array) -> tuple[BoolArray, str]:
    """Return which pixels (P,) can be used, and why there are not enough of them."""
    n_energies = len(spectra)
    with np.errstate(invalid="ignore"):
        used: BoolArray = np.all((spectra > 0) & np.isfinite(spectra), axis=0)
    if n_energies < _LEAST_ENERGIES or used.sum() < _LEAST_PIXELS:
        return used, (
            f"{n_energies} frames of {used.sum()} pixels with counts; at least {_LEAST_ENERGIES} frames and "
            f"{_LEAST_PIXELS} pixels are needed"
        )
    mean = np.nanmean(spectra, axis=0)
    lit = mean > 0.1 * np.median(mean[used])
    lost = float(np.mean(~used[lit]))
    if lost > 0.05:
        return used, f"{lost:.0%} of the lit pixels are without counts at some energy"
    used &= lit
    used[used] = _steady(spectra.compress(used, axis=1))
    return used, ""


def _steady(spectra: Float64Array) -> BoolArray:
    """Return which pixels (P,) do not flicker more than the others, by second differences along the energy."""
    logarithm = np.log(spectra)
    differences = logarithm[1:-1] - (logarithm[2:] + logarithm[:-2]) / 2
    differences -= np.median(differences, axis=1, keepdims=True)
    flicker = np.sqrt(np.mean(differences**2, axis=0) * np.mean(spectra, axis=0))
    steady: BoolArray = flicker < 2 * np.median(flicker)
    return steady


def _without_structure(spectra: Float64Array) -> _Residual | None:
    """Remove the components that stand out from the noise; None if there are too many."""
    n_energies, n_pixels = spectra.shape
    bright = np.sqrt(spectra.mean(axis=0))
    bright /= np.sqrt(np.mean(bright**2))
    logarithm = np.log(spectra)
    logarithm -= logarithm.mean(axis=1, keepdims=True)
    scale = np.ones(n_energies)
    for count in (min(8, n_energies // 4), 0):
        one = (1 / scale)[:, None] / np.linalg.norm(1 / scale)
        scaled = logarithm * bright / scale[:, None]
        scaled -= one * (one.T @ scaled)
        values, vectors = np.linalg.eigh(scaled @ scaled.T / n_pixels)
        if not count:
            count = _standing_out(values, n_pixels)
        if count > n_energies // 4:
            return None
        found = vectors[:, n_energies - count :]
        basis = np.concatenate([one, found], axis=1)
        white = scaled - found @ (found.T @ scaled)
        kept = 1 - (basis**2).sum(axis=1)
        size = np.sqrt(np.mean(white**2, axis=1) / kept)
        if (scale == 1).all():
            scale = np.maximum(size, 1e-12)
    # Counts over what is expected of them.
    ratio = np.exp(white * (scale[:, None] / bright))
    return _Residual(ratio - 1, spectra / ratio, kept, basis @ basis.T, white / size[:, None])


def _standing_out(values: Float64Array, n_pixels: int) -> int:
    """Return how many eigenvalues lie above those that noise alone reaches (Marchenko and Pastur, 1967)."""
    n_energies = values.size
    typical = float(np.median(values[1 : max(2, n_energies - n_energies // 4)]))
    return int(np.sum(values > 1.1 * typical * (1 + np.sqrt(n_energies / n_pixels)) ** 2))


def _correlation(residual: _Residual, used: BoolArray) -> float:
    """Return the largest correlation of the noise of neighbours: along x, y or energy."""
    n_energies = len(residual.white)
    image = np.zeros((n_energies, *used.shape))
    white = np.clip(residual.white, -4, 4)
    image[:, used] = white
    found = []
    for axis in (1, 2):
        ahead = [slice(None)] * 3
        behind = list(ahead)
        ahead[axis], behind[axis] = slice(1, None), slice(None, -1)
        both = (used[tuple(ahead[1:])] & used[tuple(behind[1:])]).sum() * n_energies
        found.append(float((image[tuple(ahead)] * image[tuple(behind)]).sum() / max(both, 1)))
    size = float(np.mean(white**2))
    energies = float(np.mean(white[1:] * white[:-1]))
    expected = -float(np.mean(np.diagonal(residual.overlap, 1)))
    return max(found[0] / size, found[1] / size, energies / size - expected / float(np.mean(residual.kept)))


def _binned_variance(residual: _Residual) -> tuple[Float64Array, Float64Array, Float64Array]:
    """Return counts, variance and its error in bins of equal numbers, without pixels that are unlike all others."""
    own = np.mean(residual.white**2, axis=0)
    width = np.sqrt(2 / len(residual.white)) + 0.1
    good = np.abs(own / np.median(own) - 1) < 5 * width
    noise, expected = (values.compress(good, axis=1) for values in (residual.noise, residual.expected))
    edges = np.quantile(expected.ravel()[:: max(1, expected.size >> 14)], np.arange(1, _BINS) / _BINS)
    number = np.searchsorted(edges, expected.ravel())

    def mean_of(values: Float64Array) -> Float64Array:
        return np.bincount(number, values.ravel(), _BINS) / count

    count = np.bincount(number, minlength=_BINS)
    bias = mean_of(noise)
    mean = mean_of(expected)
    squares = (noise - bias[number].reshape(noise.shape)) ** 2 * expected**2 / residual.kept[:, None]
    variance = mean_of(squares)
    return mean, variance, variance * np.sqrt(2 / count + _MODEL_ERROR**2)


def _line_through(mean: Float64Array, variance: Float64Array, error: Float64Array) -> PhotonTransfer:
    """Fit ``variance = gain * mean + read_noise**2``, neither below zero."""
    from scipy.optimize import nnls

    columns = np.stack([mean, np.ones_like(mean)], axis=1) / error[:, None]
    (gain, squared), _ = nnls(columns, variance / error)
    off = np.max(np.abs(gain * mean + squared - variance) / variance - 4 * error / variance)
    if off > _MAX_MISFIT:
        return PhotonTransfer(reason=f"its variance is {off:.0%} off a line over the counts: it is not that of photons")
    gain_sigma, squared_sigma = np.sqrt(np.diagonal(np.linalg.inv(columns.T @ columns)))
    if gain_sigma > _MAX_GAIN_ERROR * gain:
        return PhotonTransfer(
            reason=f"the counts ({mean[0]:.3g} to {mean[-1]:.3g}) vary too little to tell photons from read noise"
        )
    read_noise = float(np.sqrt(squared))
    upper = np.sqrt(squared + squared_sigma)
    return PhotonTransfer(float(gain), float(gain_sigma), read_noise, float(upper - read_noise))
