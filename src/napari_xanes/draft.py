"""A recipe that is being made: steps that can be switched off, and results that are computed once.

`Draft` is the list of steps as a user edits it. `DraftRunner` carries it out on one stack and keeps the results of its
steps, so that a change of one step computes only this step and those behind it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import takewhile
from typing import Any, cast

import numpy as np

from napari_xanes.history import Step
from napari_xanes.maps import ESTIMATORS, window_step
from napari_xanes.ops import OPERATIONS
from napari_xanes.progress import Progress, part
from napari_xanes.recipe import run
from napari_xanes.stack import SpectralStack

MEMORY_SHARE = 3
"""Results that a runner keeps take at most this many times the memory of its stack as float32 values."""


@dataclass(frozen=True)
class DraftStep:
    """A step of a draft.

    Parameters
    ----------
    step : Step
        The operation with the parameters that the user gave.
    enabled : bool
        Whether the step is carried out.
    """

    step: Step
    enabled: bool = True


@dataclass(frozen=True)
class Draft(Sequence[DraftStep]):
    """The steps of a recipe in the order in which they run. Every change gives a new draft.

    Examples
    --------
    >>> draft = Draft.of([Step("optical_depth"), Step("normalize_edge")]).switched(0, False)
    >>> [step.name for step in draft.enabled]
    ['normalize_edge']
    >>> [entry.step.name for entry in draft.moved(1, 0)]
    ['normalize_edge', 'optical_depth']
    """

    entries: tuple[DraftStep, ...] = ()

    @classmethod
    def of(cls, steps: Iterable[Step]) -> Draft:
        """Return a draft of steps that are all carried out, without what they estimated from another stack."""
        return cls(tuple(DraftStep(Step(step.name, step.parameters)) for step in steps))

    def __getitem__(self, index: Any) -> Any:
        return self.entries[index]

    def __len__(self) -> int:
        return len(self.entries)

    @property
    def enabled(self) -> tuple[Step, ...]:
        """The steps that are carried out."""
        return tuple(entry.step for entry in self.entries if entry.enabled)

    def added(self, step: Step, index: int | None = None) -> Draft:
        """Return the draft with one more step, at the end or before the step of this index."""
        at = len(self) if index is None else index
        return Draft((*self.entries[:at], DraftStep(step), *self.entries[at:]))

    def removed(self, index: int) -> Draft:
        """Return the draft without a step."""
        return Draft(tuple(entry for i, entry in enumerate(self.entries) if i != index))

    def moved(self, index: int, to: int) -> Draft:
        """Return the draft with a step at another place."""
        others = self.removed(index).entries
        return Draft((*others[:to], self.entries[index], *others[to:]))

    def switched(self, index: int, enabled: bool) -> Draft:
        """Return the draft with a step switched on or off."""
        return self._with(index, replace(self.entries[index], enabled=enabled))

    def changed(self, index: int, step: Step) -> Draft:
        """Return the draft with other parameters of a step, or another step in its place."""
        return self._with(index, replace(self.entries[index], step=step))

    def _with(self, index: int, entry: DraftStep) -> Draft:
        return Draft(tuple(entry if i == index else old for i, old in enumerate(self.entries)))


def is_quick(step: Step) -> bool:
    """Return whether a step takes about as long as a copy of the stack: values depend on their own pixel only.

    A step that makes maps, or that is not known, is not quick.
    """
    return step.name in OPERATIONS and OPERATIONS[step.name].looks_at in ("frame", "pixel")


class StepError(ValueError):
    """A step of a draft could not be carried out.

    Parameters
    ----------
    index : int
        Index of the step among the steps that are carried out.
    step : Step
        The step.
    reason : Exception
        What it raised; its text is the text of this error.
    """

    def __init__(self, index: int, step: Step, reason: Exception) -> None:
        super().__init__(str(reason))
        self.index, self.step, self.reason = index, step, reason


class DraftRunner:
    """Carries out drafts on one stack, and computes again only what has changed.

    Not for several threads at once: give it to one worker.

    Parameters
    ----------
    stack : SpectralStack
        The stack to start from; it is not changed.

    Examples
    --------
    >>> import numpy as np
    >>> stack = SpectralStack(np.ones((3, 4, 4), np.float32), [8330, 8340, 8350], "optical_depth")
    >>> runner = DraftRunner(stack)
    >>> runner.run([Step("crop", {"energy": (8335, 8360)})]).shape
    (2, 4, 4)
    """

    def __init__(self, stack: SpectralStack) -> None:
        self._stack = stack
        self._steps: list[Step] = []
        self._results: dict[int, SpectralStack] = {}

    def run(self, steps: Sequence[Step], *, progress: Progress | None = None) -> SpectralStack:
        """Return the stack after the steps.

        Parameters
        ----------
        steps : sequence of Step
            Operations; those that were carried out before, in the same order, are not carried out again.
        progress : callable, optional
            Called with the fraction done and a message; it may raise `Cancelled`, and what was done is kept.

        Raises
        ------
        StepError
            If a step can't be carried out; the results of the steps before it are kept.
        """
        start, stack = self._resume(steps)
        n_steps = len(steps) - start
        for i in range(start, len(steps)):
            share = part(progress, (i - start) / n_steps, (i + 1 - start) / n_steps)
            try:
                if steps[i].name in ESTIMATORS:
                    raise ValueError(f"{steps[i].name} makes maps, no stack: run it in {window_step(steps[i].name)}")
                stack = cast(SpectralStack, run([steps[i]], stack, progress=share))
            except (OSError, ValueError) as error:
                raise StepError(i, steps[i], error) from error
            self._keep(i + 1, steps, stack)
        return stack

    def remember(self, steps: Sequence[Step], stack: SpectralStack) -> None:
        """Take a stack as the result of steps that were carried out elsewhere."""
        self._keep(len(steps), steps, stack)

    def pending(self, steps: Sequence[Step]) -> tuple[Step, ...]:
        """Return the steps that `run` would have to carry out."""
        return tuple(steps[self._resume(steps)[0] :])

    def _resume(self, steps: Sequence[Step]) -> tuple[int, SpectralStack]:
        """Return how many of the steps are done, and the stack after them."""
        n_same = self._n_same(steps)
        done = max((n for n in self._results if n <= n_same), default=0)
        return done, self._results.get(done, self._stack)

    def _n_same(self, steps: Sequence[Step]) -> int:
        """Return how many of the steps, from the first on, are those that were carried out."""
        return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(steps, self._steps, strict=False)))

    def _keep(self, n_done: int, steps: Sequence[Step], stack: SpectralStack) -> None:
        """Keep a result, and drop those of other steps.

        Of those that take too much memory, the results of quick steps go first, and then the earliest.
        """
        n_same = self._n_same(steps[:n_done])
        results = {n: kept for n, kept in self._results.items() if n <= n_same} | {n_done: stack}
        limit = MEMORY_SHARE * self._stack.data.size * np.dtype(np.float32).itemsize
        for n in sorted(sorted(results)[:-1], key=lambda n: not is_quick(steps[n - 1])):
            if sum(map(_n_bytes, results.values())) <= limit:
                break
            del results[n]
        self._steps, self._results = list(steps[:n_done]), results


def _n_bytes(stack: SpectralStack) -> int:
    return 0 if stack.is_lazy else int(stack.data.nbytes)
