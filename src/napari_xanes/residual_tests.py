"""Tests of residuals that are pooled over many pixels: what no pixel shows alone, thousands show together.

Pixels are sorted into tiles, small squares of the image. If nothing is wrong, the sum of a tile's residuals is as
likely as its negative, whatever the noise is and however far neighbours share it. So the signs of tiles are changed at
random, and the statistics of the measured signs are compared with those: an exact test (Fisher, The Design of
Experiments, 1935, sec. 21) as long as noise is shared over no more than the gap between tiles.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from napari_xanes._typing import BoolArray, Float64Array, IndexArray

_DIRECTIONS = 8
"""Number of principal directions of the tiles in which a spectrum that varies between tiles is sought."""

_LEAST_TILES = 16
"""Fewer tiles have too few signs for a test."""


@dataclass(frozen=True, eq=False)
class PooledResidual:
    """What pooled residuals show.

    Parameters
    ----------
    chi_square : float
        Mean square of the pooled residual over that of noise alone: about 1 if nothing is left.
    p_value : float
        Share of random signs with statistics as large as measured; 1 if there are too few tiles.
    spectrum : ndarray, shape (E,)
        The spectrum that pixels share, for a weight of 1, with the root mean square `size`: their mean, or, if it
        differs between places, the strongest direction.
    size : float
        Root mean square over energies and tiles of what they share beyond noise, for a weight of 1.
    mean : ndarray, shape (E,)
        Mean residual for a weight of 1.
    mean_size : float
        Root mean square of the mean residual beyond noise.
    """

    chi_square: float
    p_value: float
    spectrum: Float64Array
    size: float
    mean: Float64Array
    mean_size: float


def tile_numbers(shape: tuple[int, ...], size: int, gap: int = 0) -> IndexArray:
    """Return the tile of each pixel of an image; tiles of successive even and odd numbers are neighbours.

    Parameters
    ----------
    shape : tuple of int
        (Y, X), or (Z, Y, X), whose slices lie below each other.
    size : int
        Distance of tiles in pixels.
    gap : int
        Number of pixels between tiles, less than `size`. Noise must not be shared over more pixels than that.

    Returns
    -------
    ndarray of int, shape (P,)
        Of the flattened pixels; -1 between tiles.

    Examples
    --------
    >>> tile_numbers((2, 4), 2)
    array([0, 0, 1, 1, 0, 0, 1, 1])
    """
    y, x = np.divmod(np.arange(np.prod(shape)), shape[-1])
    # An even number of tiles in a row keeps the pairs of neighbours together.
    across = 2 * -(-shape[-1] // (2 * size))
    numbers: IndexArray = (y // size) * across + x // size
    between = np.maximum(y % size, x % size) >= size - gap
    return np.where(between, -1, numbers)


def pooled_residual(
    residual: ArrayLike,
    variance: ArrayLike,
    tiles: ArrayLike,
    weight: ArrayLike | None = None,
    *,
    permutations: int = 299,
    seed: int = 0,
) -> PooledResidual:
    """Test whether the residuals of many pixels share a spectrum.

    Parameters
    ----------
    residual : array_like, shape (E, P)
        Residuals of fits that are linear in the data: bounds would make them lopsided. Pixels with NaN are left out.
    variance : array_like, shape (E, P), (E, 1) or (1, P)
        Variance of the data, of which only the shape over energies matters for the p-value.
    tiles : array_like of int, shape (P,)
        Tile of each pixel, see `tile_numbers`; negative for pixels to leave out.
    weight : array_like, shape (P,), optional
        Amount of material in each pixel, such as its edge jump; 1 by default.
    permutations : int
        Number of random signs; the smallest p-value is ``2 / (permutations + 1)``.
    seed : int
        Seed of the random signs.

    Returns
    -------
    PooledResidual
        Two statistics share the p-value (Bonferroni): the squared sum over all tiles, for what all pixels share, and
        the largest eigenvalue of the products of neighbouring tiles, for what differs between places.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> noise = rng.standard_normal((20, 4096))
    >>> tiles = tile_numbers((64, 64), 4)
    >>> pooled_residual(noise, np.ones((1, 1)), tiles).p_value > 0.05
    True
    >>> found = pooled_residual(noise + 0.1 * np.sin(np.arange(20))[:, None], np.ones((1, 1)), tiles)
    >>> found.p_value < 0.01, round(found.size, 2)
    (True, 0.07)
    """
    residual, tiles = np.asarray(residual, dtype=np.float64), np.asarray(tiles)
    scaled = residual / np.sqrt(np.asarray(variance, dtype=np.float64))
    used = np.isfinite(scaled).all(axis=0) & (tiles >= 0)
    amount = np.ones(tiles.size) if weight is None else np.asarray(weight, dtype=np.float64)
    numbers = np.unique(tiles[used])
    order, starts = _by_tile(tiles, used)
    sums = _sums(scaled, order, starts)
    n_energies = len(residual)
    if numbers.size < _LEAST_TILES:
        return PooledResidual(1.0, 1.0, np.zeros(n_energies), 0.0, np.zeros(n_energies), 0.0)
    first = _pairs(numbers)
    heads = np.random.default_rng(seed).integers(0, 2, (permutations, numbers.size)) == 1
    signs: Float64Array = np.where(heads, 1.0, -1.0)
    level = float(np.sum(sums**2))
    total = float(np.sum(sums.sum(axis=0) ** 2))
    by_chance = np.sum((signs @ sums) ** 2, axis=1)
    p_value = _share(by_chance, total)
    if first.size >= _LEAST_TILES:
        p_value = min(1.0, 2 * min(p_value, _p_of_directions(sums, first, signs)))
    weights = _sums(amount[None], order, starts)[:, 0]
    return PooledResidual(total / level, p_value, *_shared(_sums(residual, order, starts), weights, first))


def _by_tile(tiles: IndexArray, used: BoolArray) -> tuple[IndexArray, IndexArray]:
    """The pixels that are used, sorted by their tiles, and where each tile begins among them."""
    pixels = np.flatnonzero(used)
    order = pixels.take(np.argsort(tiles.take(pixels), kind="stable"))
    return order, np.flatnonzero(np.diff(tiles.take(order), prepend=-1))


def _sums(values: Float64Array, order: IndexArray, starts: IndexArray) -> Float64Array:
    """Sum of the pixels of each tile, (T, E), in the order of the tiles' numbers; see `_by_tile`."""
    result: Float64Array = np.add.reduceat(values.take(order, axis=1), starts, axis=1).T
    return result


