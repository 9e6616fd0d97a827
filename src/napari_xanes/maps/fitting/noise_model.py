"""The noise of a stack from the residuals of its fits: its profile over energies, and how alike pixels are.

The residuals of a linear fit are ``r = M e`` with the projection ``M`` and noise ``e``. So the mean squares of
residuals are ``(M * M) V`` for noise that is independent with variances ``V`` (Rao, J. Am. Stat. Assoc. 65, 161, 1970).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from napari_xanes._typing import Float64Array

_LEAST_PIXELS = 200
"""Fewer pixels tell too little about single energies."""

_GROUPS = 4
"""Number of groups of pixels, by edge jump, in which noise is compared."""

_THICKER = 1.5
"""Groups must differ in edge jump by this factor, or their signals do not differ by more than noise."""

_LAGS = 5
"""Largest distance of energies, in steps, over which correlations of noise are fitted."""

_LEAST_CORRELATION = 0.05
"""Smaller correlations of neighbouring energies are ignored: projections and profiles are known to about this."""


class NoiseModel(NamedTuple):
    """Fields of `ErrorModel` of the same names; correlation of neighbouring energies; noise over that of photons."""

    profile: Float64Array
    exponent: float
    scale: float
    freedom: float
    inflation: float
    correlation: float
    beyond_photons: float


class Residuals(NamedTuple):
    """Residuals (E, P) of unbounded fits, their projection M (E, E), known variance (E, P) or None, fit (E, P)."""

    residual: Float64Array
    projection: Float64Array
    variance: Float64Array | None
    fit: Float64Array
    n_columns: int


def noise_model(residuals: Residuals, basis: Float64Array, jump: Float64Array) -> NoiseModel:
    """Learn the noise of a stack from the residuals of some pixels.

    Parameters
    ----------
    residuals : Residuals
        Of pixels with sample, without what pixels share.
    basis : ndarray, shape (E, K)
        Orthonormal columns of the references.
    jump : ndarray, shape (P,)
        Edge jumps.
    """
    n_energies, n_pixels = residuals.residual.shape
    ones = np.ones(n_energies)
    if n_pixels < _LEAST_PIXELS:
        return NoiseModel(ones, 0.0, 1.0, 0.0, 1.0, 0.0, 1.0)
    base = np.ones((1, 1)) if residuals.variance is None else residuals.variance
    profile = _profile(residuals, base)
    exponent = 0.0
    if residuals.variance is None:
        exponent = _exponent(residuals, jump)
        if exponent:
            base = relative_variance(residuals.fit, exponent)
            profile = _profile(residuals, base)
    profile /= profile.mean()
    if np.sum((profile - 1) ** 2) < _by_chance(n_energies) * 2 / n_pixels:
        profile = ones
    own = _own(residuals, base * profile[:, None])
    scale, freedom = _spread(own, n_energies - residuals.n_columns)
    if residuals.variance is not None and abs(scale - 1) < 4 * np.sqrt(2 / own.size / n_energies):
        scale = 1.0
    correlation, inflation = _shared_by_energies(residuals, base * profile[:, None], own, basis)
    beyond = 1.0 if residuals.variance is None else float(np.sqrt(scale))
    return NoiseModel(profile, exponent, scale, freedom, inflation, correlation, beyond)


def _by_chance(count: int) -> float:
    """Sum of the squares of normal numbers that is rarely exceeded."""
    return count + 4 * float(np.sqrt(2 * count))


def modelled_variance(residuals: Residuals, noise: NoiseModel) -> Float64Array:
    """Variance (E, P) of the data by a noise model, up to the scatter between pixels."""
    if residuals.variance is not None:
        return residuals.variance * (noise.profile * noise.scale)[:, None]
    base = np.ones((1, 1)) if not noise.exponent else relative_variance(residuals.fit, noise.exponent)
    relative = base * noise.profile[:, None]
    return relative * _own(residuals, relative)


def _own(residuals: Residuals, relative: Float64Array) -> Float64Array:
    """Variance (P,) of each pixel over a relative one (E, P) or (E, 1)."""
    if relative.shape[1] == 1:
        squares = (1 / relative[:, 0]) @ residuals.residual**2
    else:
        squares = np.einsum("ep,ep->p", residuals.residual**2, 1 / relative)
    result: Float64Array = squares / expected_sum(residuals.projection, relative.mean(axis=1))
    return result


def relative_variance(fit: Float64Array, exponent: float) -> Float64Array:
    """Variance (E, P) that grows with the signal, as ``exp(exponent * fit)``, with a mean of 1 over energies."""
    growth = np.exp(exponent * (fit - fit.mean(axis=0)))
    result: Float64Array = growth / growth.mean(axis=0)
    return result


def expected_sum(projection: Float64Array, variance: Float64Array) -> float:
    """Expected sum of squared residuals over the variance (E,): the degrees of freedom if all are equal."""
    return float(np.sum((projection**2 @ variance) / variance))


def _profile(residuals: Residuals, base: Float64Array) -> Float64Array:
    """Variance of each energy over the variance `base` (E, P), from the mean squares of residuals."""
    squares = residuals.residual**2
    weight = 1 / np.broadcast_to(base, squares.shape).mean(axis=0)
    if residuals.variance is None:
        weight = weight / np.maximum(squares.mean(axis=0), np.finfo(float).tiny)
    measured = (squares * weight).mean(axis=1)
    known = np.broadcast_to(
        (base * weight).mean(axis=1) if base.size > 1 else np.array([weight.mean()]), measured.shape
    )
    mixing = residuals.projection**2
    expected = mixing @ known
    profile: Float64Array = measured / expected
    if len(measured) > 3 * residuals.n_columns and np.linalg.cond(mixing) < 50:
        profile = np.linalg.solve(mixing, measured) / known
    return np.clip(profile, 0.2 * np.median(profile), None)


def _exponent(residuals: Residuals, jump: Float64Array) -> float:
    """How the noise's profile over energies changes with the signal, by comparing groups of thin and thick pixels."""
    groups = np.array_split(np.argsort(jump, kind="stable"), _GROUPS)
    if jump[groups[-1]].mean() < _THICKER * jump[groups[0]].mean():
        return 0.0
    logs, fits = [], []
    for group in groups:
        squares = residuals.residual.take(group, axis=1) ** 2
        mean = (squares / np.maximum(squares.mean(axis=0), np.finfo(float).tiny)).mean(axis=1)
        logs.append(np.log(np.maximum(mean, 1e-12)))
        fits.append(residuals.fit.take(group, axis=1).mean(axis=1))
    y, x = (np.array(rows) - np.mean(rows, axis=0) for rows in (logs, fits))
    y, x = (rows - rows.mean(axis=1, keepdims=True) for rows in (y, x))
    power = float(np.sum(x**2))
    if power <= 0:
        return 0.0
    slope = float(np.sum(x * y)) / power
    left = y - slope * x
    error = np.sqrt(float(np.sum(left**2)) / (left.size - 1) / power)
    matters = abs(slope) * np.ptp(x) > 0.05
    return float(np.clip(slope, 0.0, 2.0)) if slope > 4 * error and matters else 0.0


