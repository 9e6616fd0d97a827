"""Least squares with non-negative coefficients, exact, for all pixels of a block at once.

The optimum of non-negative least squares is an ordinary least squares fit on some subset of the columns (its support).
The fits on all subsets of a few columns are prepared once, as matrices. Each pixel then looks for its support by block
principal pivoting: columns that came out negative leave, columns that would help enter (Kim & Park, SIAM J. Sci.
Comput. 33, 3261, 2011). That ends at the optimum or, seldom, goes in circles; then all supports are tried and the
feasible one with the smallest residual is the optimum, without iteration or tolerance. The result is that of Lawson &
Hanson, Solving Least Squares Problems (1974), ch. 23.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from napari_xanes._typing import Float64Array

MAX_COLUMNS = 10
"""Most columns that may be bound to be non-negative: 1024 supports are prepared."""

_ROUNDS = 12
"""Pivots that are tried before all supports are."""


class ActiveSets:
    """Minimize ``|R x - q|`` for many right-hand sides, under the constraints asked for.

    Parameters
    ----------
    r : ndarray, shape (K, K)
        Triangular factor of the design, ``A = Q R``; so errors of the data are not squared by normal equations.
    nonnegative : bool
        Bind all coefficients to be at least 0.
    sum_to_one : bool
        Bind their sum to be exactly 1.

    Raises
    ------
    ValueError
        If more than `MAX_COLUMNS` columns are bound to be non-negative.

    Examples
    --------
    >>> solver = ActiveSets(np.eye(2), nonnegative=True, sum_to_one=False)
    >>> solver.solve(np.array([[3.0], [-1.0]]))[0].ravel().tolist()
    [3.0, 0.0]
    """

    def __init__(self, r: Float64Array, *, nonnegative: bool, sum_to_one: bool) -> None:
        k = r.shape[1]
        if nonnegative and k > MAX_COLUMNS:
            raise ValueError(
                f"{k} references are too many for an exact non-negative fit; choose at most {MAX_COLUMNS}, those that "
                "the sample can hold, or set nonnegative to no"
            )
        self.nonnegative, self._sum_to_one = nonnegative, sum_to_one
        # Bit j of a support's number says that column j is not in it; so number 0 is all of them.
        self._bits = 1 << np.arange(k)
        numbers = np.arange(1 << k if nonnegative else 1)
        self.members = (numbers[:, None] & self._bits) == 0
        solved = [_affine(r, np.flatnonzero(members), sum_to_one) for members in self.members]
        self.gain = np.array([gain for gain, _ in solved])
        self.offset = np.array([offset for _, offset in solved])
        self._r = r

    def solve(self, q: Float64Array) -> tuple[Float64Array, NDArray[np.intp]]:
        """The coefficients and the number of the support of each pixel.

        Parameters
        ----------
        q : ndarray, shape (K, P)
            ``Q.T @ data``. A pixel with NaN gets NaN on the full support.

        Returns
        -------
        x : ndarray, shape (K, P)
            Coefficients, exactly 0 off the support.
        support : ndarray, shape (P,)
            Row of `members` and `gain`.
        """
        x = self.gain[0] @ q + self.offset[0][:, None]
        support = np.zeros(q.shape[1], dtype=np.intp)
        if self.nonnegative:
            rest = np.flatnonzero((x < 0).any(axis=0))
            if rest.size:
                x[:, rest], support[rest] = self._pivot(q[:, rest], x[:, rest])
        return x, support

    def _pivot(self, q: Float64Array, x: Float64Array) -> tuple[Float64Array, NDArray[np.intp]]:
        """The optimum by exchanging columns, for pixels whose fit `x` on all columns is not feasible."""
        support = self._bits @ (x < 0)
        open_ = np.arange(support.size)
        for _ in range(_ROUNDS):
            number, wanted = support[open_], q[:, open_]
            members = self.members[number].T
            tried = np.einsum("pij,jp->ip", self.gain[number], wanted) + self.offset[number].T
            pull = self._r.T @ (wanted - self._r @ tried)
            if self._sum_to_one:
                pull -= np.sum(pull * members, axis=0) / np.maximum(members.sum(axis=0), 1)
            wrong = np.where(members, tried < 0, pull > 0)
            if self._sum_to_one:
                wrong[:, number == len(self.members) - 1] = True
            x[:, open_] = tried
            unsolved = wrong.any(axis=0)
            open_ = open_[unsolved]
            if open_.size == 0:
                return x, support
            support[open_] ^= self._bits @ wrong[:, unsolved]
        x[:, open_], support[open_] = self._best(q[:, open_])
        return x, support

    def _best(self, q: Float64Array) -> tuple[Float64Array, NDArray[np.intp]]:
        """The optimum by trying every support."""
        best = np.full(q.shape[1], np.inf)
        x, support = np.zeros_like(q), np.zeros(q.shape[1], dtype=np.intp)
        for i in range(1, len(self.members) - self._sum_to_one):
            tried = self.gain[i] @ q + self.offset[i][:, None]
            misfit = q - self._r @ tried
            squares = np.einsum("kp,kp->p", misfit, misfit)
            better = np.flatnonzero((tried.min(axis=0) >= 0) & (squares < best))
            best[better], support[better] = squares[better], i
            x[:, better] = tried[:, better]
        return x, support

    def freed(self) -> Float64Array:
        """Per support, how each coefficient answers to the data: one off the support as if it were the next to enter.

        Returns
        -------
        ndarray, shape (S, K, K)
            Row ``[s, i]`` times ``q`` is coefficient i (but for a constant). Standard errors follow from it.
        """
        rows = self.gain.copy()
        for i, members in enumerate(self.members):
            for j in np.flatnonzero(~members):
                rows[i, j] = self.gain[i ^ self._bits[j], j]
        return rows


def _affine(r: Float64Array, support: NDArray[np.intp], sum_to_one: bool) -> tuple[Float64Array, Float64Array]:
    """The fit on a support as ``x = gain @ q + offset``, with zeros off the support."""
    k, size = r.shape[1], support.size
    gain, offset = np.zeros((k, k)), np.zeros(k)
    if size == 0:
        return gain, offset
    part = r[:, support]
    if not sum_to_one:
        gain[support] = np.linalg.pinv(part)
        return gain, offset
    # x = 1/size + Z z, where the columns of Z sum to zero, meets the constraint for every z.
    centre = np.full(size, 1 / size)
    z = np.linalg.svd(np.ones((1, size)))[2][1:].T
    moving = z @ np.linalg.pinv(part @ z) if size > 1 else np.zeros((size, k))
    gain[support] = moving
    offset[support] = centre - moving @ (part @ centre)
    return gain, offset
