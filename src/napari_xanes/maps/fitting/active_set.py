"""Least squares with non-negative coefficients, exact, for all pixels of a block at once.

The optimum of non-negative least squares is an ordinary least squares fit on some subset of the columns, the support.
The fits on all subsets of a few columns are prepared once, as matrices. The support of each pixel is then found by
block principal pivoting: columns with a negative coefficient leave, columns that would lower the residual enter (Kim &
Park, SIAM J. Sci. Comput. 33, 3261, 2011). This ends at the optimum or, seldom, cycles. For a pixel that cycles, all
supports are tried, and the feasible one with the smallest residual is the optimum. The result is that of Lawson &
Hanson, Solving Least Squares Problems (1974), ch. 23.
"""

from __future__ import annotations

import numpy as np

from napari_xanes._typing import Float64Array, IndexArray

MAX_COLUMNS = 10
"""Largest number of non-negative columns: 1024 supports are prepared."""

_ROUNDS = 12
"""Number of pivots before all supports are tried."""


class ActiveSets:
    """Minimize ``|R x - q|`` for many right-hand sides, under constraints.

    Parameters
    ----------
    r : ndarray, shape (K, K)
        Triangular factor of the design, ``A = Q R``; normal equations would square its condition number.
    nonnegative : bool
        Whether all coefficients must be at least 0.
    sum_to_one : bool
        Whether the sum of the coefficients must be exactly 1.

    Raises
    ------
    ValueError
        If more than `MAX_COLUMNS` columns must be non-negative.

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
                f"{k} references are too many for an exact non-negative fit; choose at most {MAX_COLUMNS} that the "
                "sample can contain, or set nonnegative to no"
            )
        self.nonnegative, self._sum_to_one = nonnegative, sum_to_one
        # Bit j of a support's number is set if column j is not in the support: number 0 has all columns.
        self._bits = 1 << np.arange(k)
        numbers = np.arange(1 << k if nonnegative else 1)
        self.members = (numbers[:, None] & self._bits) == 0
        solved = [_affine(r, np.flatnonzero(members), sum_to_one) for members in self.members]
        self.gain = np.array([gain for gain, _ in solved])
        self.offset = np.array([offset for _, offset in solved])
        self._r = r

    def solve(self, q: Float64Array) -> tuple[Float64Array, IndexArray]:
        """Return the coefficients and the support of each pixel.

        Parameters
        ----------
        q : ndarray, shape (K, P)
            ``Q.T @ data``. A pixel with NaN has NaN coefficients and the full support.

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
            infeasible = np.flatnonzero((x < 0).any(axis=0))
            if infeasible.size:
                found, support[infeasible] = self._pivot(q.take(infeasible, axis=1), x.take(infeasible, axis=1))
                put_columns(x, infeasible, found)
        return x, support

    def _pivot(self, q: Float64Array, x: Float64Array) -> tuple[Float64Array, IndexArray]:
        """Find the optimum by exchanging columns, for pixels whose fit `x` on all columns is not feasible."""
        support = self._bits @ (x < 0)
        unsolved = np.arange(support.size)
        for _ in range(_ROUNDS):
            number, target = support.take(unsolved), q.take(unsolved, axis=1)
            members = self.members.T.take(number, axis=1)
            gain = self.gain.reshape(len(self.gain), -1).T.take(number, axis=1).reshape(*self._r.shape, -1)
            trial = np.einsum("ijp,jp->ip", gain, target) + self.offset.T.take(number, axis=1)
            gradient = self._r.T @ (target - self._r @ trial)
            if self._sum_to_one:
                gradient -= np.sum(gradient * members, axis=0) / np.maximum(members.sum(axis=0), 1)
            violates = np.where(members, trial < 0, gradient > 0)
            if self._sum_to_one:
                violates[:, number == len(self.members) - 1] = True
            put_columns(x, unsolved, trial)
            is_unsolved = violates.any(axis=0)
            unsolved = unsolved[is_unsolved]
            if unsolved.size == 0:
                return x, support
            support[unsolved] ^= self._bits @ violates[:, is_unsolved]
        x[:, unsolved], support[unsolved] = self._best(q[:, unsolved])
        return x, support

    def _best(self, q: Float64Array) -> tuple[Float64Array, IndexArray]:
        """Find the optimum by trying every support."""
        best = np.full(q.shape[1], np.inf)
        x, support = np.zeros_like(q), np.zeros(q.shape[1], dtype=np.intp)
        for i in range(1, len(self.members) - self._sum_to_one):
            trial = self.gain[i] @ q + self.offset[i][:, None]
            misfit = q - self._r @ trial
            squares = np.einsum("kp,kp->p", misfit, misfit)
            better = np.flatnonzero((trial.min(axis=0) >= 0) & (squares < best))
            best[better], support[better] = squares[better], i
            x[:, better] = trial[:, better]
        return x, support

    def freed(self) -> tuple[Float64Array, Float64Array]:
        """Return the linear map from data to coefficients on each support, from which standard errors follow.

        A coefficient off the support is treated as if it alone were added to the support.

        Returns
        -------
        rows : ndarray, shape (S, K, K)
            Row ``[s, i]`` times ``q``, plus the offset, is coefficient i on support s.
        offset : ndarray, shape (S, K)
            The constant parts.
        """
        larger, columns = self._larger(), np.arange(self._bits.size)
        return self.gain[larger, columns], self.offset[larger, columns]

    def _larger(self) -> IndexArray:
        """Number (S, K) of the support to which a column was added."""
        numbers: IndexArray = np.arange(len(self.members))[:, None] & ~self._bits
        return numbers

    def directions(self) -> Float64Array:
        """Return how all coefficients change if one off the support grows by 1 and the support's follow.

        Returns
        -------
        ndarray, shape (S, K, K)
            ``[s, j]`` are the changes by coefficient j; zeros for those on the support.
        """
        # A larger support adds one row to the gain: the step of j, which moves the others along one line.
        rows = self.freed()[0]
        changes = np.einsum("sjik,sjk->sji", self.gain[self._larger()] - self.gain[:, None], rows)
        squares = np.sum(rows**2, axis=2, keepdims=True)
        result: Float64Array = np.divide(changes, squares, out=np.zeros_like(changes), where=squares > 0)
        return result


def put_columns(array: Float64Array, columns: IndexArray, values: Float64Array) -> None:
    """Set some columns of an array, row by row: numpy needs a third of the time of ``array[:, columns] = values``."""
    for row, value in zip(array, values, strict=True):
        row[columns] = value


def _affine(r: Float64Array, support: IndexArray, sum_to_one: bool) -> tuple[Float64Array, Float64Array]:
    """Return the fit on a support as ``x = gain @ q + offset``, with zeros off the support."""
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