def _pairs(numbers: IndexArray) -> IndexArray:
    """Positions of the tiles of even number that are followed by their neighbour."""
    result: IndexArray = np.flatnonzero((numbers[:-1] % 2 == 0) & (np.diff(numbers) == 1))
    return result


def _share(by_chance: Float64Array, measured: float) -> float:
    """Share of values that are as large as the measured one, which counts as one of them."""
    return float((1 + np.sum(by_chance >= measured * (1 - 1e-12))) / (1 + by_chance.size))


def _p_of_directions(sums: Float64Array, first: IndexArray, signs: Float64Array) -> float:
    """Share of random signs whose pairs of tiles have a direction in common that is as strong as the measured one.

    The principal directions of all tiles do not depend on signs, so the test stays exact within the first of them.
    """
    _, directions = np.linalg.eigh(sums.T @ sums)
    parts = sums @ directions[:, -_DIRECTIONS:]
    left, right = parts[first], parts[first + 1]
    products = (left[:, :, None] * right[:, None, :] + right[:, :, None] * left[:, None, :]) / 2
    flat = products.reshape(first.size, -1)
    changed = (signs[:, first] @ flat).reshape(-1, parts.shape[1], parts.shape[1])
    largest = float(np.linalg.eigvalsh(products.sum(axis=0))[-1])
    return _share(np.linalg.eigvalsh(changed)[:, -1], largest)


def _shared(
    sums: Float64Array, weights: Float64Array, first: IndexArray
) -> tuple[Float64Array, float, Float64Array, float]:
    """Spectrum that tiles share for a weight of 1, and its size; those of the mean. Products of tiles know no noise."""
    if first.size == 0:
        first = np.arange(0, len(sums) - 1, 2)
    left, right = sums[first], sums[first + 1]
    mean = sums.sum(axis=0) / weights.sum()
    size = _size(float(np.sum(left * right)), float(weights[first] @ weights[first + 1]), mean.size)
    total = float(weights[first].sum() * weights[first + 1].sum())
    mean_size = _size(float(left.sum(axis=0) @ right.sum(axis=0)), total, mean.size)
    size = max(size, mean_size)
    direction = mean
    if mean_size**2 < size**2 / 2:
        _, directions = np.linalg.eigh(left.T @ right + right.T @ left)
        direction = directions[:, -1] * (1.0 if directions[:, -1] @ mean >= 0 else -1.0)
    norm = float(np.sqrt(np.mean(direction**2)))
    return direction * (size / norm if norm > 0 else 0.0), size, mean, mean_size


def _size(product: float, weight: float, n_energies: int) -> float:
    """Root mean square over energies, from a sum of products and that of their weights."""
    return float(np.sqrt(max(product / weight / n_energies, 0.0))) if weight > 0 else 0.0
