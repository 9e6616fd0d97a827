"""Clusters of pixels as a typed value that a recipe can store, and how probable each of them is for a pixel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import BeforeValidator

from napari_xanes._typing import Float64Array, IndexArray
from napari_xanes.field_mapping import FieldMapping
from napari_xanes.history import Plain, to_plain
from napari_xanes.parameters import Param

Distance = Literal["angle", "euclidean"]

_BY_CHANCE = 1e-6
"""A pixel holds something if noise alone has scores as large with no more than this probability."""

_OUTSIDE = 1e-3
"""A pixel is of no cluster if pixels of it are as far from all its centres with no more than this probability."""


class Points(NamedTuple):
    """Pixels where clusters are told apart: ``values`` (K, P), the variance of their noise in each direction (P,), and
    whether they hold more than noise (P,)."""

    values: Float64Array
    variance: Float64Array
    holds: NDArray[np.bool_]


def points_of(scores: Float64Array, noise: Float64Array, distance: Distance) -> Points:
    """Return pixels as points.

    Parameters
    ----------
    scores : ndarray, shape (K, P)
        Scores in units of the noise of a typical pixel.
    noise : ndarray, shape (P,)
        Variance of the noise of each pixel in the same unit; 1 is typical.
    distance : {"angle", "euclidean"}
        By angle, points have the length 1: what is left is the shape of the spectrum. The noise of thin pixels grows.

    Examples
    --------
    >>> points = points_of(np.array([[30.0, 3.0], [40.0, 4.0]]), np.ones(2), "angle")
    >>> points.values.round(1).T.tolist(), points.variance.round(4).tolist(), points.holds.tolist()
    ([[0.6, 0.8], [0.6, 0.8]], [0.0004, 0.04], [True, False])
    """
    from scipy.special import chdtri

    squares = np.einsum("kp,kp->p", scores, scores)
    with np.errstate(invalid="ignore"):
        holds = np.asarray(squares > noise * chdtri(len(scores), _BY_CHANCE))
    if distance == "euclidean":
        return Points(scores, noise, holds)
    squares = np.maximum(squares, np.finfo(float).tiny)
    return Points(scores / np.sqrt(squares), noise / squares, holds)


@dataclass(frozen=True, eq=False)
class Clusters(FieldMapping):
    """Clusters as sums of Gaussian densities of points, without the noise of the pixels.

    Parameters
    ----------
    distance : {"angle", "euclidean"}
        What the points are, see `points_of`.
    centres : ndarray, shape (M, K)
        Centres of the Gaussians; those of the first cluster first.
    numbers : ndarray, shape (M,)
        Which cluster each Gaussian belongs to, from 1.
    weights : ndarray, shape (M,)
        Shares of the Gaussians; their sum is 1.
    covariances : ndarray, shape (1, K, K) or (M, K, K)
        Of all Gaussians, or of each. Zero if pixels of a cluster differ by their noise only.
    has_outside : bool
        Whether pixels that are far from all centres belong to no cluster.
    stability : float
        Agreement of clusters found from two halves of the pixels: 1 is perfect, 0 chance.
    words : str
        How the number was found, and how stable it is.
    of_noise : bool
        Whether no pixel holds more than noise, so that all of them are one cluster.

    Raises
    ------
    ValueError
        If the shapes do not fit, or there is no cluster.
    """

    distance: Distance
    centres: Float64Array
    numbers: IndexArray
    weights: Float64Array
    covariances: Float64Array
    has_outside: bool
    stability: float
    words: str
    of_noise: bool = False

    def __post_init__(self) -> None:
        for name in ("centres", "weights", "covariances"):
            object.__setattr__(self, name, np.asarray(getattr(self, name), dtype=np.float64))
        object.__setattr__(self, "numbers", np.asarray(self.numbers, dtype=np.intp))
        if self.centres.ndim != 2 or not self.centres.size:
            raise ValueError(f"centres of clusters are a table of at least one row, not of shape {self.centres.shape}")
        m, k = self.centres.shape
        fits = self.numbers.shape == self.weights.shape == (m,) and self.covariances.shape in ((1, k, k), (m, k, k))
        if not fits or sorted(set(self.numbers.tolist())) != list(range(1, int(self.numbers.max()) + 1)):
            raise ValueError(
                f"{m} centres of clusters in {k} dimensions have one number from 1, one weight and one or {m} "
                f"covariances, not shapes {self.numbers.shape}, {self.weights.shape} and {self.covariances.shape}"
            )
        if (np.diff(self.numbers) < 0).any() or not (self.weights > 0).all():
            raise ValueError("clusters are in order of their numbers, with weights above 0")

    @property
    def number(self) -> int:
        """How many clusters there are."""
        return int(self.numbers[-1])

    def assign(self, points: Points) -> tuple[IndexArray, Float64Array]:
        """Return the most probable cluster of each pixel, from 1, and its probability.

        The density of a cluster is widened by the noise of the pixel. Pixels outside all clusters have the number 0.

        Parameters
        ----------
        points : Points
            P pixels, finite.

        Returns
        -------
        numbers, probability : ndarray, shape (P,)
        """
        squares, logs = self._densities(points)
        top = logs.max(axis=0)
        densities = np.exp(logs - top)
        if len(logs) > self.number:
            densities = np.add.reduceat(densities, np.searchsorted(self.numbers, np.arange(1, self.number + 1)), axis=0)
        best = np.argmax(densities, axis=0)
        probability = densities.max(axis=0) / densities.sum(axis=0)
        numbers = best + 1
        if self.has_outside:
            from scipy.special import chdtri

            outside = squares.min(axis=0) > chdtri(len(points.values), _OUTSIDE)
            numbers[outside], probability[outside] = 0, 0.0
        return numbers, probability

    def _densities(self, points: Points) -> tuple[Float64Array, Float64Array]:
        """Return squared distances in units of widened Gaussians, and logarithms of their densities, both (M, P)."""
        rows: list[Float64Array] = []
        logs: list[Float64Array] = []
        for row, covariance in enumerate(self.covariances):
            members = slice(None) if len(self.covariances) == 1 else slice(row, row + 1)
            widths, axes = np.linalg.eigh(covariance)
            values, centres = axes.T @ points.values, self.centres[members] @ axes
            weights = 1 / (np.maximum(widths, 0)[:, None] + points.variance)
            scaled = values * weights
            squares = np.einsum("kp,kp->p", values, scaled) - 2 * centres @ scaled + centres**2 @ weights
            log = np.log(self.weights[members])[:, None] - squares / 2
            if len(self.covariances) > 1:
                log += np.log(weights).sum(axis=0) / 2
            rows.append(squares)
            logs.append(log)
        return np.concatenate(rows), np.concatenate(logs)

    def to_plain(self) -> Plain:
        """Return the clusters as plain values."""
        return to_plain(dict(self))


ClustersArgument = Annotated[
    Any,
    BeforeValidator(Clusters.or_none("clusters are what an earlier run of cluster has found (centres, numbers ...)")),
    Param(kind="clusters", auto="from the stack"),
]
"""A `Clusters`, or None to find some."""
