"""The recipe of the chosen stack: its steps as the user edits them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary, ref

from qtpy.QtCore import QObject, Signal

from napari_xanes.draft import Draft, DraftStep
from napari_xanes.gui.layers import stack_of
from napari_xanes.gui.state.originals import originals
from napari_xanes.gui.state.stack_recipe import Problem, StackRecipe
from napari_xanes.gui.state.stacks import StackFollower
from napari_xanes.history import Step
from napari_xanes.ops import OPERATIONS

if TYPE_CHECKING:
    from napari.layers import Layer
    from napari.viewer import Viewer

    from napari_xanes.stack import SpectralStack


class RecipeState(QObject):
    """One recipe for each stack of the window; that of the chosen stack is edited.

    A result of `Prepare` has the recipe of the stack that it was made from. Another stack whose history goes on from
    that of a stack in the window begins with the steps of its history. Else the chosen stack itself is the one that the
    steps start from.

    Signals
    -------
    changed :
        Another stack is chosen, or its steps, or what is known of them, changed.
    selected : int
        Another row is selected.
    """

    changed = Signal()
    selected = Signal(int)

    def __init__(self, viewer: Viewer, stacks: StackFollower) -> None:
        super().__init__()
        self._viewer, self._stacks = ref(viewer), stacks
        self._recipes: WeakKeyDictionary[Layer, StackRecipe] = WeakKeyDictionary()
        self._of_results: WeakKeyDictionary[Layer, StackRecipe] = WeakKeyDictionary()
        self._job: QObject | None = None
        stacks.layer_changed.connect(self._on_stack)
        viewer.layers.events.removed.connect(self._on_removed)

    @property
    def current(self) -> StackRecipe | None:
        """The recipe of the chosen stack."""
        layer = self._stacks.layer
        return None if layer is None else self.of(layer)

    @property
    def draft(self) -> Draft:
        """Its steps."""
        recipe = self.current
        return Draft() if recipe is None else recipe.draft

    @property
    def row(self) -> int:
        """The selected row; -1 if there is none."""
        recipe = self.current
        return -1 if recipe is None else min(recipe.row, len(recipe.draft) - 1)

    @property
    def step(self) -> DraftStep | None:
        """The selected step."""
        return self.draft[self.row] if self.row >= 0 else None

    @property
    def base(self) -> Layer | None:
        """The layer of the stack that the steps start from."""
        recipe = self.current
        return None if recipe is None else recipe.base

    def waiting(self) -> tuple[Step, ...]:
        """Return the steps that are still to be carried out on the chosen stack; none if it is their result."""
        recipe = self.current
        if recipe is None or recipe.base is not self._stacks.layer or recipe.up_to_date:
            return ()
        return recipe.draft.enabled

    @property
    def applying(self) -> bool:
        """Whether steps are carried out at present, for any dock of the viewer."""
        return self._job is not None

    def begin(self, job: QObject) -> None:
        """Say that a job carries out steps, until `end` is called or the job is destroyed with its dock."""
        self._job = job
        job.destroyed.connect(self.end)
        self.changed.emit()

    def end(self, job: QObject | None = None) -> None:
        """Say that no job carries out steps any more."""
        if self._job is not None and job is None:
            self._job.destroyed.disconnect(self.end)
        self._job = None
        self.changed.emit()

    def of(self, layer: Layer) -> StackRecipe:
        """Return the recipe of a stack layer."""
        recipe = self._of_results.get(layer)
        if recipe is not None and recipe.owns_result and recipe.result is layer and self._is_open(recipe.base):
            return recipe
        recipe = self._recipes.get(layer)
        if recipe is None or not self._is_open(recipe.base):
            recipe = self._recipes[layer] = self._begun(layer)
        return recipe

    def select(self, row: int) -> None:
        """Select a row."""
        recipe = self.current
        if recipe is not None and row != recipe.row and 0 <= row < len(recipe.draft):
            recipe.row = row
            self.selected.emit(row)

    def add(self, step: Step, row: int | None = None) -> None:
        """Add a step at the end, or before a row, and select it."""
        at = len(self.draft) if row is None else row
        self._edit(self.draft.added(step, at), at)

    def duplicate(self, row: int) -> None:
        """Add a copy behind a row."""
        self.add(self.draft[row].step, row + 1)

    def remove(self, row: int) -> None:
        """Take a step out."""
        self._edit(self.draft.removed(row), min(row, len(self.draft) - 2))

    def move(self, row: int, to: int) -> None:
        """Move a step to another row."""
        if 0 <= to < len(self.draft) and to != row:
            self._edit(self.draft.moved(row, to), to)

    def switch(self, row: int, enabled: bool) -> None:
        """Switch a step on or off."""
        self._edit(self.draft.switched(row, enabled), self.row)

    def change(self, row: int, step: Step) -> None:
        """Give a step other parameters."""
        if self.draft[row].step != step:
            self._edit(self.draft.changed(row, step), self.row)

    def load(self, steps: Iterable[Step]) -> list[str]:
        """Take the steps of a recipe; return the names of those that make maps, which are switched off."""
        draft = Draft.of(steps)
        maps = [row for row, entry in enumerate(draft) if entry.step.name not in OPERATIONS]
        for row in maps:
            draft = draft.switched(row, False)
        self._edit(draft, 0)
        return [draft[row].step.name for row in maps]

    def all(self) -> list[tuple[Layer, StackRecipe]]:
        """Return the layers that have a recipe of their own, and not that of another layer."""
        return [(layer, recipe) for layer, recipe in self._recipes.items() if self._is_open(recipe.base)]

    def restore(
        self, layer: Layer, base: Layer, draft: Draft, applied: Sequence[Step] = (), result: Layer | None = None
    ) -> None:
        """Give a layer the recipe that a project kept.

        Parameters
        ----------
        layer : Layer
            The layer.
        base : Layer
            The stack that the steps start from.
        draft : Draft
            The steps.
        applied : sequence of Step
            The steps of the result.
        result : Layer, optional
            The layer that shows it, and whose place the next result takes.
        """
        recipe = self._recipes[layer] = StackRecipe(base, draft)
        if result is not None:
            recipe.know(applied, stack_of(result), result, own=True)
            self._of_results[result] = recipe
        self.changed.emit()

    def report(self, recipe: StackRecipe, problem: Problem | None) -> None:
        """Say which step of a recipe can't be carried out, or that all can."""
        if recipe.problem != problem:
            recipe.problem = problem
            self.changed.emit()

    def show(self, recipe: StackRecipe, steps: Sequence[Step], stack: SpectralStack, layer: Layer) -> None:
        """Take a stack, and the layer that shows it, as the result of a recipe."""
        recipe.know(steps, stack, layer, own=True)
        recipe.problem = None
        self._of_results[layer] = recipe
        self.changed.emit()

    def _edit(self, draft: Draft, row: int) -> None:
        recipe = self.current
        if recipe is None:
            return
        recipe.draft, recipe.problem = draft, None
        moved, recipe.row = row != recipe.row, row
        self.changed.emit()
        if moved:
            self.selected.emit(row)

    def _is_open(self, layer: Layer | None) -> bool:
        viewer = self._viewer()
        return viewer is not None and layer is not None and layer in viewer.layers

    def _begun(self, layer: Layer) -> StackRecipe:
        """Return the recipe that a stack begins with: that of its history, if the stack before it is there."""
        before = originals(layer, self._stacks.layers())
        if not before:
            return StackRecipe(layer)
        stack, base = stack_of(layer), before[-1]
        steps = stack.history[len(base.metadata["xanes"]["history"]) :]
        recipe = StackRecipe(base, Draft.of(steps))
        recipe.know(recipe.draft.enabled, stack, layer, own=False)
        return recipe

    def _on_stack(self, layer: Layer | None) -> None:
        self.changed.emit()
        self.selected.emit(self.row)

    def _on_removed(self, event: Any) -> None:
        """Free what was computed from a stack that was closed."""
        for recipe in {*self._recipes.values(), *self._of_results.values()}:
            if recipe.base is event.value:
                recipe.forget()
        self.changed.emit()
