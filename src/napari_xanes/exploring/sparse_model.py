"""A few spectra and how often their amounts occur, as a typed value that a recipe can store; amounts of sparse pixels.

A pixel of which only some energies are measured has the amounts ``x`` with the prior ``N(s m, s^2 S)``, and its values
are ``W x`` with independent noise: probabilistic components with gaps (Tipping & Bishop, J. R. Stat. Soc. B 61, 611,
1999). Then ``x`` has the covariance ``C = (S^-1 / s^2 + W' V^-1 W)^-1`` and the mean ``C (S^-1 m / s + W' V^-1 y)``,
over the measured values alone. The size ``s`` is how much of the mean spectrum a pixel has, which few values tell: a
thick pixel may differ from the mean by more than a thin one. With one prior for all, the empty pixels around a particle
would hold its composition near the mean.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, NamedTuple

import numpy as np
from pydantic import BeforeValidator

from napari_xanes._typing import Block, Float64Array
from napari_xanes.field_mapping import FieldMapping
from napari_xanes.history import Plain, to_plain
from napari_xanes.parameters import Param

_ODD = 4.0
"""Squares of a pixel's residuals that are so many sigma above their expectation widen its errors."""

_LEAST_SIZE = 0.1
"""Amounts of an empty pixel vary as those of one of this size."""

_FREE = 0.5
"""The size of a pixel may be off by this share."""


@dataclass(frozen=True, eq=False)
class SparseModel(FieldMapping):
    """Spectra that a sparse stack is made of, and the prior of their amounts.

    Parameters
    ----------
    energy : ndarray, shape (E,)
        Energies in eV.
    spectra : ndarray, shape (K, E)
        In the unit of the stack.
    mean : ndarray, shape (K,)
        Mean amounts of pixels of size 1.
    covariance : ndarray, shape (K, K)
        Covariance of the amounts of pixels of size 1.
    scale : float
        Variance of values over that of their photons; without known photons, variance in the stack's unit, squared.
    error : float
        Root mean square of what measured values that were left out are off, in the unit of the stack.
    expected : float
        What the model expected that to be.

    Raises
    ------
    ValueError
        If the shapes do not fit or the scale is not above 0.
    """

    energy: Float64Array
    spectra: Float64Array
    mean: Float64Array
    covariance: Float64Array
    scale: float
    error: float
    expected: float

    def __post_init__(self) -> None:
        for name in ("energy", "spectra", "mean", "covariance"):
            object.__setattr__(self, name, np.asarray(getattr(self, name), dtype=np.float64))
        count, size = self.mean.size, self.energy.size
        if self.spectra.shape != (count, size) or self.covariance.shape != (count, count) or not count:
            raise ValueError(
                f"a model of {count} spectra at {size} energies can't have spectra of shape {self.spectra.shape} and a "
                f"covariance of shape {self.covariance.shape}"
            )
        if not self.scale > 0:
            raise ValueError(f"the scale of the noise of a model is {self.scale:g}, but must be above 0")

    def to_plain(self) -> Plain:
        """Return the model as plain values."""
        return to_plain(dict(self))


class Amounts(NamedTuple):
    """Amounts (P, K) of P pixels, covariances (P, K, K), sizes (P,) with errors, and factors (P,) on covariances."""

    mean: Float64Array
    covariance: Float64Array
    size: Float64Array
    size_error: Float64Array
    odd: Float64Array


def amounts_of(model: SparseModel, values: Block, variance: Block) -> Amounts:
    """Return the amounts of pixels from what is measured of them.

    Parameters
    ----------
    model : SparseModel
        With K spectra at E energies.
    values : ndarray, shape (E, P)
        NaN where nothing is measured.
    variance : ndarray, shape (E, P)
        Of their noise, before it is multiplied by the model's scale.

    Returns
    -------
    Amounts
        ``odd`` (P,) is 1, or the factor on the covariance of pixels whose values lie farther from the model than noise
        and the prior allow.
    """
    measured = np.isfinite(values)
    filled = np.where(measured, values, 0).astype(np.float64)
    weight = np.where(measured, 1 / (model.scale * np.where(measured, variance, 1)), 0)
    prior = model.spectra.T, model.mean, model.covariance
    size, size_error = sizes(prior[0], model.mean, filled, weight)
    mean, covariance = posterior(*prior, filled, weight, size)
    residual = filled - model.spectra.T @ mean.T
    squares = np.sum(weight * residual**2, axis=0)
    pairs = pairs_of(model.spectra.T)
    taken = np.einsum("pi,pi->p", weight.T @ pairs, covariance.reshape(len(covariance), -1))
    # Squares about a mean that the same values have drawn to themselves are fewer than there are values.
    freedom = np.maximum(measured.sum(axis=0) - taken, 0.5)
    ratio = squares / freedom
    odd = np.where(ratio > 1 + _ODD * np.sqrt(2 / freedom), ratio, 1.0)
    return Amounts(mean, covariance, size, size_error, odd)


def sizes(
    spectra: Float64Array, mean: Float64Array, values: Float64Array, weight: Float64Array
) -> tuple[Float64Array, Float64Array]:
    """Return how much of the mean spectrum pixels have, about 0 in empty ones, and its standard error, both (P,).

    Pixels without values have 0 with an infinite error. The arguments are those of `posterior`.
    """
    average = spectra @ mean
    information = average**2 @ weight
    with np.errstate(divide="ignore"):
        error: Float64Array = 1 / np.sqrt(information)
    return (average @ (weight * values)) / np.maximum(information, 1e-300), error


def posterior(
    spectra: Float64Array,
    mean: Float64Array,
    covariance: Float64Array,
    values: Float64Array,
    weight: Float64Array,
    size: Float64Array,
) -> tuple[Float64Array, Float64Array]:
    """Return means (P, K) and covariances (P, K, K) of amounts.

    `spectra` are (E, K), values and weights (E, P), sizes (P,); the prior is that of `SparseModel`, with room for
    another size: that one comes from the same values.
    """
    count = spectra.shape[1]
    precision = np.linalg.inv(covariance + _FREE**2 * np.outer(mean, mean))
    own = precision / np.maximum(size, _LEAST_SIZE)[:, None, None] ** 2
    found = np.linalg.inv((weight.T @ pairs_of(spectra)).reshape(-1, count, count) + own)
    drawn = (weight * values).T @ spectra + size[:, None] * (own @ mean)
    return np.einsum("pkl,pl->pk", found, drawn), found


def pairs_of(spectra: Float64Array) -> Float64Array:
    """Return the products (E, K * K) of spectra (E, K)."""
    result: Float64Array = np.einsum("ek,el->ekl", spectra, spectra).reshape(len(spectra), -1)
    return result


SparseModelArgument = Annotated[
    Any,
    BeforeValidator(
        SparseModel.or_none("a model is what an earlier run of complete_sparse has found (spectra, mean ...)")
    ),
    Param(kind="sparse_model", label="model", auto="from the stack"),
]
"""A `SparseModel`, or None to learn one."""
