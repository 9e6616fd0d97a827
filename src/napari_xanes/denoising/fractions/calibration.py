"""Calibrate the errors of cleaned maps on energies that are held out, of the stack itself.

One half of the energies is cleaned, and its map is compared with what the other half measures. The noise of the two is
independent, so what they differ by, beyond the noise of the half that was not cleaned, is the error of cleaning. The
variance of this error is a sum of three parts that depend on the place, with factors that least squares finds: the
expected variance, the squared slope of the map (a border may lie a little elsewhere), and the squared relative slope
of the edge jump (at a rim, errors of the jump count). Where the stack says little, the factors are those of simulated
samples: a ridge holds them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from napari_xanes._typing import BoolArray, Float32Array, Float64Array

USUAL = (0.55, 0.1, 0.01)
"""Factors of the three parts in simulated samples, for a map cleaned from half of the energies."""

_USUAL_SPREAD = (0.15, 0.1, 0.01)
_LEAST = 0.05  # of the expected variance always stays

_HIDDEN = 2.0
"""Variance of the hidden part in the difference of two halves, over that of the whole; known as roughly."""

MARGINS = (1.0, 3.5, 3.0)
"""Factors on the standard errors of the three parts. Errors of borders are not normal, most are small and a few are
large: with less, these lie beyond two standard errors. Chosen on 28 simulated stacks of 14 kinds."""

HIDDEN_MARGIN = 1.3
"""Factor on the standard error of what is hidden beside the error of cleaning."""

_NOISE_KNOWN = 0.03
"""Relative standard error of the noise variance that is subtracted."""

_MAX_VARIANCE = 9.0
"""Pixels whose fraction from half of the energies is less certain tell nothing."""

_LEAST_PIXELS = 300
_STEEPEST = 1.0  # relative change of the edge jump per pixel, and of the fraction
_SMALLEST_POOL, _LARGEST_POOL, _SHORTEST_REACH = 0.7, 3.0, 1.5  # pixels
_NOISE_TO_ERROR_LENGTH = 0.4
"""Range over which errors are alike, in units of the ratio of noise before to that after cleaning. For a Gaussian
filter of width s, noise falls by the root of 4 pi times s, and errors fall off with the range of root of 2 times s."""


@dataclass(frozen=True)
class HeldOut:
    """A cleaned map of one half of the energies and what the other half measured, in a part of the image, (Y, X).

    ``cleaned`` and ``sigma`` are of the first half; ``measured`` and ``noise`` (variance, infinite where unusable) of
    the second; ``hidden`` is the variance of the whole that has another reason, which cleaning does not change;
    ``noise_before`` is the variance of the first half before cleaning; ``jump``, the edge jump; ``whole_sigma``, the
    expected standard error of the map of all energies.
    """

    cleaned: Float32Array
    sigma: Float32Array
    measured: Float32Array
    noise: Float32Array
    hidden: Float32Array
    noise_before: Float32Array
    jump: Float32Array
    whole_sigma: Float32Array


def error_parts(fractions: Float32Array, sigma: Float32Array, jump: Float32Array, used: BoolArray) -> Float32Array:
    """Return the parts (3, Y, X) that the variance of a cleaned map consists of, without their factors.

    Parameters
    ----------
    fractions, sigma : ndarray, shape (Y, X)
        Cleaned map and its expected standard error.
    jump : ndarray, shape (Y, X)
        Edge jump, above 0.
    used : ndarray of bool, shape (Y, X)
        Pixels of the sample; slopes are taken between these only.
    """
    parts = np.empty((3, *sigma.shape), np.float32)
    np.square(sigma, out=parts[0])
    for part, image in zip(parts[1:], (fractions, np.log(jump)), strict=True):
        part[:] = _squared_slope(image, used)
    return parts


def _squared_slope(image: Float32Array, used: BoolArray) -> Float32Array:
    """Return the squared change per pixel, averaged over 3 x 3 pixels."""
    from scipy.ndimage import uniform_filter

    total = np.zeros(image.shape, np.float32)
    for axis in (0, 1):
        change = np.clip(np.diff(image, axis=axis), -_STEEPEST, _STEEPEST)
        both = np.delete(used, 0, axis) & np.delete(used, -1, axis)
        square = np.where(both, change**2, 0)
        total += np.pad(square, [(0, int(i == axis)) for i in (0, 1)])
    return np.asarray(np.maximum(uniform_filter(total, 3), 0), np.float32)


def calibrate(parts: list[HeldOut]) -> Float64Array:
    """Return the factors (3,) of the parts of the variance for the map of all energies, from held-out energies.

    Parameters
    ----------
    parts : list of HeldOut
        Places of the image; without any, the usual factors are returned.
    """
    size = len(USUAL) + 3  # the hidden part, and two signs of the error of the noise variance
    matrix, right = np.zeros((size, size)), np.zeros(size)
    n_pixels = 0
    for part in parts:
        rows = _equations(part)
        n_pixels += len(rows[0].target)
        for equations in rows:
            weighted = equations.columns * equations.weight
            matrix += weighted @ equations.columns.T
            right += weighted @ equations.target
    prior = np.array([*USUAL, _HIDDEN, 0.0, 0.0])
    stiffness = 1 / np.array([*_USUAL_SPREAD, _HIDDEN, _NOISE_KNOWN, _NOISE_KNOWN]) ** 2
    if n_pixels < _LEAST_PIXELS:
        return np.array(USUAL)
    factors: Float64Array = _nonnegative(matrix + np.diag(stiffness), right + stiffness * prior)[: len(USUAL)]
    # The expected variance knows how many energies there are. What slopes add falls as it does.
    shrinkage = np.median([_ratio(part.whole_sigma**2, part.sigma) ** 2 for part in parts])
    factors[1:] *= min(float(shrinkage), 1.0)
    return factors


def _nonnegative(matrix: Float64Array, right: Float64Array) -> Float64Array:
    """Minimize ``x'Mx/2 - r'x`` over x at least 0."""
    from scipy.optimize import nnls

    root = np.linalg.cholesky(matrix).T
    solution: Float64Array = nnls(root, np.linalg.solve(root.T, right))[0]
    return solution


@dataclass(frozen=True)
class _Equations:
    """Columns (N, P) times factors are expected to be the target (P,), with a weight (P,): one over the variance."""

    columns: Float64Array
    target: Float64Array
    weight: Float64Array


def _equations(part: HeldOut) -> tuple[_Equations, _Equations]:
    """Return the equations of single pixels, and those of pixels times the mean of their neighbours.

    The noise of the second half adds to the squares of the first kind, where its variance is subtracted. The second
    kind has none of it, but does not see errors of single pixels.
    """
    from scipy.ndimage import gaussian_filter

    used = (part.noise < _MAX_VARIANCE) & (part.noise_before < _MAX_VARIANCE) & (part.sigma > 0)
    noise = np.where(used, part.noise, 1).astype(np.float64)
    difference = np.where(used, part.cleaned - part.measured, 0).astype(np.float64)
    images = error_parts(part.cleaned, part.sigma, part.jump, used).astype(np.float64)
    expected = np.tensordot(USUAL, images, 1)
    reach = max(_NOISE_TO_ERROR_LENGTH * _ratio(part.noise_before[used], part.sigma[used]), _SHORTEST_REACH)
    radius = float(np.clip(reach / 2, _SMALLEST_POOL, _LARGEST_POOL))

    peak = np.zeros((25, 25))
    peak[12, 12] = 1
    own = gaussian_filter(peak, radius).max()
    weight = np.where(used, 1 / noise, 0)
    around = gaussian_filter(weight, radius) - own * weight
    neighbours = (gaussian_filter(weight * difference, radius) - own * weight * difference) / np.maximum(around, 1e-12)
    # Errors of borders are narrower than those of noise, and what is hidden is wider than the pool.
    alike = [1 / (1 + (radius / length) ** 2) for length in (reach, reach / 2, reach / 2, np.inf)]
    images = np.concatenate([images, part.hidden[None]])
    single_weight = 1 / (2 * (noise + expected) ** 2)
    pooled_noise = noise / (4 * np.pi * radius**2)
    product_weight = 1 / (2 * (noise + expected) * (pooled_noise + expected))
    inner = used & (around > 0.2 / np.median(noise[used])) if used.any() else used
    own_noise = np.stack([noise, -noise])
    single = np.concatenate([images, own_noise])
    product = np.concatenate([images * np.array(alike)[:, None, None], 0 * own_noise])
    return (
        _Equations(single[:, inner], (difference**2 - noise)[inner], single_weight[inner]),
        _Equations(product[:, inner], (difference * neighbours)[inner], product_weight[inner]),
    )


def _ratio(variance: Float32Array, sigma: Float32Array) -> float:
    """Return the typical ratio of the noise before cleaning to the error after it; 1 without pixels."""
    return float(np.median(np.sqrt(variance) / sigma)) if variance.size else 1.0


def calibrated_sigma(parts: Float32Array, factors: Float64Array) -> Float32Array:
    """Return the calibrated standard error (Y, X) from the parts (3, Y, X) of the variance and their factors."""
    least = np.maximum(factors, [_LEAST, 0, 0])
    variance: Float32Array = np.tensordot((np.square(MARGINS) * least).astype(np.float32), parts, 1)
    return np.sqrt(variance, out=variance)