def _spread(own: Float64Array, freedom: int) -> tuple[float, float]:
    """Typical variance of a pixel and the degrees of freedom that it stands for.

    Variances of pixels are taken as a scaled inverse chi-square, their estimates scatter around them (Smyth, Stat.
    Appl. Genet. Mol. Biol. 3, 3, 2004). Quantiles of their logarithms are used, which few odd pixels do not change.
    """
    from scipy.special import digamma, polygamma

    logs = np.log(own[own > 0])
    if logs.size == 0:
        return 1.0, 0.0
    low, middle, high = np.quantile(logs, (0.16, 0.5, 0.84))
    by_chance = float(polygamma(1, freedom / 2))
    excess = ((high - low) / 2) ** 2 - by_chance
    centre = middle - float(digamma(freedom / 2)) + np.log(freedom / 2)
    if excess < 4 * by_chance * np.sqrt(2 / logs.size):
        return float(np.exp(_median_to_mean(middle, freedom))), np.inf
    prior = _inverse_trigamma(excess)
    return float(np.exp(centre + digamma(prior / 2) - np.log(prior / 2))), prior


def _median_to_mean(log_median: float, freedom: int) -> float:
    """Logarithm of the mean of a chi-square over its degrees of freedom, from that of its median."""
    from scipy.stats import chi2

    return float(log_median - np.log(chi2.median(freedom) / freedom))


def _inverse_trigamma(value: float) -> float:
    """Degrees of freedom d with ``trigamma(d / 2) = value``."""
    from scipy.optimize import brentq
    from scipy.special import polygamma

    return float(2 * brentq(lambda half: float(polygamma(1, half)) - value, 1e-3, 1e8))


def _shared_by_energies(
    residuals: Residuals, variance: Float64Array, own: Float64Array, basis: Float64Array
) -> tuple[float, float]:
    """Correlation of noise at neighbouring energies, and by how much it increases the variances of a fit."""
    mean = np.broadcast_to(variance, residuals.fit.shape).mean(axis=1)
    root = np.sqrt(mean)
    scaled = residuals.residual / np.sqrt(np.maximum(own, np.finfo(float).tiny))
    measured = scaled @ scaled.T / scaled.shape[1]
    n_lags = min(_LAGS, mean.size // 4)
    white = residuals.projection @ (mean[:, None] * residuals.projection)
    first = float(np.sum(np.diagonal(measured - white, 1)) / np.sum(root[1:] * root[:-1]))
    if n_lags < 1 or first < _LEAST_CORRELATION:
        return 0.0, 1.0
    lags = [np.eye(mean.size, k=lag) + np.eye(mean.size, k=-lag) * (lag > 0) for lag in range(n_lags + 1)]
    shapes = [root[:, None] * lag * root for lag in lags]
    left = [residuals.projection @ shape @ residuals.projection for shape in shapes]
    mixing = np.array([[np.sum(lag * other) for other in left] for lag in lags])
    amounts = np.linalg.lstsq(mixing, np.array([np.sum(lag * measured) for lag in lags]), rcond=1e-6)[0]
    correlated = sum(amount * shape for amount, shape in zip(amounts, shapes, strict=True))
    ratio = float(np.sum(basis * (correlated @ basis)) / np.sum(basis * (shapes[0] @ basis)))
    return float(amounts[1] / amounts[0]), max(1.0, ratio)
