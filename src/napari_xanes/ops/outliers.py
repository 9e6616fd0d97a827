"""Values of an image that no lens can have drawn: single pixels far from everything around them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from napari_xanes._typing import BoolArray, Float32Array

_LEVELS = 16
"""Number of levels of brightness at which the scatter of an image is measured."""

_TAIL, _TAIL_SIGMA = 0.975, 1.96
"""Values beyond this quantile of either side count as its tail; a normal distribution has it at so many sigma."""

_AROUND = 7
"""Width in pixels of the square in which the scatter around a pixel is measured."""

_CLIP = 5.0
"""An outlier adds at most so many sigma to the scatter of its surroundings."""

_FEWEST = 6
"""Number of values around a pixel, of 24, without which nothing can be said about it."""


@dataclass(frozen=True)
class Deviations:
    """How far each value of an image lies from what is around it.

    Parameters
    ----------
    level : ndarray, shape (Y, X)
        Medians of the values around the pixels; NaN where there are too few.
    values : ndarray, shape (Y, X)
        Image minus level; NaN where either is missing.
    noise : ndarray, shape (Y, X)
        Scatter of such deviations at this level, on this side of it.
    sigma : ndarray, shape (Y, X)
        The same, or the scatter in this surrounding if that is larger.
    contrast : ndarray, shape (Y, X)
        Largest distance of this value, or of one that touches it, from its level.
    """

    level: Float32Array
    values: Float32Array
    noise: Float32Array
    sigma: Float32Array
    contrast: Float32Array


def deviations(image: Float32Array, bad: BoolArray | None = None) -> Deviations:
    """Compare each pixel with what is around it.

    Parameters
    ----------
    image : ndarray, shape (Y, X)
        Any quantity; values that are not finite are left out.
    bad : ndarray of bool, shape (Y, X), optional
        Pixels that are not used as surroundings either.

    Notes
    -----
    The level is the median of five medians of five, which a line or a square of two pixels does not move. Scatter
    depends on brightness, because photons are counted, and few photons scatter more to one side. So it is measured at
    levels of brightness, for each side, and it is never less than what the surroundings scatter.

    Examples
    --------
    >>> image = np.random.default_rng(0).normal(10, 1, (32, 32)).astype(np.float32)
    >>> image[4, 4] = 30
    >>> found = deviations(image)
    >>> np.argwhere(np.abs(found.values) > 6 * found.sigma).tolist()
    [[4, 4]]
    """
    from scipy.ndimage import maximum_filter, uniform_filter

    usable = np.isfinite(image) if bad is None else np.isfinite(image) & ~bad
    level = _medians(_without_holes(image, usable))
    around = uniform_filter(usable.astype(np.float32), 5, mode="constant") * 25 - usable
    level[around < _FEWEST - 0.5] = np.nan
    values = np.where(np.isfinite(image), image - level, np.float32(np.nan))
    noise = _scatter_by_level(level, values, usable)
    clipped = np.where(usable & np.isfinite(values), np.minimum(np.abs(values), _CLIP * noise), 0).astype(np.float32)
    weight = (usable & np.isfinite(values)).astype(np.float32)
    sums, counts = (uniform_filter(part, _AROUND, mode="constant") * _AROUND**2 - part for part in (clipped, weight))
    sigma = np.maximum(noise, 1.25 * sums / np.maximum(counts, 1))
    return Deviations(level, values, noise, sigma, maximum_filter(np.nan_to_num(np.abs(values)), 3))


def _without_holes(image: Float32Array, usable: BoolArray) -> Float32Array:
    """Return the image with its holes filled by the mean of what is around them."""
    from scipy.ndimage import gaussian_filter

    if usable.all():
        return image
    filled = np.where(usable, image, np.float32(0))
    weight = gaussian_filter(usable.astype(np.float32), 2.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        near = gaussian_filter(filled, 2.0) / weight
    usual = np.float32(np.median(image[usable])) if usable.any() else np.float32(np.nan)
    return np.where(usable, image, np.where(weight > 1e-3, near, usual))


def _medians(image: Float32Array) -> Float32Array:
    """Return the median of five along rows, of the median of five along columns."""
    for axis in (0, 1):
        ends = [(2, 2) if i == axis else (0, 0) for i in (0, 1)]
        padded = np.pad(image, ends, mode="symmetric")
        n = image.shape[axis]
        image = _median_of_five(*(np.take(padded, range(i, i + n), axis) for i in range(5)))
    return image


def _median_of_five(
    a: Float32Array, b: Float32Array, c: Float32Array, d: Float32Array, e: Float32Array
) -> Float32Array:
    low = np.maximum(np.minimum(a, b), np.minimum(c, d))
    high = np.minimum(np.maximum(a, b), np.maximum(c, d))
    return np.asarray(np.maximum(np.minimum(e, low), np.minimum(np.maximum(e, low), high)))


def _scatter_by_level(level: Float32Array, values: Float32Array, usable: BoolArray) -> Float32Array:
    """Return the scatter (Y, X) of deviations of this sign at this level, never less than a step of the values."""
    known = usable & np.isfinite(values)
    if not known.any():
        return np.full(values.shape, np.nan, np.float32)
    some = np.flatnonzero(known)
    some = some[:: max(1, some.size // 40_000)]
    at, by = level.ravel()[some], values.ravel()[some]
    order = np.argsort(at)
    groups = [g for g in np.array_split(order, max(1, min(_LEVELS, some.size // 100))) if g.size]
    middle = np.array([np.median(at[g]) for g in groups])
    usual = np.array([1.4826 * np.median(np.abs(by[g])) for g in groups])
    tails = [np.array([np.quantile(sign * by[g], _TAIL) / _TAIL_SIGMA for g in groups]) for sign in (-1, 1)]
    step = _smallest_step(by)
    below, above = (np.interp(level, middle, np.maximum(np.maximum(usual, tail), step)) for tail in tails)
    sigma: Float32Array = np.where(values > 0, above, below).astype(np.float32)
    return sigma


def _smallest_step(values: Float32Array) -> float:
    """Return the smallest difference between two values: 1 of photons that were counted, next to 0 else."""
    steps = np.diff(np.unique(values))
    return float(steps.min()) if steps.size else 0.0
