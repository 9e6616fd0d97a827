"""The steps of one stack as the user edits them, and what is known of their results. No Qt."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING, Any
from weakref import ref

from napari_xanes.draft import Draft, DraftRunner
from napari_xanes.gui.layers import stack_of
from napari_xanes.history import Step

if TYPE_CHECKING:
    from napari.layers import Layer

    from napari_xanes.stack import SpectralStack


@dataclass(frozen=True)
class Problem:
    """A step that could not be carried out: its row in the draft, and why."""

    row: int
    reason: str


@dataclass(frozen=True)
class Applied:
    """Steps that were carried out.

    Parameters
    ----------
    steps : tuple of Step
        The steps as they stood in the draft.
    done : tuple of Step
        The same steps with what they estimated from the stack.
    metadata : mapping
        What the stack says after them.
    """

    steps: tuple[Step, ...] = ()
    done: tuple[Step, ...] = ()
    metadata: Mapping[str, Any] | None = None


class StackRecipe:
    """The recipe of one stack layer.

    Parameters
    ----------
    base : Layer
        The stack that the steps start from; the recipe does not keep it alive.
    draft : Draft
        The steps.

    Attributes
    ----------
    row : int
        The selected step; -1 if there is none.
    applied : Applied
        The steps of the result.
    owns_result : bool
        Whether the next result may take the place of this one.
    result_name : str
        The name that the layer of the result was given.
    problem : Problem or None
        The step that can't be carried out.
    lock : Lock
        To be held by who lets the runner run: it is not for several threads at once.
    """

    def __init__(self, base: Layer, draft: Draft | None = None) -> None:
        self._base = ref(base)
        self.draft = Draft() if draft is None else draft
        self.row = len(self.draft) - 1
        self.applied = Applied()
        self.problem: Problem | None = None
        self.lock = Lock()
        self._result: Any = lambda: None
        self.owns_result, self.result_name = False, ""
        self._runner: DraftRunner | None = None
        self._values: tuple[Any, Any] = (None, None)

    @property
    def base(self) -> Layer | None:
        """The layer of the stack that the steps start from."""
        return self._base()

    @property
    def result(self) -> Layer | None:
        """The layer that shows the stack after the steps."""
        layer: Layer | None = self._result()
        return layer

    @property
    def rows(self) -> list[int]:
        """The rows of the steps that are switched on."""
        return [row for row, entry in enumerate(self.draft) if entry.enabled]

    @property
    def up_to_date(self) -> bool:
        """Whether the result is that of the steps as they are now."""
        return self.result is not None and self.applied.steps == self.draft.enabled

    def before(self) -> list[Step]:
        """Return the steps that had been carried out on the stack that the recipe starts from."""
        base = self.base
        return [] if base is None else [Step.from_plain(plain) for plain in base.metadata["xanes"]["history"]]

    def done(self, row: int) -> Step | None:
        """Return a step as it was carried out, or None if it was not, or after other steps."""
        if not self.draft[row].enabled:
            return None
        index = self.rows.index(row)
        same = self.applied.steps[: index + 1] == self.draft.enabled[: index + 1]
        return self.applied.done[index] if same and index < len(self.applied.done) else None

    def runner(self) -> DraftRunner:
        """Return what carries the steps out; a new one if the stack was corrected meanwhile.

        Raises
        ------
        ValueError
            If the layer of the stack was closed, or is a stack no more.
        """
        base = self.base
        if base is None:
            raise ValueError("the stack that these steps start from was closed: open it again")
        values = (base.data, base.metadata["xanes"])
        if self._runner is None or any(old is not new for old, new in zip(self._values, values, strict=True)):
            self._runner, self._values = DraftRunner(stack_of(base)), values
            self.applied = Applied()
        return self._runner

    def know(self, steps: Sequence[Step], stack: SpectralStack, layer: Layer, *, own: bool) -> None:
        """Take a stack, and the layer that shows it, as the result of some steps.

        Parameters
        ----------
        steps : sequence of Step
            The steps as they stood in the draft.
        stack : SpectralStack
            The stack after them.
        layer : Layer
            The layer of this stack.
        own : bool
            Whether the next result may take its place.
        """
        self.runner().remember(steps, stack)
        self.applied = Applied(tuple(steps), stack.history[len(stack.history) - len(steps) :], stack.metadata)
        self._result, self.owns_result = ref(layer), own

    def keep_result(self) -> None:
        """Let the result stay as it is; the next one becomes a layer of its own."""
        self.owns_result = False

    def forget(self) -> None:
        """Free the memory of what was computed."""
        self._runner, self._values = None, (None, None)
