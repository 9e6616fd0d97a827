"""What main components leave over in a stack, pooled over neighbouring pixels and measured against noise.

A small phase is nothing that all pixels share, so it must not make a component of its own. Of a component with scores
of mean square m2 and mean fourth power m4, in units of the noise, a share ``(m2 - 1)**2 / (m4 - 6 m2 + 3)`` of the
pixels carries what exceeds noise, if these have equal amounts: normal noise has a mean fourth power of 3. Components
that few pixels carry are left out, then the pixels that stand out, and the components are found again without these.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from napari_xanes._typing import BoolArray, Float32Array, Float64Array
from napari_xanes.computing import computed
from napari_xanes.edge import raise_if_frame_empty
from napari_xanes.exploring.factors import Factors, find_factors
from napari_xanes.exploring.moments import moments_of
from napari_xanes.stack import SpectralStack

WIDTHS = (1, 3, 5)
"""Widths in pixels of the squares over which residuals are pooled."""

_HALO = 6
_ROWS = 64
_NOISE_WIDTH = 9
"""Noise is measured in squares of this width in pixels."""

_LEAST_NOISE = 0.01
"""Variance of the noise around a pixel, at least, over that of a typical pixel: rounding is no signal."""

_FEW = 0.02
"""A component that a smaller share of the pixels carries is no main one."""

ALARM = 0.01
"""Probability that noise alone makes a place in a stack that holds nothing."""


class Leftover(NamedTuple):
    """How far pooled residuals exceed noise, in each pixel.

    ``excess`` (W, Y, X): squares of pooled residuals over the limit that noise exceeds in a stack with probability
    `ALARM`; ``finite`` (Y, X).
    """

    excess: Float32Array
    finite: BoolArray


def main_factors(stack: SpectralStack, left_out: BoolArray | None = None) -> Factors:
    """Return the components that many pixels share.

    Parameters
    ----------
    stack : SpectralStack, shape (E, Y, X) or (E, Z, Y, X)
        Absorption.
    left_out : ndarray of bool, shape (Y, X) or (Z, Y, X), optional
        Pixels that do not count.

    Raises
    ------
    ValueError
        If no two pixels hold values at all energies, or all values are 0.
    """
    moments = moments_of(stack)
    if moments.n_pixels < 2:
        raise_if_frame_empty(stack)
        raise ValueError(f"no two pixels of {stack.name!r} hold values at all energies; crop to where they do")
    if not moments.products.any():
        raise ValueError(f"all values of {stack.name!r} are 0; there is nothing to find; choose another stack")
    products, n_pixels = moments.products, moments.n_pixels
    if left_out is not None and left_out.any():
        values = pixels_of(stack, left_out)
        values = values[:, np.isfinite(values).all(axis=0)].astype(np.float64)
        products = (products * n_pixels - values @ values.T) / max(n_pixels - values.shape[1], 1)
        n_pixels -= values.shape[1]
    factors = find_factors(products, n_pixels, moments.sample, moments.noise)
    shared = _carried_by(stack, factors, left_out) >= _FEW
    shared[0] = True
    return Factors(factors.vectors[:, shared], factors.noise, factors.eigenvalues, factors.limit, factors.n_effective)


def pixels_of(stack: SpectralStack, chosen: BoolArray) -> Float32Array:
    """Return the spectra (E, N) of some pixels."""
    places = np.flatnonzero(chosen.any(axis=tuple(range(1, chosen.ndim)))) if chosen.ndim > 1 else np.arange(1)
    parts = []
    for place in places.tolist():
        rows = computed(stack.data[:, place : place + 1])
        parts.append(np.asarray(rows, np.float32)[:, 0][:, chosen[place]])
    return np.concatenate(parts, axis=1) if parts else np.zeros((stack.energy.size, 0), np.float32)


def images_of(stack: SpectralStack) -> Iterator[tuple[int, SpectralStack]]:
    """Yield the images of a stack with their numbers: itself, or the slices of a volume."""
    if len(stack.shape) == 3:
        yield 0, stack
        return
    for z in range(stack.shape[1]):
        yield z, stack.isel(box=(z, slice(None), slice(None)))


def _carried_by(stack: SpectralStack, factors: Factors, left_out: BoolArray | None) -> Float64Array:
    """Return the share of pixels (K,) that carries each component beyond noise."""
    to_scores = (factors.vectors / factors.noise[:, None]).T.astype(np.float32)
    sums, count = np.zeros((2, factors.vectors.shape[1])), 0
    for z, image in images_of(stack):
        skip = None if left_out is None else left_out.reshape(-1, *image.shape[1:])[z]
        for rows, band in bands_of(image, 0):
            used = np.isfinite(band).all(axis=0)
            if skip is not None:
                used &= ~skip[rows]
            squares = (to_scores @ band[:, used]).astype(np.float64) ** 2
            sums += np.stack([squares.sum(axis=1), (squares**2).sum(axis=1)])
            count += int(used.sum())
    m2, m4 = sums / max(count, 1)
    share: Float64Array = (m2 - 1) ** 2 / np.maximum(m4 - 6 * m2 + 3, np.finfo(float).tiny)
    return share


def bands_of(image: SpectralStack, halo: int) -> Iterator[tuple[slice, Float32Array]]:
    """Yield rows of an image and their spectra (E, R, X), with so many further rows on both sides as there are."""
    height = image.shape[1]
    for top in range(0, height, _ROWS):
        rows = slice(max(0, top - halo), min(height, top + _ROWS + halo))
        yield slice(top, min(height, top + _ROWS)), np.asarray(computed(image.data[:, rows]), np.float32)


class Residuals:
    """Residuals of pixels beside main components, in units of the noise.

    Parameters
    ----------
    vectors : ndarray, shape (E, K)
        Orthonormal components in units of the noise.
    noise : ndarray, shape (E,)
        Standard deviation of the noise of a typical pixel.
    """

    def __init__(self, vectors: Float64Array, noise: Float64Array) -> None:
        self._vectors, self._noise = vectors.astype(np.float32), noise.astype(np.float32)
        self.freedom = len(noise) - vectors.shape[1]

    def of(self, values: Float32Array) -> tuple[Float32Array, BoolArray]:
        """Return residuals (E, ...), 0 where a pixel lacks a value, and which pixels have all."""
        finite = np.asarray(np.isfinite(values).all(axis=0))
        white = np.where(finite, values, 0) / self._noise.reshape(-1, *[1] * (values.ndim - 1))
        flat = white.reshape(len(white), -1)
        flat = flat - self._vectors @ (self._vectors.T @ flat)
        return np.asarray(flat.reshape(white.shape), np.float32), finite

    def local_noise(self, residual: Float32Array, finite: BoolArray) -> Float32Array:
        """Return the variance of the noise around each pixel (Y, X), from what is rough over energies.

        A phase changes little from one energy to the next, so it does not count as noise.
        """
        bends = residual[:-2] - 2 * residual[1:-1] + residual[2:]
        squares = np.mean(bends * bends, axis=0) / 6
        weight = np.maximum(pooled(finite.astype(np.float32), _NOISE_WIDTH), 1e-6)
        around = pooled(np.where(finite, squares, 0), _NOISE_WIDTH) / weight
        known = around[finite]
        result: Float32Array = np.maximum(
            around, max(float(np.median(known)) / 25, _LEAST_NOISE) if known.size else 1.0
        )
        return result

    def around(self, image: SpectralStack, box: tuple[slice, slice]) -> Float32Array:
        """Return the variance of the noise in a box of an image, from the box and what lies around it."""
        wide = tuple(
            slice(max(0, side.start - _HALO), min(size, side.stop + _HALO))
            for side, size in zip(box, image.shape[1:], strict=True)
        )
        residual, finite = self.of(np.asarray(computed(image.isel(box=wide).data), np.float32))
        own = tuple(slice(side.start - w.start, side.stop - w.start) for side, w in zip(box, wide, strict=True))
        return self.local_noise(residual, finite)[own]


def leftover_of(image: SpectralStack, residuals: Residuals, n_pixels: int) -> Leftover:
    """Return how far the pooled residuals of an image (E, Y, X) exceed noise, in a stack of so many pixels."""
    shape = image.shape[1:]
    squares = np.empty((len(WIDTHS), *shape), np.float32)
    finite = np.empty(shape, dtype=bool)
    for rows, band in bands_of(image, _HALO):
        residual, known = residuals.of(band)
        top = max(0, rows.start - _HALO)
        own = slice(rows.start - top, rows.stop - top)
        noise = residuals.local_noise(residual, known)
        weight = known.astype(np.float32)
        for i, width in enumerate(WIDTHS):
            mean = residual if width == 1 else pooled(residual, width)
            count = np.maximum(pooled(weight, width), 1 / width**2)
            squares[i, rows] = (np.einsum("eyx,eyx->yx", mean, mean) / noise / count)[own]
        finite[rows] = known[own]
    return Leftover(np.stack([_over_limit(one, finite, residuals.freedom, n_pixels) for one in squares]), finite)


def _over_limit(squares: Float32Array, finite: BoolArray, freedom: int, n_pixels: int) -> Float32Array:
    """Divide sums of squares by the limit that noise exceeds, with its mean and scatter as most pixels show them."""
    from scipy.stats import chi2

    known = squares[finite].astype(np.float64)
    if known.size == 0:
        return np.zeros_like(squares)
    lower, middle = np.quantile(known, (0.16, 0.5))
    # Squares of noise that energies share have fewer degrees of freedom; the lower half of the pixels shows them.
    if not middle > 0:
        return np.zeros_like(squares)
    spread = (middle - lower) / middle
    effective = float(np.clip(2 * (0.994 / max(spread, 1e-6)) ** 2, 2.0, freedom))
    limit = middle * chi2.isf(ALARM / (n_pixels * len(WIDTHS)), effective) / chi2.median(effective)
    result: Float32Array = np.where(finite, squares / np.float32(limit), 0)
    return result


def pooled(values: Float32Array, width: int) -> Float32Array:
    """Return means over squares of the last two axes; beyond the border values are 0."""
    from scipy.ndimage import uniform_filter1d

    if width == 1:
        return values
    rows = uniform_filter1d(values, width, axis=-2, mode="constant")
    result: Float32Array = uniform_filter1d(rows, width, axis=-1, mode="constant")
    return result
