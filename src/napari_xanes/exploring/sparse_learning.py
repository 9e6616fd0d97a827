"""Learn the spectra of a sparse stack: amounts and spectra in turns, by weighted least squares with a prior.

This is expectation and maximization for factor analysis with gaps (Dempster, Laird & Rubin, J. R. Stat. Soc. B 39, 1,
1977): amounts with their covariances for given spectra, then the spectra, the prior and the size of the noise that make
the values most likely.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from napari_xanes._typing import BoolArray, Float64Array
from napari_xanes.exploring.sparse_model import SparseModel, pairs_of, posterior, sizes

_HELD = 0.08
"""Share of the values that are left out to choose the number of spectra."""

_ROUNDS, _SETTLED = 80, 1e-4
"""Most rounds; rounds end when the scale of the noise changes by less than this share."""

_MOST = 6
"""Most spectra beside known ones."""

_RIDGE = 1e-9

_THICK, _THIN = 0.9, 0.3
"""A pixel is not empty if it has this share of the size that nine of ten pixels do not exceed."""

_LEAST_GAIN = 2.0
"""A spectrum more must make the values that are left out more likely by so much in the logarithm."""


class Sparse(NamedTuple):
    """Values (E, P) of pixels, 0 where `measured` (E, P) is False, and the variance (E, P) of their noise."""

    values: Float64Array
    measured: BoolArray
    variance: Float64Array

    def without(self, held: BoolArray) -> Sparse:
        """Return the pixels as if some values were not measured."""
        return Sparse(np.where(held, 0, self.values), self.measured & ~held, self.variance)


class Learned(NamedTuple):
    """Spectra (E, K), mean (K,) and covariance (K, K) of their amounts, scale of the noise."""

    spectra: Float64Array
    mean: Float64Array
    covariance: Float64Array
    scale: float


def learn_sparse(energy: Float64Array, data: Sparse, known: Float64Array | None, most: int | None) -> SparseModel:
    """Learn a model whose number of spectra predicts best what is left out.

    Parameters
    ----------
    energy : ndarray, shape (E,)
        In eV.
    data : Sparse
        Some pixels.
    known : ndarray, shape (E, F), optional
        Spectra that are known: references and background.
    most : int, optional
        So many spectra beside the known ones; by default as many as predict best.

    Raises
    ------
    ValueError
        If a single spectrum predicts best: then all pixels would be the same, without an error.
    """
    held = data.measured & (np.random.default_rng(0).random(data.values.shape) < _HELD)
    shown = data.without(held)
    fixed = np.empty((len(energy), 0)) if known is None else known
    best: tuple[float, int, float, float] | None = None
    counts = [most] if most is not None else list(range(0 if known is not None else 1, _MOST + 1))
    for count in counts:
        model = learn(shown, fixed, count)
        likely, error, expected = _left_out(model, shown, data, held)
        if best is not None and likely < best[0] + _LEAST_GAIN:
            break
        best = likely, count, error, expected
    assert best is not None
    _, count, error, expected = best
    if count + fixed.shape[1] < 2:
        raise ValueError(
            "what was measured shows a single spectrum: how pixels differ from each other is hidden in the noise. Give "
            "the references that the sample consists of, or measure more"
        )
    model = learn(data, fixed, count)
    return SparseModel(energy, model.spectra.T, model.mean, model.covariance, model.scale, error, expected)


def learn(data: Sparse, fixed: Float64Array, count: int) -> Learned:
    """Learn `count` spectra beside fixed ones (E, F)."""
    weight = np.where(data.measured, 1 / data.variance, 0)
    model = _start(data, weight, fixed, count)
    n_values = max(int(data.measured.sum()), 1)
    for _ in range(_ROUNDS):
        size, _ = sizes(*model[:2], data.values, weight / model.scale)
        mean, covariance = posterior(*model[:3], data.values, weight / model.scale, size)
        seconds = covariance + mean[:, :, None] * mean[:, None, :]
        spectra = _spectra(data, weight, fixed, mean, seconds)
        fit = spectra @ mean.T
        spread = np.einsum("ei,ei->", pairs_of(spectra), weight @ covariance.reshape(len(covariance), -1))
        scale = max(float((np.sum(weight * (data.values - fit) ** 2) + spread) / n_values), 1e-12)
        before, model = model.scale, Learned(spectra, *_prior(mean, covariance, size), scale)
        if abs(scale - before) < _SETTLED * before:
            break
    return model


def _prior(mean: Float64Array, covariance: Float64Array, size: Float64Array) -> tuple[Float64Array, Float64Array]:
    """Return the prior's mean and covariance for a size of 1, from pixels that are not empty.

    It takes any covariance, so that rounds need not turn the spectra to make the amounts independent.
    """
    usual = float(np.quantile(size, _THICK))
    there = size >= _THIN * usual
    relative = mean[there] / size[there, None]
    centre = relative.mean(axis=0)
    off = relative - centre
    spread = (covariance[there] / size[there, None, None] ** 2).mean(axis=0) + off.T @ off / there.sum()
    # Sizes are in units of a thick pixel.
    return centre * usual, usual**2 * (spread + _RIDGE * np.trace(spread) * np.eye(len(spread)))


def _start(data: Sparse, weight: Float64Array, fixed: Float64Array, count: int) -> Learned:
    """Start from the mean spectrum and the leading modes of what it leaves, where values that are missing are 0."""
    known = weight.sum(axis=1)
    average = np.sum(weight * data.values, axis=1) / np.maximum(known, 1e-300)
    amount = average @ (weight * data.values) / np.maximum(average**2 @ weight, 1e-300)
    left = np.where(data.measured, data.values - average[:, None] * amount, 0)
    modes = np.linalg.svd(left @ left.T)[0]
    free = np.column_stack([average / np.linalg.norm(average), modes])[:, :count]
    spectra = np.concatenate([fixed, free], axis=1)
    spectra = spectra + (spectra == 0) * 1e-12
    size = np.linalg.norm(spectra, axis=0)
    level = float(np.std(data.values[data.measured]) * np.sqrt(len(average)))
    covariance = np.diag((level / size) ** 2)
    scale = float(np.average(left[data.measured] ** 2 / data.variance[data.measured]))
    amounts = np.linalg.lstsq(spectra, average, rcond=None)[0]
    return Learned(spectra, amounts * float(np.quantile(amount, _THICK)), covariance, max(scale, 1e-12))


def _spectra(
    data: Sparse, weight: Float64Array, fixed: Float64Array, mean: Float64Array, seconds: Float64Array
) -> Float64Array:
    """Return the spectra (E, K) that fit best to amounts with known first and second moments."""
    n_fixed, k = fixed.shape[1], mean.shape[1]
    if n_fixed == k:
        return fixed
    moments = (weight @ seconds.reshape(len(seconds), -1)).reshape(-1, k, k)
    drawn = (weight * data.values) @ mean[:, n_fixed:]
    drawn -= np.einsum("ef,efk->ek", fixed, moments[:, :n_fixed, n_fixed:])
    own = moments[:, n_fixed:, n_fixed:]
    size = np.trace(own, axis1=1, axis2=2)[:, None, None]
    free = np.linalg.solve(own + _RIDGE * (size + 1e-300) * np.eye(k - n_fixed), drawn[..., None])[..., 0]
    return np.concatenate([fixed, free], axis=1)


def _left_out(model: Learned, shown: Sparse, data: Sparse, held: BoolArray) -> tuple[float, float, float]:
    """Return how likely the held values are, their root mean square error, and the expected one."""
    weight = np.where(shown.measured, 1 / (shown.variance * model.scale), 0)
    size, _ = sizes(*model[:2], shown.values, weight)
    mean, covariance = posterior(*model[:3], shown.values, weight, size)
    off = (data.values - model.spectra @ mean.T)[held]
    spread = (pairs_of(model.spectra) @ covariance.reshape(len(covariance), -1).T)[held]
    variance = spread + model.scale * data.variance[held]
    likely = -0.5 * float(np.sum(off**2 / variance + np.log(variance)))
    return likely, float(np.sqrt(np.mean(off**2))), float(np.sqrt(np.mean(variance)))
