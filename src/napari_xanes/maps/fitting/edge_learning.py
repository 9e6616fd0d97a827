"""The true errors of edge energies, learned from trials: noise is added to spectra of the stack that have none."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from napari_xanes._typing import BoolArray, Float64Array
from napari_xanes.edge import EdgeLines, Range
from napari_xanes.edge.local_quadratic import search_frames
from napari_xanes.maps.fitting.edge_fit import EdgeFit
from napari_xanes.maps.fitting.edge_noise import EdgeNoise
from napari_xanes.maps.fitting.edge_scales import Scales, with_edge
from napari_xanes.maps.fitting.edge_trials import NAMES, Trials
from napari_xanes.stack import SpectralStack

_TRIALS, _MOST_REPEATS = 1500, 20
"""About so many spectra are tried; each spectrum of the sample so many times at most."""

_LEVELS, _LEAST_OF_LEVEL, _LEAST = 5, 60, 20
"""Spectra are sorted by their noise into so many levels, if each has so many; fewer than the last say nothing."""

_ROUNDING = 1e-5
"""Noise below this share of the jump is the rounding of float32."""

_ONE, _TWO = 0.683, 0.954
"""Shares of a normal variable within one and two standard deviations."""

_WIDEST = 0.1
"""An energy whose error is larger than this share of the search range can't be placed."""

_LEAST_PLACED = 0.3
"""Nor can one that fewer trials than this share find."""

_SURE = 3.0
"""So many standard errors away from 0 is no chance."""

_ALIKE = (0.0, 0.5, 0.9)
"""Shares of the variance that may be equal for all pixels of the same noise."""


class _Tried(NamedTuple):
    """What trials have found: noise at E0 (N,) as a share of the jump; errors and their sigma (3, N) in eV."""

    rough: Float64Array
    error: Float64Array
    sigma: Float64Array


def learn_trials(
    sample: SpectralStack, edge: EdgeLines, energy: Range, level: float, least_jump: float, scales: Scales
) -> Trials | None:
    """Add noise to spectra without noise, and compare the energies that are found with theirs.

    The spectra without noise are those of the stack's own pixels, from as many principal components as stand out of the
    noise (`without_noise`). So they have the shapes, jumps and noise of the pixels.

    Parameters
    ----------
    sample : SpectralStack
        Some pixels of a stack, in memory.
    edge : EdgeLines
        Its lines.
    energy : tuple of float
        Search range in eV.
    level : float
        Fraction of the step whose crossing is the edge energy.
    least_jump : float
        Pixels with a smaller edge jump do not count.
    scales : Scales
        Noise and smoothing of the stack.

    Returns
    -------
    Trials or None
        None where there is no noise, or too few pixels.
    """
    with np.errstate(all="ignore"):
        block, lines, has_edge = with_edge(sample, edge, least_jump)
        chosen = has_edge & np.isfinite(lines.noise)
        variance = EdgeNoise(edge, sample, search_frames(sample.energy, energy), scales.noise).of_points(block, lines)
        if variance is None or not chosen.any():
            return None
        variance = np.broadcast_to(variance, block.shape)[:, chosen].astype(np.float64)
        mean = variance.mean(axis=1)
        if not (np.isfinite(mean).all() and mean.min() > 0):
            return None
        clean = without_noise(block[:, chosen].astype(np.float64), np.sqrt(mean))
        truth = np.stack(list(EdgeFit(edge, sample, energy, level, least_jump).positions(clean).values()))
        noisy = np.full_like(block, np.nan)
        rng, tried = np.random.default_rng(0), []
        for _ in range(int(np.clip(round(_TRIALS / chosen.sum()), 1, _MOST_REPEATS))):
            trial = clean + np.sqrt(variance) * rng.standard_normal(clean.shape)
            noisy[:, chosen] = _through_lines(edge, trial, clean) if sample.quantity == "normalized" else trial
            fit = EdgeFit(edge, sample, energy, level, least_jump, scales.smooth or 0.0, scales.noise, scales.shift)
            fit.block(noisy, slice(0, noisy.shape[1]))
            tried.append(_tried(fit, chosen, truth))
    low, high = fit.search_range
    return _table(_Tried(*(np.concatenate(parts, axis=-1) for parts in zip(*tried, strict=True))), high - low)


