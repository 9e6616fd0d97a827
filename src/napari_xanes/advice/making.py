"""A plan from a question: checks, choice, exposures and predicted errors."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from napari_xanes._typing import Float64Array, IndexArray
from napari_xanes.advice.choosing import Chooser, guards
from napari_xanes.advice.dwell_times import influence, share_time
from napari_xanes.advice.moments import Criterion, map_error, moments_of_each
from napari_xanes.advice.plan import EnergyPlan
from napari_xanes.advice.question import Question
from napari_xanes.advice.trial_fits import MOST_REFERENCES, trial_error

_SHORTEST = 0.3
"""No energy is measured for less than this share of the mean exposure: what stands there may be another phase."""

_TRIALS = 4000
"""Number of trial fits, of all typical pixels together: their root mean square is known to 2 percent."""


class Costs(NamedTuple):
    """Exposure of an energy and time to move to it, in s."""

    dwell: float
    move: float


class PlanMaker:
    """Makes the plan for a question.

    Parameters
    ----------
    question : Question
        With C candidates.
    known : ndarray of int
        Those that have been measured.
    exposed : ndarray
        For how many seconds.
    costs : Costs
        Of each energy.
    criterion : {"A", "D"}
        What becomes small, see `loss`.
    spare : int
        Energies beyond those that determine the fit.
    nonnegative : bool
        Predict errors by trial fits with amounts that can't be negative.
    equal : bool
        Give all energies the same exposure.
    """

    def __init__(
        self,
        question: Question,
        known: IndexArray,
        exposed: Float64Array,
        costs: Costs,
        criterion: Criterion,
        spare: int,
        *,
        nonnegative: bool,
        equal: bool,
    ) -> None:
        self.question, self.known, self.costs, self.equal = question, known, costs, equal
        self.seconds = np.full(question.energy.size, costs.dwell)
        self.seconds[known] = exposed
        self.chooser = Chooser(question, self.seconds, criterion, known)
        self.least = question.n_columns + spare
        self.quantity = "fraction" if question.valences is None else "valence"
        n_references = question.amounts.shape[2]
        self._with_bounds = nonnegative and n_references <= MOST_REFERENCES
        rng, n_pixels = np.random.default_rng(0), question.amounts.shape[1]
        n_trials = -(-_TRIALS // n_pixels)
        self._draws = rng.standard_normal((question.energy.size, n_pixels, n_trials))
        self._shifts = rng.standard_normal(n_trials)

    def plan(self, most: int, target: float | None, warnings: list[str]) -> EnergyPlan:
        """Return the plan of so many energies, or of as few as the target needs."""
        self._check_distinct()
        whole = self._described(self._chosen(most), warnings, target)
        if target is None:
            return whole
        if whole.present <= target:
            return self._described([], warnings, target)
        if not len(whole) or not whole.error[-1] <= target:
            return whole
        # Fewer energies are chosen for their own number, with their own exposures.
        low, high, best = len(whole.until(target)), len(whole), whole
        while low < high:
            count = (low + high) // 2
            plan = self._described(self._chosen(count), warnings, target)
            if plan.error[-1] <= target:
                best, high = plan, count
            else:
                low = count + 1
        return best

    def _chosen(self, most: int) -> list[int]:
        """Return candidates in the order of use."""
        first = self.chooser.start()[:most]
        n_guards = min(max(self.least - self.known.size - len(first), 0), most - len(first))
        fixed = guards(self.question, np.concatenate([self.known, first]).astype(np.intp), n_guards)
        chosen = self.chooser.add(fixed + first, most - len(fixed + first))
        chosen = self.chooser.exchanged(chosen, len(fixed))
        return self.chooser.in_order(chosen, len(fixed), len(fixed + first))

    def _check_distinct(self) -> None:
        """Raise an error if all energies together tell no more than a guess."""
        question = self.question
        n_energies, n_columns = question.energy.size, question.n_columns
        if n_energies <= n_columns:
            raise ValueError(
                f"{n_energies} energies to choose from do not determine {n_columns} coefficients: give more energies"
            )
        error = float(map_error(question, moments_of_each(question, self.seconds).total()))
        if not error < question.ignorance:
            raise ValueError(
                f"the references can't be told apart: with all {n_energies} energies, {self.costs.dwell:g} s each, the "
                f"error of the {self.quantity} would be {error:.2g}, and {question.ignorance:.2g} without any "
                "measurement. Leave out references that are alike, or give more photons or another range of energies"
            )

    def _error(self, frames: IndexArray, seconds: Float64Array) -> float:
        """Predicted error with frames that are measured for so many seconds."""
        if frames.size < self.question.n_columns + 1:
            return np.nan
        if self._with_bounds:
            return trial_error(self.question, frames, seconds, self._draws, self._shifts)
        part = self.question.at(frames)
        return float(map_error(part, moments_of_each(part, seconds).total()))

    def _exposures(self, chosen: IndexArray) -> Float64Array:
        """Exposures of the new energies, in s, with the mean that was asked for."""
        n, dwell = chosen.size, self.costs.dwell
        if self.equal or not n:
            return np.full(n, dwell)
        weights = influence(self.question.at(np.concatenate([self.known, chosen])))[self.known.size :]
        return share_time(weights, n * dwell, _SHORTEST * dwell)

    def _described(self, chosen: list[int], warnings: list[str], target: float | None = None) -> EnergyPlan:
        frames = np.array(chosen, np.intp)
        dwell = self._exposures(frames)
        both = np.concatenate([self.known, frames])
        seconds = np.concatenate([self.seconds[self.known], dwell])
        counts = range(self.known.size + 1, both.size + 1)
        return EnergyPlan(
            self.quantity,
            self.question.energy[frames],
            dwell,
            np.array([self._error(both[:n], seconds[:n]) for n in counts]),
            np.cumsum(dwell + self.costs.move),
            self.question.energy[self.known],
            self._error(self.known, seconds[: self.known.size]),
            self._error(np.arange(self.question.energy.size), self.seconds),
            self._axis_error(both),
            max(self.least - self.known.size, 1),
            target,
            warnings,
        )

    def _axis_error(self, frames: IndexArray) -> float:
        if frames.size < self.question.n_columns:
            return np.nan
        part = self.question.at(frames)
        moments = moments_of_each(part, np.full(frames.size, np.inf)).total()
        return float(map_error(part, moments))
