"""How many spectra stand out from the noise, and which: factor analysis of the mean products of energies.

The products of a stack are ``C = L L' + diag(noise**2)``: spectra that pixels share, and noise, which each energy has
for itself (Lawley, Proc. R. Soc. Edinb. 60, 64, 1940). Divided by the noise, what is no spectrum has eigenvalues near
1; how large they become by chance follows from the number of pixels (Horn's parallel analysis, Psychometrika 30, 179,
1965). So noise and number are found together: for one spectrum, two, three ..., until the next one is no larger than
chance.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from napari_xanes._typing import Float32Array, Float64Array
from napari_xanes.blocks import single_threaded_blas
from napari_xanes.denoising.principal_components import eigenvalues_of_noise

MOST = 50
"""Largest number of components."""

_PER_ENERGY = 4
"""So many pixels per energy show the noise of single energies; fewer show its mean only."""

_STEPS, _PRECISION = 100, 2e-3
"""Steps of the factor analysis for one number of spectra, and the relative change of the noise at which it ends."""

_MOST_UNEQUAL = 5.0
"""The standard deviation of an energy is at least that of a typical one over this factor."""

_ROUNDING = float(np.finfo(np.float32).eps) ** 2
"""Variance of the rounding of float32 numbers over their square: no noise is smaller."""

_CONDITION = 1e3
"""With so many spectra that residuals tell no more about single energies, the noise is not worked out again."""

_TOLERANCE = 1.05
"""Three times the relative error of the variance of some thousand differences between neighbours."""

_GENEROUS = 20
"""So many spectra are taken out before pixels are compared; noise that goes with them does not matter."""

_LAGS = 4
"""Largest distance in pixels over which noise is compared."""


@dataclass(frozen=True, eq=False)
class Factors:
    """Spectra that stand out from the noise.

    Parameters
    ----------
    vectors : ndarray, shape (E, K)
        Orthonormal columns, in units of the noise, strongest first; the largest value of each is positive.
    noise : ndarray, shape (E,)
        Standard deviation of the noise.
    eigenvalues : ndarray, shape (E,)
        Of the products in units of the noise, largest first: 1 where there is noise only.
    limit : float
        The largest eigenvalue that noise has by chance.
    n_effective : float
        Number of pixels with noise of their own.
    """

    vectors: Float64Array
    noise: Float64Array
    eigenvalues: Float64Array
    limit: float
    n_effective: float


def find_factors(
    products: Float64Array,
    n_pixels: int,
    sample: Float32Array,
    noise: Float64Array | None = None,
    count: int | None = None,
) -> Factors:
    """Find the spectra that pixels share, and the noise.

    Parameters
    ----------
    products : ndarray, shape (E, E)
        Mean products of energies, see `moments_of`.
    n_pixels : int
        Number of pixels that they are the mean of.
    sample : ndarray, shape (R, E, N)
        Runs of N successive pixels. They show how alike the noise of pixels is.
    noise : ndarray, shape (E,), optional
        Standard deviation of the noise where it is known; found from the products by default.
    count : int, optional
        Number of spectra; by default those that are larger than noise makes them by chance, at least one.
    """
    with single_threaded_blas():
        return _factors(products, n_pixels, sample, noise, count)


def _factors(
    products: Float64Array,
    n_pixels: int,
    sample: Float32Array,
    noise: Float64Array | None,
    count: int | None,
) -> Factors:
    n_energies = len(products)
    most = max(1, min(MOST, n_energies - 1, n_pixels - 1))
    variance = np.square(noise) if noise is not None else np.full(n_energies, mean_noise(products))
    pixels = noise_of_neighbours(sample, products, variance)
    n_effective = n_pixels / pixels.sharing
    typical, limit = eigenvalues_of_noise(n_energies, max(2, round(n_effective)))
    profile_shows = noise is None and n_pixels >= _PER_ENERGY * n_energies
    # What stands out farther than the noise of any single energy needs no search.
    sure = int((_in_units_of(products, variance)[0] > _MOST_UNEQUAL**2 * limit).sum())
    for number in range(min(max(1, sure), most), most + 1):
        if profile_shows:
            variance = _variance_beside(products, pixels.differences, variance, number)
        eigenvalues, vectors = _in_units_of(products, variance)
        if noise is None and not profile_shows:
            level = _level(eigenvalues, typical, min(n_energies, n_pixels - 1))
            level = max(level, _rounding(products) / float(variance.mean()))
            eigenvalues, variance = eigenvalues / level, variance * level
        if eigenvalues[number] < limit:
            break
    return Factors(
        _with_signs(vectors[:, : min(count or number, most)]), np.sqrt(variance), eigenvalues, float(limit), n_effective
    )


def mean_noise(products: Float64Array) -> float:
    """Return the variance of noise from second differences of neighbouring energies, which spectra hardly have."""
    i = np.arange(1, len(products) - 1)
    if i.size == 0:
        return max(float(np.trace(products)), np.finfo(float).tiny) / len(products)
    squares = products[i, i] + (products[i - 1, i - 1] + products[i + 1, i + 1] + 2 * products[i - 1, i + 1]) / 4
    squares = squares - products[i, i - 1] - products[i, i + 1]
    return max(float(np.median(squares)) / 1.5, 1e-12 * float(np.trace(products)), np.finfo(float).tiny)


class NeighbourNoise(NamedTuple):
    """How alike the noise of pixels is.

    Parameters
    ----------
    sharing : float
        How many pixels count as one in sums of products, at least 1.
    differences : ndarray, shape (E, E), or None
        Mean products of differences between neighbours. They are those of the noise, and of spectra where these change
        from pixel to pixel. None if there are too few neighbours.
    """

    sharing: float
    differences: Float64Array | None


def noise_of_neighbours(sample: Float32Array, products: Float64Array, variance: Float64Array) -> NeighbourNoise:
    """Compare the noise of neighbouring pixels.

    Sums of products scatter more if some pixels have more noise than others, and if neighbours share noise: by the mean
    of the squared variance over the square of its mean, and by the sum of the squared correlations.

    Parameters
    ----------
    sample : ndarray, shape (R, E, N)
        Runs of N successive pixels.
    products : ndarray, shape (E, E)
        Mean products of energies.
    variance : ndarray, shape (E,)
        Variance of the noise, roughly.
    """
    n_energies = len(products)
    if len(sample) < 2:
        return NeighbourNoise(1.0, None)
    _, vectors = _in_units_of(products, variance)
    outside = (vectors[:, min(_GENEROUS, n_energies // 3) :] / np.sqrt(variance)[:, None]).T
    residual = outside.astype(np.float32) @ sample
    squares = np.einsum("rkn,rkn->rn", residual, residual) / len(outside)
    power, chance = float(np.mean(squares)), 1 + 2 / len(outside)
    unequal = max(1.0, float(np.mean(squares**2)) / power**2 / chance)
    lags = range(1, min(_LAGS, residual.shape[2] - 1) + 1)
    alike = [float(np.mean(residual[..., lag:] * residual[..., :-lag])) / power for lag in lags]
    sharing = unequal * float(1 + 2 * np.sum(np.square(alike))) ** 2
    steps = np.diff(sample, axis=2).transpose(1, 0, 2).reshape(n_energies, -1)
    if steps.shape[1] < _PER_ENERGY * n_energies:
        return NeighbourNoise(sharing, None)
    of_steps = (steps @ steps.T).astype(np.float64) / steps.shape[1]
    return NeighbourNoise(sharing, of_steps / (2 * max(1 - alike[0], 0.1)))


def _variance_beside(
    products: Float64Array, differences: Float64Array | None, variance: Float64Array, number: int
) -> Float64Array:
    """Return the variance of the noise (E,) beside a number of spectra, by repeated principal factors.

    A spectrum that is there at a single energy looks like noise of this energy, unless its map is smooth: differences
    between neighbours say how large noise is at most.
    """
    start, rounding = variance, _rounding(products)
    for _ in range(_STEPS):
        _, vectors = _in_units_of(products, variance)
        projection = vectors[:, number:] @ vectors[:, number:].T
        if not _is_regular(projection):
            return start
        step = _own_squares(products, projection, variance)
        if differences is not None:
            step = np.minimum(step, _own_squares(differences, projection, variance) * _TOLERANCE)
        step = np.clip(step, 1 / _MOST_UNEQUAL, _MOST_UNEQUAL)
        variance = np.maximum(variance * step, rounding)
        if np.abs(step - 1).max() < _PRECISION:
            break
    return np.maximum(variance, np.median(variance) / _MOST_UNEQUAL**2)


def _own_squares(products: Float64Array, projection: Float64Array, variance: Float64Array) -> Float64Array:
    """Return the variance that each energy has for itself over an assumed one, (E,).

    The residuals of a projection M have the mean squares ``(M * M) V`` of independent noise with variances V.
    """
    root = np.sqrt(variance)
    squares = ((projection @ (products / np.outer(root, root))) * projection).sum(axis=1)
    result: Float64Array = np.linalg.solve(projection**2, squares)
    return result


def _is_regular(projection: Float64Array) -> bool:
    """Return whether residuals of a projection tell the noise of single energies.

    A projection M has ``sum_j M_ij^2 = M_ii``, so Gershgorin's circles bound the eigenvalues of its squares, mostly
    closely enough.
    """
    own = np.diag(projection)
    least = float((own * (2 * own - 1)).min())
    if least * _CONDITION > own.max():
        return True
    return bool(np.linalg.cond(projection**2) <= _CONDITION)


def _level(eigenvalues: Float64Array, typical: Float64Array, rank: int) -> float:
    """Return the noise over what was assumed, from eigenvalues of which most are noise."""
    return float(np.median(eigenvalues[:rank]) / np.median(typical[:rank]))


def _rounding(products: Float64Array) -> float:
    """Return the variance of the rounding of a typical value, the least that noise can have."""
    return _ROUNDING * float(np.trace(products)) / len(products)


def _in_units_of(products: Float64Array, variance: Float64Array) -> tuple[Float64Array, Float64Array]:
    """Return eigenvalues (E,), largest first, and eigenvectors (E, E) of products in units of a noise."""
    root = np.sqrt(variance)
    eigenvalues, vectors = np.linalg.eigh(products / np.outer(root, root))
    return eigenvalues[::-1], vectors[:, ::-1]


def _with_signs(vectors: Float64Array) -> Float64Array:
    """Return columns whose value of largest size is positive."""
    largest = np.argmax(np.abs(vectors), axis=0)
    result: Float64Array = vectors * np.sign(vectors[largest, np.arange(vectors.shape[1])])
    return result
