"""Least squares with non-negative coefficients, exact, for all pixels of a block at once.

The optimum of non-negative least squares is an ordinary least squares fit on some subset of the columns (its support).
With few columns all supports can be tried, and the feasible one with the smallest residual is the optimum: no
iteration, no tolerance. Pixels whose ordinary fit is feasible, usually most, are done at once. Same optimum as Lawson
& Hanson, Solving Least Squares Problems (1974), ch. 23; why it pays to share the algebra among pixels: Van Benthem &
Keenan, J. Chemometrics 18, 441 (2004).
"""

from __future__ import annotations

from itertools import combinations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

MAX_COLUMNS = 10
"""Most columns that may be bound to be non-negative: 1023 supports, each tried on each pixel that needs it."""


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

    def __init__(self, r: Floats, *, nonnegative: bool, sum_to_one: bool) -> None:
        k = r.shape[1]
        if nonnegative and k > MAX_COLUMNS:
            raise ValueError(
                f"{k} references are too many for an exact non-negative fit; choose at most {MAX_COLUMNS}, those that "
                "the sample can hold, or set nonnegative to no"
            )
        self.nonnegative = nonnegative
        everything = tuple(range(k))
        supports = [everything]
        if nonnegative:
            smallest = 1 if sum_to_one else 0
            supports += [s for size in range(k - 1, smallest - 1, -1) for s in combinations(everything, size)]
        self.members = np.zeros((len(supports), k), dtype=bool)
        for i, support in enumerate(supports):
            self.members[i, list(support)] = True
        solved = [_affine(r, list(support), sum_to_one) for support in supports]
        self.gain = np.array([gain for gain, _ in solved])
        self.offset = np.array([offset for _, offset in solved])
        self._misfit = np.eye(k) - r @ self.gain
        self._misfit_offset = -(self.offset @ r.T)

    def solve(self, q: Floats) -> tuple[Floats, NDArray[np.intp]]:
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
                x[:, rest], support[rest] = self._best(q[:, rest])
        return x, support

    def _best(self, q: Floats) -> tuple[Floats, NDArray[np.intp]]:
        best = np.full(q.shape[1], np.inf)
        x, support = np.zeros_like(q), np.zeros(q.shape[1], dtype=np.intp)
        for i in range(1, len(self.members)):
            tried = self.gain[i] @ q + self.offset[i][:, None]
            misfit = self._misfit[i] @ q + self._misfit_offset[i][:, None]
            squares = np.einsum("kp,kp->p", misfit, misfit)
            better = np.flatnonzero((tried.min(axis=0) >= 0) & (squares < best))
            best[better], support[better] = squares[better], i
            x[:, better] = tried[:, better]
        return x, support

    def freed(self) -> Floats:
        """Per support, how each coefficient answers to the data: one off the support as if it were the next to enter.

        Returns
        -------
        ndarray, shape (S, K, K)
            Row ``[s, i]`` times ``q`` is coefficient i (but for a constant). Standard errors follow from it.
        """
        rows = self.gain.copy()
        number = {tuple(members): i for i, members in enumerate(self.members.tolist())}
        for i, members in enumerate(self.members):
            for j in np.flatnonzero(~members):
                larger = members.copy()
                larger[j] = True
                rows[i, j] = self.gain[number[tuple(larger.tolist())], j]
        return rows


def _affine(r: Floats, support: list[int], sum_to_one: bool) -> tuple[Floats, Floats]:
    """The fit on a support as ``x = gain @ q + offset``, with zeros off the support."""
    k, size = r.shape[1], len(support)
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
