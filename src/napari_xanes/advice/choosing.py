"""The choice of energies: a start that determines all coefficients, guards, then one after the other, and exchanges."""

from __future__ import annotations

import numpy as np

from napari_xanes._typing import Float64Array, IndexArray
from napari_xanes.advice.moments import Criterion, Moments, loss, moments_of_each
from napari_xanes.advice.question import Question

_PASSES = 5
"""Most rounds of exchanges; two or three are the rule."""

_GAIN = 1e-9
"""Smaller improvements are rounding."""


class Chooser:
    """Chooses among the candidates of a question those that make its loss small.

    Parameters
    ----------
    question : Question
        With C candidates.
    seconds : ndarray, shape (C,)
        How long each is measured.
    criterion : {"A", "D"}
        What becomes small, see `loss`.
    known : ndarray of int, optional
        Candidates that have been measured: they count, and can't be exchanged or chosen again.
    """

    def __init__(
        self, question: Question, seconds: Float64Array, criterion: Criterion, known: IndexArray | None = None
    ) -> None:
        self._question, self._criterion = question, criterion
        self._each = moments_of_each(question, seconds)
        self._known = np.zeros(0, np.intp) if known is None else known

    def moments(self, chosen: list[int]) -> Moments:
        """Return the sums over what has been measured and what was chosen."""
        return self._each.of(np.concatenate([self._known, np.array(chosen, np.intp)])).total()

    def losses(self, before: Moments) -> Float64Array:
        """Return the loss with each candidate in addition, (C,)."""
        return loss(self._question, before.plus(self._each), self._criterion)

    def _free(self, chosen: list[int]) -> IndexArray:
        return np.setdiff1d(np.arange(self._question.energy.size), np.concatenate([self._known, chosen]))

    def start(self) -> list[int]:
        """Return the fewest candidates that determine all coefficients, none if the measured ones do.

        They are the first pivots of a QR factorization of the columns (as in the discrete empirical interpolation
        method, Drmač & Gugercin, SIAM J. Sci. Comput. 38, A631, 2016), then exchanged.
        """
        from scipy.linalg import qr

        columns = self._question.columns.mean(axis=0)
        columns = columns / np.linalg.norm(columns, axis=0)
        rest = columns
        if self._known.size:
            _, sizes, directions = np.linalg.svd(columns[self._known], full_matrices=True)
            enough = int(np.sum(sizes > 1e-3 * sizes.max()))
            rest = columns @ directions[enough:].T
        missing = rest.shape[1]
        if not missing:
            return []
        free = self._free([])
        pivots = qr(rest[free].T, mode="r", pivoting=True)[1]
        return self.exchanged([int(i) for i in free[pivots[:missing]]])

    def add(self, chosen: list[int], count: int) -> list[int]:
        """Return the chosen candidates and the `count` best further ones, one after the other."""
        chosen = list(chosen)
        for _ in range(count):
            free = self._free(chosen)
            if not free.size:
                break
            losses = self.losses(self.moments(chosen))
            chosen.append(int(free[np.argmin(losses[free])]))
        return chosen

    def exchanged(self, chosen: list[int], n_fixed: int = 0) -> list[int]:
        """Return a choice in which no exchange of one candidate, after the first `n_fixed`, makes the loss smaller."""
        chosen = list(chosen)
        for _ in range(_PASSES):
            changed = False
            for place in range(n_fixed, len(chosen)):
                others = chosen[:place] + chosen[place + 1 :]
                losses = self.losses(self.moments(others))
                free = self._free(others)
                best = int(free[np.argmin(losses[free])])
                if losses[best] < losses[chosen[place]] - _GAIN:
                    chosen[place], changed = best, True
            if not changed:
                break
        return chosen

    def in_order(self, chosen: list[int], n_fixed: int, n_first: int) -> list[int]:
        """Return a choice in the order of use: what can be left out with the least harm comes last.

        The first `n_fixed` are among the first `n_first` of the result.
        """
        left, last = list(chosen), []
        while len(left) > n_first:
            without = self.moments(left).plus(self._each.of(np.array(left[n_fixed:])), -1.0)
            losses = loss(self._question, without, self._criterion)
            last.append(left.pop(n_fixed + int(np.argmin(losses))))
        return left + last[::-1]


def guards(question: Question, chosen: IndexArray, count: int) -> list[int]:
    """Return `count` candidates in the widest gaps between chosen ones, where a phase that is missing can show itself.

    Half of the distance is that in energy, half the way along the spectra: a gap of some eV in the edge is as wide as
    one of many eV far from it.
    """
    mean = np.einsum("sck,spk->c", question.columns[..., : question.amounts.shape[2]], question.amounts)
    way = np.concatenate([[0], np.abs(np.diff(mean)).cumsum()])
    energy = question.energy - question.energy[0]
    place = way / max(way[-1], 1e-300) + energy / energy[-1]
    found: list[int] = []
    nearest = np.abs(place[:, None] - place[chosen]).min(axis=1)
    for _ in range(min(count, question.energy.size - chosen.size)):
        found.append(int(np.argmax(nearest)))
        nearest = np.minimum(nearest, np.abs(place - place[found[-1]]))
    return found
