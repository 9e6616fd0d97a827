"""What the residuals of neighbouring pixels share in a part of a sample: a phase that the rest does not hold."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from napari_xanes._typing import Float64Array, IndexArray

_LEAST_PIXELS = 12
"""Fewer pixels of a square have too few signs."""

_FLIPS = 199
"""Number of random signs."""

_CLEARLY = 6.0
"""Standard deviations by which the sum of the products of a square's residuals must exceed zero."""


class LocalMisfit(NamedTuple):
    """What squares share, (E,) for an edge jump of 1; the share of squares that do, and their pixels; none if no do."""

    spectrum: Float64Array
    share: float
    pixels: IndexArray


def local_misfit(
    residual: Float64Array, variance: Float64Array, tiles: IndexArray, jump: Float64Array, seed: int = 0
) -> LocalMisfit:
    """Look for squares whose pixels share a residual.

    The sum of the products of all pairs of a square's residuals is zero on average if they are noise. It must exceed
    zero by six standard deviations, and all sums after random changes of the pixels' signs.

    Parameters
    ----------
    residual, variance : ndarray, shape (E, P)
        Residuals of unbounded fits and their variance. Noise must not be shared by neighbours.
    tiles : ndarray of int, shape (P,)
        Square of each pixel, see `tile_numbers`; -1 for pixels to leave out.
    jump : ndarray, shape (P,)
        Edge jumps.
    seed : int
        Seed of the random signs.
    """
    scaled = residual / np.sqrt(variance) * (jump / jump.mean())
    groups = _groups(np.where(np.isfinite(scaled).all(axis=0), tiles, -1))
    rng = np.random.default_rng(seed)
    found = [pixels for pixels in groups if _is_shared(scaled[:, pixels], rng)]
    if not found:
        return LocalMisfit(np.zeros(len(residual)), 0.0, np.zeros(0, dtype=np.intp))
    means = np.stack([residual[:, p] @ jump[p] / (jump[p] @ jump[p]) for p in found])
    noise = np.mean([variance[:, p].mean() / (jump[p] @ jump[p]) for p in found])
    values, directions = np.linalg.eigh(means.T @ means / len(found))
    direction = directions[:, -1] * (1.0 if directions[:, -1] @ means.sum(axis=0) >= 0 else -1.0)
    size = np.sqrt(max(values[-1] - noise, 0.0))
    return LocalMisfit(direction * size, len(found) / len(groups), np.concatenate(found))


def _is_shared(scaled: Float64Array, rng: np.random.Generator) -> bool:
    """Whether pixels share a residual (E, P): clearly, and more than after any random change of signs."""
    products = scaled.T @ scaled
    np.fill_diagonal(products, 0.0)
    measured = float(products.sum())
    if measured <= _CLEARLY * float(np.sqrt(2 * np.sum(products**2))):
        return False
    signs = 2.0 * rng.integers(0, 2, (_FLIPS, len(products))) - 1
    return measured > float(np.einsum("bp,bp->b", signs @ products, signs).max())


def _groups(tiles: IndexArray) -> list[IndexArray]:
    """The pixels of each square that has enough of them."""
    order = np.argsort(tiles, kind="stable")
    groups = np.split(order, np.flatnonzero(np.diff(tiles[order])) + 1)
    return [pixels for pixels in groups if tiles[pixels[0]] >= 0 and pixels.size >= _LEAST_PIXELS]


def mean_square(amount: Float64Array, variance: Float64Array, share: float) -> Float64Array:
    """Return the expected square of an amount that was measured as `amount`, with an error.

    A share of the pixels has an amount of about 1 (normal, of either sign), the others have none.

    Examples
    --------
    >>> mean_square(np.array([0.0, 0.1, 1.0]), np.array([100.0, 0.01, 0.01]), 0.2).round(3).tolist()
    [0.197, 0.001, 0.99]
    """
    total, share = 1 + variance, min(share, 0.99)
    odds = share / (1 - share) * np.sqrt(variance / total) * np.exp(np.minimum(amount**2 / (2 * variance * total), 700))
    result: Float64Array = odds / (1 + odds) * ((amount / total) ** 2 + variance / total)
    return result
