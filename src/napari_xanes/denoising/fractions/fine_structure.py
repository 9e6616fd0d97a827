"""Give structure back that cleaning took: measured fractions that contradict the cleaned map beyond their noise.

In each pixel, hypotheses about the difference between truth and cleaned map are weighed by their evidence: none; a
difference that is independent from pixel to pixel, in this pixel alone, along a line, or in a square; a common
difference along a line. Priors of single pixels come from the map itself (empirical Bayes; after Stephens,
Biostatistics 18, 275, 2017), so that nothing is given back where all differences are those of noise.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from napari_xanes._typing import BoolArray, Float32Array, Float64Array
from napari_xanes.denoising.fractions.texture import WINDOW, unresolved_texture
from napari_xanes.denoising.tiles import Tile, over_tiles

SPREADS = (0.1, 0.2, 0.4)
"""Standard deviations of the differences that are tried, as fractions."""

_LINE, _SQUARE = 11, 5  # pixels
_DIRECTIONS = ((0, 1), (1, 0), (1, 1), (1, -1))

_PRIOR, _MIN_OWN = 3e-4, 3e-4
"""Prior probabilities of each line and square, and least one of a single pixel."""

_SHARE_AS_PRIOR, _MIN_FOUND = 0.5, 2
"""Where so many pixels of a window have structure, the prior of lines and squares is this times their share."""

_NOISE_MARGIN = 1.1
"""Noise variances are known to about 10 %; an excess of this size does not count as structure."""

_MAX_VARIANCE = 0.25
"""Pixels whose fraction is less certain tell nothing about fine structure."""

_MOST_EVIDENCE, _MOST_SIGMA = 3.0, 4.0
"""A pixel adds at most this evidence to a line or square (logarithm), and counts for at most this many standard errors
in the evidence of a line's common difference: a single bright pixel is no line."""

_ON_THE_LINE = 2.0
"""Standard errors by which a pixel may differ from its line without speaking against it."""

_CERTAIN = 10.0
"""Logarithm of the likelihood ratio above which there are isolated pixels that differ, wherever they are."""

_LINE_SPREAD, _LINE_ROUGHNESS = 0.3, 0.03
"""Standard deviations of a line's common difference, and of its pixels around it."""

_POOL = 2.0  # pixels
_MARGIN = 32  # pixels, more than what a pixel depends on beside the priors of single pixels
_PSEUDO_COUNT, _ROUNDS, _MOST_PIXELS = 10.0, 100, 20000
"""For the priors: pixels that are assumed to have no structure, steps of expectation maximization, pixels used."""


@dataclass(frozen=True)
class FineStructure:
    """A map with its fine structure, its standard error, where structure was found, and where it was looked for."""

    fractions: Float32Array
    sigma: Float32Array
    found: BoolArray
    examined: BoolArray


def restore_fine_structure(
    cleaned: Float32Array, sigma: Float32Array, measured: Float32Array, variance: Float32Array
) -> FineStructure:
    """Add to a cleaned map what the measured one shows beyond noise, and widen its errors by what remains uncertain.

    Parameters
    ----------
    cleaned, sigma : ndarray, shape (Y, X)
        Cleaned map of a fraction and its standard error.
    measured, variance : ndarray, shape (Y, X)
        The map before cleaning and its noise variance; infinite where a pixel can't be used.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> board = np.where((np.indices((32, 32)) // 2).sum(axis=0) % 2, 0.2, 0.8)
    >>> flat, noise = np.full((32, 32), 0.5, np.float32), np.full((32, 32), 0.01, np.float32)
    >>> measured = (board + rng.normal(0, 0.1, board.shape)).astype(np.float32)
    >>> restored = restore_fine_structure(flat, 0.02 + 0 * flat, measured, noise)
    >>> bool(np.std(restored.fractions - board) < 0.12), bool(0.08 < np.median(restored.sigma) < 0.12)
    (True, True)
    """
    examined = np.asarray(variance < _MAX_VARIANCE)
    if not examined.any():
        return FineStructure(cleaned, sigma, examined, examined)
    base, base_sigma = (np.empty(cleaned.shape, np.float32) for _ in range(2))

    def pool(tile: Tile) -> None:
        images = [image[tile.wide] for image in (cleaned, sigma, measured, variance)]
        pooled = _pooled_texture(*images, used=examined[tile.wide])
        base[tile.box], base_sigma[tile.box] = (image[tile.inner] for image in pooled)

    over_tiles(pool, cleaned.shape, _MARGIN)
    own, gain = _own_priors(base, measured, variance, examined)
    fractions, errors, found = np.empty_like(base), np.empty_like(base), np.empty(cleaned.shape, bool)

    def restore(tile: Tile) -> None:
        images = [image[tile.wide] for image in (base, base_sigma, measured, variance)]
        part = _restored(*images, examined=examined[tile.wide], own=own, gain=gain)
        fractions[tile.box], errors[tile.box], found[tile.box] = (image[tile.inner] for image in part)

    over_tiles(restore, cleaned.shape, _MARGIN)
    return FineStructure(np.where(examined, fractions, cleaned), np.where(examined, errors, sigma), found, examined)


