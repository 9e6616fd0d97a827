"""Errors of a fit that weights all energies alike, from sums over energies: adding an energy adds to the sums.

The fit of `fit_references` is ``x = (A'A)^-1 A'y``. With noise of variance V and an energy axis that is off by s eV,
its covariance is ``(A'A)^-1 (A'VA + s^2 A'dd'A) (A'A)^-1``, where d is the change of the spectrum per eV (Atkinson,
Donev & Tobias, Optimum Experimental Designs, 2007, ch. 9 and 10, for the criteria A and D).
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np

from napari_xanes._typing import BoolArray, Float64Array, IndexArray
from napari_xanes.advice.question import Question

Criterion = Literal["A", "D"]

_SINGULAR = 1e-11
"""Smallest eigenvalue of A'A, with columns of unit norm, of energies that determine the fit: rounding is at 1e-16."""


class Moments(NamedTuple):
    """Sums over energies.

    ``information`` (..., S, N, N) of A'A; ``noise`` (..., S, P, N, N) of A'VA; ``shift`` (..., S, P, N) of A'd.
    """

    information: Float64Array
    noise: Float64Array
    shift: Float64Array

    def plus(self, other: Moments, sign: float = 1.0) -> Moments:
        """Return the sums of both, or the difference; leading axes are broadcast."""
        return Moments(*(mine + sign * theirs for mine, theirs in zip(self, other, strict=True)))

    def of(self, rows: IndexArray | int) -> Moments:
        """Return some entries of the leading axis."""
        return Moments(*(part[rows] for part in self))

    def total(self) -> Moments:
        """Return the sums over the leading axis."""
        return Moments(*(part.sum(axis=0) for part in self))


def moments_of_each(question: Question, seconds: Float64Array) -> Moments:
    """Return the moments of each candidate alone, (C, ...), measured for so many seconds (C,)."""
    a = np.moveaxis(question.columns, 1, 0)
    variance = np.moveaxis(question.noise, 1, 0) / seconds[:, None, None]
    outer = a[..., :, None] * a[..., None, :]
    shift = np.moveaxis(question.slopes, 1, 0)[..., None] * a[:, :, None, :]
    return Moments(outer, variance[..., None, None] * outer[:, :, None], shift)


def covariances(question: Question, moments: Moments, forms: Float64Array | None = None) -> Float64Array:
    """Return the covariances of the wanted quantities, (..., S, P, L, L), or of other forms (S, P, L, N)."""
    rows = (question.forms if forms is None else forms) @ _inverse(moments.information)[..., None, :, :]
    noise = rows @ moments.noise @ np.swapaxes(rows, -1, -2)
    moved = question.energy_sigma * (rows @ moments.shift[..., None])
    result: Float64Array = noise + moved @ np.swapaxes(moved, -1, -2)
    return result


def _inverse(information: Float64Array) -> Float64Array:
    """Return the inverses, NaN where the energies do not determine the fit."""
    size = np.sqrt(np.maximum(np.diagonal(information, axis1=-2, axis2=-1), 1e-300))
    scale = size[..., :, None] * size[..., None, :]
    values, vectors = np.linalg.eigh(information / scale)
    singular = values[..., :1] < _SINGULAR
    inverse = (vectors / np.where(singular, np.nan, values)[..., None, :]) @ np.swapaxes(vectors, -1, -2)
    result: Float64Array = inverse / scale
    return result


def map_error(question: Question, moments: Moments) -> Float64Array:
    """Return the standard error of the map, (...): root of the mean variance of pixels and wanted quantities."""
    error: Float64Array = np.sqrt(_mean_variance(covariances(question, moments)))
    return error


def _mean_variance(covariance: Float64Array) -> Float64Array:
    mean = np.trace(covariance, axis1=-2, axis2=-1).mean(axis=(-1, -2)) / covariance.shape[-1]
    result: Float64Array = np.where(np.isnan(mean), np.inf, np.maximum(mean, 0))
    return result


def loss(question: Question, moments: Moments, criterion: Criterion) -> Float64Array:
    """Return the logarithm of what a plan makes small, (...).

    "A" is the mean variance of the wanted quantities. "D" is the determinant of the covariance of the amounts of all
    references, per reference.
    """
    if criterion == "A":
        return np.log(_mean_variance(covariances(question, moments)))
    k = question.amounts.shape[2]
    amounts = np.broadcast_to(np.eye(k, question.n_columns), (*question.forms.shape[:2], k, question.n_columns))
    covariance = covariances(question, moments, amounts)
    known: BoolArray = np.asarray(np.isfinite(covariance).all(axis=(-1, -2)))
    sign, logarithm = np.linalg.slogdet(np.where(known[..., None, None], covariance, np.eye(k)))
    result: Float64Array = np.where(known & (sign > 0), logarithm, np.inf).mean(axis=(-1, -2)) / k
    return result
