"""Errors of coefficients that stand at their bound of 0, and of what such coefficients could change in the others.

With flat priors, what the data say of the coefficients is a normal distribution, cut off where a coefficient is
negative. A coefficient whose best value is 0 is spread over the tail of its own normal distribution, of mean ``mu < 0``
and standard deviation ``s``: its mean square is ``s**2 (1 + z**2 + z h)`` with ``z = mu / s`` and ``h = phi(z) /
Phi(z)`` (Johnson, Kotz & Balakrishnan, Continuous Univariate Distributions 1, 1994, sec. 10.1). This is ``s**2`` where
the bound is just reached, and goes to zero where data speak against the reference. A step of this coefficient moves the
others along a line, so their errors grow by the same mean square. The step ends where another coefficient reaches 0:
among three coefficients of a fixed sum, one is distributed as a triangle that ends there, whose mean square is a sixth
of that of its length. The inverses of both mean squares are added.
"""

from __future__ import annotations

import numpy as np

from napari_xanes._typing import Float64Array, IndexArray
from napari_xanes.maps.fitting.active_set import ActiveSets, put_columns

_FAR = 30.0
"""From so many standard errors below 0 on, the closed form loses digits, and two terms of its series are exact."""

_TINY = np.finfo(np.float64).tiny
"""In place of a divisor of 0, where the result is multiplied by 0."""


def tail_square(z: Float64Array) -> Float64Array:
    """Return the mean square of a standard normal variable plus `z`, given that the sum is positive.

    Examples
    --------
    >>> tail_square(np.array([0.0, -1.0, -40.0])).round(4).tolist()
    [1.0, 0.4749, 0.0012]
    """
    from scipy.special import erfcx

    with np.errstate(all="ignore"):
        result: Float64Array = 1 + z * (z + np.sqrt(2 / np.pi) / erfcx(z * -np.sqrt(0.5)))
    far = z < -_FAR
    if far.any():
        result[far] = 2 / (z[far] ** 2 + 5)
    return result


class ErrorForms:
    """Variances and covariances of sums of coefficients, on each pixel's own support.

    Parameters
    ----------
    solver : ActiveSets
        The fits on all supports.
    left, right : ndarray, shape (R, K)
        Result r is the covariance of the coefficients weighted by ``left[r]`` and by ``right[r]``. The first K results
        must be the variances of the coefficients.
    pair : tuple of two ndarray of int, shape (T,)
        Rows and columns of the upper triangle in which covariances of the data are given.
    """

    def __init__(
        self, solver: ActiveSets, left: Float64Array, right: Float64Array, pair: tuple[IndexArray, IndexArray]
    ) -> None:
        k = left.shape[1]
        self._solver, self._pair = solver, pair
        self._freed, self._freed_offset = solver.freed()
        rows = left @ solver.gain, right @ solver.gain
        # The variance of a coefficient off the support is that of a fit in which it alone is added.
        rows[0][:, :k] = rows[1][:, :k] = self._freed
        self._forms = self._of_triangle(*rows)
        directions = solver.directions()
        self._falls = np.minimum(directions, 0) ** 2
        self._of_steps = np.einsum("rk,sjk->srj", left, directions) * np.einsum("rk,sjk->srj", right, directions)

    def _of_triangle(self, left: Float64Array, right: Float64Array) -> Float64Array:
        """Bilinear forms of pairs of rows, as rows of coefficients of an upper triangle."""
        a, b = self._pair
        both = left[..., a] * right[..., b] + left[..., b] * right[..., a]
        forms: Float64Array = both / 2 * np.where(a == b, 1.0, 2.0)
        return forms

    def covariances(
        self,
        support: IndexArray,
        target: Float64Array,
        coefficients: Float64Array,
        noise: Float64Array,
        factor: Float64Array | None = None,
    ) -> Float64Array:
        """Return all results for noise, (R, P).

        Parameters
        ----------
        support : ndarray of int, shape (P,)
            Support of each pixel.
        target, coefficients : ndarray, shape (K, P)
            The data in the basis of the fit, and the best coefficients.
        noise : ndarray, shape (T, P) or (T, 1)
            Covariances of `target`.
        factor : ndarray, shape (P,), optional
            Their factor.
        """
        factor = np.ones(support.size) if factor is None else factor
        count = np.bincount(support, minlength=len(self._forms))
        if count.max(initial=0) == support.size:
            return self._on_support(int(count.argmax()), target, coefficients, noise, factor)
        # Pixels of one support are worked on together; integers of two bytes are sorted in one pass.
        order = support.astype(np.uint16).argsort(kind="stable")
        target, coefficients, noise = (
            array if array.shape[1] == 1 else array.take(order, axis=1) for array in (target, coefficients, noise)
        )
        factor, sorted_, last = factor.take(order), np.empty((self._forms.shape[1], support.size)), np.cumsum(count)
        for number in np.flatnonzero(count):
            part = slice(last[number] - count[number], last[number])
            covariance = noise if noise.shape[1] == 1 else noise[:, part]
            sorted_[:, part] = self._on_support(
                int(number), target[:, part], coefficients[:, part], covariance, factor[part]
            )
        total = np.empty_like(sorted_)
        put_columns(total, order, sorted_)
        return total

    def without_bounds(self, support: IndexArray, model: Float64Array) -> tuple[Float64Array, Float64Array]:
        """Return all results for what is no noise, (R, P), on each pixel's own support and on the whole one.

        References that do not describe a spectrum push coefficients far below their bound. That is no sign that these
        are known well, so the tail of their distribution says nothing here.

        Parameters
        ----------
        support : ndarray of int, shape (P,)
            Support of each pixel.
        model : ndarray, shape (T, P)
            Covariances of the data in the basis of the fit.
        """
        own = np.empty((self._forms.shape[1], support.size))
        for number in np.unique(support):
            pixels = np.flatnonzero(support == number)
            own[:, pixels] = self._forms[number] @ model[:, pixels]
        return own, self._forms[0] @ model

    def _on_support(
        self,
        number: int,
        target: Float64Array,
        coefficients: Float64Array,
        noise: Float64Array,
        factor: Float64Array,
    ) -> Float64Array:
        """The results of pixels that have one support."""
        total: Float64Array = (self._forms[number] @ noise) * factor
        bound = np.flatnonzero(~self._solver.members[number])
        if bound.size == 0:
            return total
        square = np.maximum(total[bound], 0.0)
        mean = self._freed[number, bound] @ target + self._freed_offset[number, bound][:, None]
        square *= tail_square(mean / np.sqrt(np.maximum(square, _TINY)))
        square /= 1 + 6 * square * self._nearness(number, bound, coefficients, total)
        steps = self._of_steps[number][:, bound]
        total[bound] = 0.0
        total += steps @ square
        return total

    def _nearness(
        self, number: int, bound: IndexArray, coefficients: Float64Array, variances: Float64Array
    ) -> Float64Array:
        """One over the squared length of the steps of bound coefficients until another reaches 0, (B, P)."""
        result = np.zeros((bound.size, coefficients.shape[1]))
        for k in np.flatnonzero(self._solver.members[number]):
            inverse = 1 / np.maximum(coefficients[k] ** 2 + variances[k], _TINY)
            np.maximum(result, self._falls[number, bound, k][:, None] * inverse, out=result)
        return result