def _restored(
    base: Float32Array,
    base_sigma: Float32Array,
    measured: Float32Array,
    variance: Float32Array,
    *,
    examined: BoolArray,
    own: Float64Array,
    gain: float,
) -> tuple[Float32Array, Float32Array, BoolArray]:
    """Return a map with its fine structure, its error, and where structure was found, from the priors of the whole."""
    difference, noise = _difference(base, measured, variance, examined)
    alone = _independent(difference, noise)
    common = _common(difference, noise, examined)
    evidence = [np.where(examined, image, 0) for image in alone.evidence]
    weights, prior = _weigh(evidence, common.evidence, own, examined)
    means = [np.zeros_like(difference), *alone.means, *common.means]
    variances = [base_sigma**2, *alone.variances, *common.variances]
    mean = _sum(weights, means)
    total = _sum(weights, [part + image**2 for part, image in zip(variances, means, strict=True)]) - mean**2
    # Where there is structure, what is left beyond noise may be structure too.
    doubtful = examined & ((prior > _PRIOR) | (gain > _CERTAIN))
    left = np.where(doubtful, (difference - mean) ** 2 - noise, 0)
    return base + mean, np.sqrt(np.maximum(np.maximum(total, left), 0)), examined & (weights[0] < 0.5)


def _difference(
    base: Float32Array, measured: Float32Array, variance: Float32Array, examined: BoolArray
) -> tuple[Float32Array, Float32Array]:
    """Return the difference of the measured map to the cleaned one, 0 where nothing is examined, and its variance."""
    noise = np.where(examined, variance, 1).astype(np.float32) * np.float32(_NOISE_MARGIN)
    return np.where(examined, measured - base, 0).astype(np.float32), noise


@dataclass(frozen=True)
class _Hypotheses:
    """Hypotheses of one kind: the logarithm of each one's evidence without its prior, and the mean and variance of the
    difference under it, lists of (Y, X)."""

    evidence: list[Float32Array]
    means: list[Float32Array]
    variances: list[Float32Array]


def _pooled_texture(
    cleaned: Float32Array, sigma: Float32Array, measured: Float32Array, variance: Float32Array, *, used: BoolArray
) -> tuple[Float32Array, Float32Array]:
    """Replace the map by a pooled mean where its texture is unresolved: a cleaned map that follows it keeps noise."""
    from scipy.ndimage import gaussian_filter

    measured, variance = np.where(used, measured, cleaned), np.where(used, variance, 1).astype(np.float32)
    share = unresolved_texture(measured, variance, used)
    if not share.any():
        return cleaned, sigma
    weight = np.where(used, 1 / variance, 0)
    total = np.maximum(gaussian_filter(weight, _POOL), 1e-12)
    pooled = gaussian_filter(weight * measured, _POOL) / total
    pooled_variance = 1 / (4 * np.pi * _POOL**2 * total)
    mixed = np.sqrt((1 - share) * sigma**2 + share * pooled_variance)
    return np.asarray(cleaned + share * (pooled - cleaned), np.float32), np.asarray(mixed, np.float32)


def _independent(difference: Float32Array, noise: Float32Array) -> _Hypotheses:
    """Return the hypotheses that a pixel's difference has one of the spreads, whatever its neighbours are."""
    evidence, means, variances = [], [], []
    for spread in SPREADS:
        ratio = np.float32(spread**2) / noise
        share = ratio / (1 + ratio)
        logarithm = 0.5 * (difference**2 * share / noise - np.log1p(ratio))
        evidence.append(logarithm.astype(np.float32))
        means.append(share * difference)
        variances.append(share * noise)
    return _Hypotheses(evidence, means, variances)


