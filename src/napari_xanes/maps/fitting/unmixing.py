"""Non-negative spectra and amounts whose products are a stack: multivariate curve resolution.

``Y = S A`` by alternating least squares: given the spectra S, the amounts A of each pixel are the exact non-negative
least squares fit; given A, so are the values of S at each energy; in turns until the misfit no longer falls (Tauler,
Chemom. Intell. Lab. Syst. 30, 133, 1995). Spectra start at pixels that are as unlike as possible (successive
non-negative projection: Gillis, SIAM J. Imaging Sci. 7, 1420, 2014), which are pure where pure pixels exist.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np

from napari_xanes._typing import Float64Array, IndexArray
from napari_xanes.maps.fitting.active_set import ActiveSets

Algorithm = Literal["mcr-als", "nmf"]
Start = Literal["unlike pixels", "vca", "clusters"]

MOST = 6
"""Largest number of spectra: their amounts are fitted exactly."""

_STEPS, _PRECISION = 200, 1e-6
"""Most turns, and the relative fall of the misfit at which they end."""

_AVERAGED = 5
"""A spectrum starts as the mean of so many pixels that are alike."""


@dataclass(frozen=True)
class Constraints:
    """What is known of spectra and amounts.

    Parameters
    ----------
    closure : bool
        Whether the amounts of a pixel have the sum 1.
    smoother : ndarray, shape (E, E), optional
        Smooths spectra, see `smoother_of`.
    n_fixed : int
        So many of the first spectra are known.
    """

    closure: bool = False
    smoother: Float64Array | None = None
    n_fixed: int = 0


class Mixture(NamedTuple):
    """Spectra (E, K) and the amounts (K, N) of pixels."""

    spectra: Float64Array
    amounts: Float64Array


def smoother_of(energy: Float64Array, width: float) -> Float64Array:
    """Return a matrix (E, E) that averages a spectrum over a Gaussian of full width at half maximum `width`, in eV."""
    apart = (energy[:, None] - energy) * 2 * np.sqrt(2 * np.log(2)) / width
    weights = np.exp(-(apart**2) / 2) * np.gradient(energy)
    result: Float64Array = weights / weights.sum(axis=1, keepdims=True)
    return result


def amounts_of(spectra: Float64Array, values: Float64Array, *, closure: bool) -> Float64Array:
    """Return the non-negative amounts (K, N) of spectra (E, K) that fit values (E, N) best."""
    q, r = np.linalg.qr(spectra)
    return ActiveSets(r, nonnegative=True, sum_to_one=closure).solve(q.T @ values)[0]


def unlike_pixels(values: Float64Array, known: Float64Array, count: int) -> Float64Array:
    """Return spectra (E, K) of pixels as unlike as possible, after some known ones.

    Parameters
    ----------
    values : ndarray, shape (E, N)
        Pixels that hold more than noise.
    known : ndarray, shape (E, F)
        Spectra to start from; possibly none.
    count : int
        Number K of spectra, at least F.
    """
    shapes = values / np.maximum(values.mean(axis=0), 1e-12)
    found = known / known.mean(axis=0) if known.size else known
    while found.shape[1] < count:
        left = shapes - found @ amounts_of(found, shapes, closure=True) if found.shape[1] else shapes
        alike = _alike(shapes, int(np.argmax(np.sum(left**2, axis=0))))
        found = np.column_stack([found, shapes[:, alike].mean(axis=1)])
    result: Float64Array = np.column_stack([known, found[:, known.shape[1] :]])
    return result


def vertex_pixels(
    values: Float64Array, known: Float64Array, count: int, noise: Float64Array, seed: int = 0
) -> Float64Array:
    """Return spectra (E, K) of pixels at the corners of all pixels, after some known ones: vertex component analysis.

    Pixels are brought to as many dimensions as there are spectra, and to one plane. Each further spectrum is the pixel
    that lies farthest along a random direction at right angles to those before (Nascimento & Bioucas-Dias, IEEE Trans.
    Geosci. Remote Sens. 43, 898, 2005).

    Parameters
    ----------
    values, known, count
        As in `unlike_pixels`.
    noise : ndarray, shape (E,)
        Standard deviation of the noise: energies count by it.
    seed : int
        For the directions.
    """
    rng = np.random.default_rng(seed)
    weighted = values / noise[:, None]
    onto = np.linalg.eigh(weighted @ weighted.T)[1][:, -count:].T / noise
    middle = onto @ values.mean(axis=1)

    def in_plane(spectra: Float64Array) -> Float64Array:
        scores = onto @ spectra
        result: Float64Array = scores / np.maximum(middle @ scores, 1e-12 * (middle @ middle))
        return result

    points, found, result = in_plane(values), in_plane(known), known
    shapes = values / np.maximum(middle @ onto @ values, 1e-12 * (middle @ middle))
    while found.shape[1] < count:
        direction = rng.standard_normal(count)
        if found.size:
            direction -= found @ np.linalg.lstsq(found, direction)[0]
        alike = _alike(points, int(np.argmax(np.abs(direction @ points))))
        corner = shapes[:, alike].mean(axis=1, keepdims=True)
        result, found = np.column_stack([result, corner]), np.column_stack([found, in_plane(corner)])
    return result


def _alike(points: Float64Array, first: int) -> IndexArray:
    """Return those points (K, N) that are most like one of them."""
    apart = np.sum((points - points[:, first : first + 1]) ** 2, axis=0)
    return np.argsort(apart, kind="stable")[:_AVERAGED]


def unmix_pixels(
    values: Float64Array,
    start: Float64Array,
    noise: Float64Array,
    constraints: Constraints,
    algorithm: Algorithm = "mcr-als",
    seed: int = 0,
) -> Mixture:
    """Find non-negative spectra and amounts.

    Parameters
    ----------
    values : ndarray, shape (E, N)
        Pixels.
    start : ndarray, shape (E, K)
        Spectra to start from.
    noise : ndarray, shape (E,)
        Standard deviation of the noise: energies count by it.
    constraints : Constraints
        What is known.
    algorithm : {"mcr-als", "nmf"}
        Alternating least squares, or scikit-learn's NMF, which knows no constraints and takes negative values for 0.
    seed : int
        For NMF.

    Returns
    -------
    Mixture
        Spectra with a mean of 1; with closure, and known ones, with the values that fit.
    """
    weighted, spectra = values / noise[:, None], np.maximum(start, 0.0)
    if algorithm == "nmf":
        spectra = _by_nmf(weighted, spectra / noise[:, None], seed) * noise[:, None]
        return _scaled(Mixture(spectra, amounts_of(spectra / noise[:, None], weighted, closure=False)), constraints)
    total, before = float(np.sum(weighted**2)), np.inf
    amounts = amounts_of(spectra / noise[:, None], weighted, closure=constraints.closure)
    for _ in range(_STEPS):
        spectra = _refitted(weighted, spectra / noise[:, None], amounts, constraints.n_fixed) * noise[:, None]
        if constraints.smoother is not None:
            free = spectra[:, constraints.n_fixed :]
            spectra = np.column_stack([spectra[:, : constraints.n_fixed], constraints.smoother @ free])
        spectra, _ = _scaled(Mixture(spectra, amounts), constraints)
        amounts = amounts_of(spectra / noise[:, None], weighted, closure=constraints.closure)
        misfit = float(np.sum((weighted - spectra / noise[:, None] @ amounts) ** 2))
        if before - misfit < _PRECISION * misfit + 1e-12 * total:
            break
        before = misfit
    return Mixture(spectra, amounts)


def _refitted(weighted: Float64Array, spectra: Float64Array, amounts: Float64Array, n_fixed: int) -> Float64Array:
    """Return the non-negative spectra (E, K) that fit best with these amounts; a spectrum that no pixel has stays."""
    free = np.arange(n_fixed, spectra.shape[1])
    free = free[amounts[free].any(axis=1)]
    result = spectra.copy()
    if free.size:
        left = weighted - np.delete(spectra, free, axis=1) @ np.delete(amounts, free, axis=0)
        q, r = np.linalg.qr(amounts[free].T)
        result[:, free] = ActiveSets(r, nonnegative=True, sum_to_one=False).solve(q.T @ left.T)[0].T
    return result


def _scaled(mixture: Mixture, constraints: Constraints) -> Mixture:
    """Return spectra with a mean of 1 where they have no scale of their own; amounts follow."""
    size = mixture.spectra.mean(axis=0)
    size[: constraints.n_fixed] = 1.0
    if constraints.closure:
        return mixture
    size = np.where(size > 0, size, 1.0)
    return Mixture(mixture.spectra / size, mixture.amounts * size[:, None])


def _by_nmf(weighted: Float64Array, start: Float64Array, seed: int) -> Float64Array:
    """Return the spectra of scikit-learn's NMF."""
    import warnings

    from sklearn.decomposition import NMF
    from sklearn.exceptions import ConvergenceWarning

    positive = np.maximum(weighted, 0.0)
    model = NMF(start.shape[1], init="custom", max_iter=_STEPS, random_state=seed)
    amounts = amounts_of(start, weighted, closure=False)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        found: Float64Array = model.fit_transform(
            positive, W=np.ascontiguousarray(start), H=np.ascontiguousarray(amounts)
        )
    return found