def _tried(fit: EdgeFit, chosen: BoolArray, truth: Float64Array) -> _Tried:
    """What one trial has found in the pixels that have an edge."""
    some, of_chosen = chosen & fit.good, fit.good[chosen]
    values, sigma = (np.stack([fit.energies[name][i][some].astype(np.float64) for name in NAMES]) for i in range(2))
    return _Tried(fit.rough[some].astype(np.float64), values - truth[:, of_chosen], sigma)


def without_noise(spectra: Float64Array, sigma: Float64Array) -> Float64Array:
    """Return spectra from as many principal components as stand out of the noise.

    Singular values are shrunk as is best for white noise (Gavish & Donoho, IEEE Trans. Inf. Theory 63, 2137, 2017).

    Parameters
    ----------
    spectra : ndarray, shape (E, P)
        Spectra in columns.
    sigma : ndarray, shape (E,)
        Standard deviation of their noise.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> clean = np.outer(np.linspace(0, 1, 40), rng.uniform(1, 2, 200))
    >>> noisy = clean + 0.1 * rng.standard_normal(clean.shape)
    >>> round(float(np.std(without_noise(noisy, np.full(40, 0.1)) - clean)), 3)
    0.019
    """
    white = spectra / sigma[:, None]
    n_energies, n_pixels = white.shape
    squares, vectors = np.linalg.eigh(white @ white.T)
    excess = (squares - n_energies - n_pixels) ** 2 - 4.0 * n_energies * n_pixels
    kept = squares > (np.sqrt(n_energies) + np.sqrt(n_pixels)) ** 2
    share = np.sqrt(np.where(kept, excess, 0.0)) / np.where(kept, squares, 1.0)
    cleaned: Float64Array = sigma[:, None] * (vectors @ (share[:, None] * (vectors.T @ white)))
    return cleaned


def _table(tried: _Tried, span: float) -> Trials | None:
    """The errors of each energy, level after level of noise, until one is too large for a search range of `span` eV."""
    if tried.rough.size < _LEAST or np.median(tried.rough) < _ROUNDING:
        return None
    n_levels = int(np.clip(tried.rough.size // _LEAST_OF_LEVEL, 1, _LEVELS))
    levels = np.array_split(np.argsort(tried.rough, kind="stable"), n_levels)
    moved, alike, factor = np.zeros((3, len(NAMES), n_levels))
    for i in range(len(NAMES)):
        for k, level in enumerate(levels):
            error, sigma = tried.error[i, level], tried.sigma[i, level]
            found = np.isfinite(error) & (sigma > 0)
            if found.mean() < _LEAST_PLACED:
                break
            median = _significant_median(error[found])
            typical, *scales = min(_scales(np.abs(error[found] - median), sigma[found], share) for share in _ALIKE)
            if typical > _WIDEST * span:
                break
            moved[i, k], (alike[i, k], factor[i, k]) = median, scales
    return Trials(np.array([np.median(tried.rough[level]) for level in levels]), moved, alike, factor)


def _through_lines(edge: EdgeLines, trial: Float64Array, clean: Float64Array) -> Float64Array:
    """Normalized spectra (E, P) as if the noise of a trial had been there before they were normalized."""
    before, after = edge.measure(clean), edge.measure(trial)
    offset = (edge.energy - edge.e0)[:, None]
    step = (trial - after.low - after.low_slope * offset) / after.jump
    result: Float64Array = before.low + before.low_slope * offset + before.jump * step
    return result


def _significant_median(error: Float64Array) -> float:
    """The median of errors, 0 if it may be chance; the median of normal errors scatters 1.25 times as the mean."""
    median, width = float(np.median(error)), float(np.subtract(*np.quantile(error, (0.84, 0.16)))) / 2
    return median if abs(median) > _SURE * 1.25 * width / np.sqrt(error.size) else 0.0


def _scales(error: Float64Array, sigma: Float64Array, share: float) -> tuple[float, float, float]:
    """The median error, the part of it that pixels have alike, and the factor of their own sigma.

    With these, as many errors as of a normal variable are within one and two sigma, or more.
    """
    median = float(np.median(sigma))
    mixed = np.sqrt((1 - share) * sigma**2 + share * median**2)
    factor = float(max(np.quantile(error / mixed, _ONE), np.quantile(error / mixed, _TWO) / 2))
    return factor * float(np.median(mixed)), factor * share**0.5 * median, factor * (1 - share) ** 0.5