def _common(difference: Float32Array, noise: Float32Array, examined: BoolArray) -> _Hypotheses:
    """Return the hypotheses that the pixels of a line in some direction have one common difference."""
    precision = np.where(examined, 1 / noise, 0).astype(np.float32)
    limit = _MOST_SIGMA * np.sqrt(noise)
    limited = np.clip(difference, -limit, limit)
    evidence, means, variances = [], [], []
    for direction in _DIRECTIONS:
        information = _line_sum(precision, direction) + np.float32(1 / _LINE_SPREAD**2)
        least, mean = (_line_sum(precision * values, direction) / information for values in (limited, difference))
        of_line = least**2 * information - np.log(information * np.float32(_LINE_SPREAD**2))
        # A pixel that contradicts its line is none of it.
        contradiction = (difference - mean) ** 2 / (noise + np.float32(_LINE_ROUGHNESS**2)) - _ON_THE_LINE**2
        evidence.append((0.5 * (of_line - np.maximum(contradiction, 0))).astype(np.float32))
        means.append(mean)
        variances.append((1 / information + _LINE_ROUGHNESS**2).astype(np.float32))
    return _Hypotheses(evidence, means, variances)


def _own_priors(
    base: Float32Array, measured: Float32Array, variance: Float32Array, examined: BoolArray
) -> tuple[Float64Array, float]:
    """Return how common pixels without and with differences of each spread are, and the evidence that there are any."""
    places = np.flatnonzero(examined)
    step = max(1, places.size // _MOST_PIXELS)
    some = places[::step]
    difference = _difference(base.ravel()[some], measured.ravel()[some], variance.ravel()[some], examined.ravel()[some])
    used = np.stack(_independent(*difference).evidence).astype(np.float64)
    odds = np.exp(np.minimum(np.concatenate([np.zeros((1, used.shape[1])), used]), 60))
    priors = np.full(len(odds), 0.02)
    priors[0] = 1 - priors[1:].sum()
    for _ in range(_ROUNDS):
        counts = priors * (odds @ (1 / (priors @ odds)))
        counts[0] += _PSEUDO_COUNT / step
        priors = counts / counts.sum()
    return priors, step * float(np.log(priors @ odds).sum())


def _weigh(
    alone: list[Float32Array], common: list[Float32Array], own: Float64Array, examined: BoolArray
) -> tuple[Float32Array, Float32Array]:
    """Return the probability of each hypothesis (N, Y, X), no difference first, and the prior of lines and squares.

    Where lines and squares are found with the least prior, they are looked for again with a larger one.
    """
    groups = [_group_evidence(np.minimum(image, _MOST_EVIDENCE)) for image in alone]
    singles = [np.float32(np.log(max(p, _MIN_OWN))) + image for p, image in zip(own[1:], alone, strict=True)]
    prior = np.full(examined.shape, _PRIOR, np.float32)

    def weights() -> Float32Array:
        log_prior = np.log(prior)
        mixed = [np.logaddexp(single, log_prior + group) for single, group in zip(singles, groups, strict=True)]
        none = np.full_like(prior, np.log(own[0]))
        logarithms = np.stack([none, *mixed, *(log_prior + image for image in common)])
        result = np.exp(logarithms - logarithms.max(axis=0))
        return np.asarray(result / result.sum(axis=0), np.float32)

    result = weights()
    raised = _raised_prior((result[0] < 0.5) & examined)
    if not raised.any():
        return result, prior
    prior = np.maximum(prior, raised)
    return weights(), prior


def _group_evidence(evidence: Float32Array) -> Float32Array:
    """Return the logarithm of the summed evidence of the square and of the lines through each pixel."""
    from scipy.ndimage import uniform_filter

    total: Float32Array = uniform_filter(evidence, _SQUARE, mode="constant") * np.float32(_SQUARE**2)
    for direction in _DIRECTIONS:
        np.logaddexp(total, _line_sum(evidence, direction), out=total)
    return total


def _raised_prior(found: BoolArray) -> Float32Array:
    """Return the prior of lines and squares where there is structure around, 0 elsewhere."""
    from scipy.ndimage import uniform_filter

    share = uniform_filter(found.astype(np.float32), WINDOW)
    enough = share * WINDOW**2 > _MIN_FOUND - 0.5
    return np.where(enough, _SHARE_AS_PRIOR * share, 0).astype(np.float32)


def _line_sum(image: Float32Array, direction: tuple[int, int]) -> Float32Array:
    """Sum an image over the pixels of a line through each pixel."""
    half = _LINE // 2
    padded = np.pad(image, half)
    height, width = image.shape
    total = np.zeros_like(image)
    for k in range(-half, half + 1):
        top, left = half + k * direction[0], half + k * direction[1]
        total += padded[top : top + height, left : left + width]
    return total


def _sum(weights: Float32Array, images: list[Float32Array]) -> Float32Array:
    total = np.zeros_like(images[0])
    for weight, image in zip(weights, images, strict=True):
        total += weight * image
    return total
