"""The preview of the steps: the shown frame and the spectrum under the cursor, while values are changed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from weakref import ref

import numpy as np
from qtpy.QtCore import Signal

from napari_xanes.draft import StepError, is_quick
from napari_xanes.gui.energy import energy_of_step
from napari_xanes.gui.latest_only_worker import LatestOnlyWorker
from napari_xanes.gui.state.asked import WhileAsked
from napari_xanes.gui.state.cursor import CursorFollower
from napari_xanes.gui.state.preview_curves import PlotCurves, curves_at
from napari_xanes.gui.state.preview_layer import PreviewLayer
from napari_xanes.gui.state.preview_steps import Preview, Previewer
from napari_xanes.gui.state.recipe import RecipeState
from napari_xanes.gui.state.stack_recipe import Problem, StackRecipe
from napari_xanes.gui.state.stacks import StackFollower
from napari_xanes.history import Step

if TYPE_CHECKING:
    from napari.viewer import Viewer

    from napari_xanes.stack import SpectralStack

WITH_HANDLES = ("normalize_edge", "crop")
"""Steps with handles in the plot."""

_LAZY = "No preview of a stack in a file: Apply is quick there, too, and reads only what is shown"


@dataclass(frozen=True)
class _Plan:
    """What to compute: the steps that are quick, from the stack after the slow ones if they were applied."""

    start: SpectralStack
    steps: tuple[Step, ...]
    rows: tuple[int, ...]
    lacks: tuple[str, ...]


class RecipePreview(WhileAsked):
    """Computes the frame and the spectrum after the steps of the recipe in threads, while a panel asks for it.

    Attributes
    ----------
    wanted : bool
        Whether the user wants a preview.
    preview : Preview or None
        The stack after the steps, at some of its pixels.
    handles_wanted : bool
        Whether the plot shows the spectrum before a step with handles; else that after all steps.
    curves : PlotCurves or None
        What the plot shows instead of the spectrum under the cursor.
    text : str
        What the preview is of and what it lacks, or why there is none.

    Signals
    -------
    changed :
        There is another preview, or another text.
    curve_changed :
        The plot is to show another curve.
    """

    changed = Signal()
    curve_changed = Signal()

    def __init__(self, viewer: Viewer, stacks: StackFollower, cursor: CursorFollower, recipe: RecipeState) -> None:
        super().__init__()
        self._viewer, self._stacks, self._cursor, self._recipe = ref(viewer), stacks, cursor, recipe
        self._wanted = self._handles_wanted = True
        self.preview: Preview | None = None
        self.curves: PlotCurves | None = None
        self.text = ""
        self._asked_for: tuple[StackRecipe, _Plan] | None = None
        self._layer = PreviewLayer(viewer)
        self._layer.closed.connect(self._on_closed)
        self._previewer = Previewer()
        self._steps_worker, self._curve_worker = LatestOnlyWorker(self), LatestOnlyWorker(self)
        self._steps_worker.done.connect(self._receive)
        self._steps_worker.failed.connect(self._fail)
        self._curve_worker.done.connect(self._receive_curve)
        self._curve_worker.failed.connect(lambda key, error: self._set_curves(None))

    @property
    def wanted(self) -> bool:
        """Whether the user wants a preview."""
        return self._wanted

    @wanted.setter
    def wanted(self, wanted: bool) -> None:
        if wanted != self._wanted:
            self._wanted = wanted
            self.changed.emit()
            self.update()

    @property
    def handles_wanted(self) -> bool:
        """Whether the plot shows the spectrum before a step with handles; else that after all steps."""
        return self._handles_wanted

    @handles_wanted.setter
    def handles_wanted(self, wanted: bool) -> None:
        if wanted != self._handles_wanted:
            self._handles_wanted = wanted
            self.changed.emit()
            self._ask_for_curve()

    def _followed(self) -> Sequence[tuple[Any, Callable[..., None]]]:
        return (
            (self._recipe.changed, self.update),
            (self._recipe.selected, self._ask_for_curve),
            (self._cursor.pixel_changed, self._on_pixel),
            (self._cursor.box_changed, self._ask_for_curve),
            (self._stacks.step_changed, self._show_frame),
        )

    def _attach(self) -> None:
        self._cursor.start(self)

    def _detach(self) -> None:
        self._cursor.stop(self)
        self._clear("")

    def _emit_again(self) -> None:
        self.update()

    def update(self) -> None:
        """Compute the preview of the steps as they are now."""
        recipe = self._recipe.current
        if not self.asked or self._recipe.applying:
            return
        if not self._wanted or recipe is None or recipe.base is None or not recipe.draft.enabled:
            self._clear("")
            return
        plan = self._plan(recipe)
        if plan.start.is_lazy or not plan.steps:
            self._clear(_LAZY if plan.start.is_lazy else without(plan.lacks))
            return
        if self._is_current(recipe, plan):
            self._show_frame()
            return
        self._asked_for = recipe, plan
        self._steps_worker.submit(
            (recipe, plan), lambda: self._previewer.run(plan.start, plan.steps, plan.rows, plan.lacks)
        )

    def _plan(self, recipe: StackRecipe) -> _Plan:
        rows, steps, runner = recipe.rows, recipe.draft.enabled, recipe.runner()
        slow = [i for i, step in enumerate(steps) if not is_quick(step)]
        behind = slow[-1] + 1 if slow else 0
        if slow and not runner.pending(steps[:behind]):
            return _Plan(runner.run(steps[:behind]), steps[behind:], tuple(rows[behind:]), ())
        quick = [i for i in range(len(steps)) if i not in slow]
        lacks = tuple(steps[i].name for i in slow)
        return _Plan(runner.run(()), tuple(steps[i] for i in quick), tuple(rows[i] for i in quick), lacks)

    def _receive(self, key: tuple[StackRecipe, _Plan], preview: Preview) -> None:
        recipe, plan = key
        if not self._is_current(recipe, plan):
            return
        if self._recipe.applying:  # a result will take its place: napari takes long for each layer
            self._asked_for = None
            return
        self.preview, self.text = preview, words(preview)
        self._ask_for_curve()  # first: a thread makes it while the frame is drawn
        self._show_frame()
        self.changed.emit()

    def _fail(self, key: tuple[StackRecipe, _Plan], error: Exception) -> None:
        recipe, plan = key
        if not self._is_current(recipe, plan):
            return
        self._clear("", forget=False)
        if isinstance(error, StepError):
            self._recipe.report(recipe, Problem(plan.rows[error.index], str(error)))

    def _is_current(self, recipe: StackRecipe, plan: _Plan) -> bool:
        if not self.asked or self._asked_for is None or self._asked_for[0] is not recipe:
            return False
        now = self._asked_for[1]
        return plan.start is now.start and (plan.steps, plan.rows, plan.lacks) == (now.steps, now.rows, now.lacks)

    def _clear(self, text: str, *, forget: bool = True) -> None:
        if forget:
            self._asked_for = None
        self._steps_worker.forget()
        self.preview, self.text = None, text
        self._layer.remove()
        self._stacks.note("")
        self._set_curves(None)
        self.changed.emit()

    def take_away(self) -> None:
        """Remove the preview, because a result will take its place."""
        self._clear("")

    def _on_closed(self) -> None:
        """Make no more previews when the user removes the layer of one."""
        self.wanted = False

    def _waits(self) -> bool:
        """Whether the layer that is chosen does not show the result of the steps."""
        recipe = self._recipe.current
        return recipe is not None and not (recipe.up_to_date and self._stacks.layer is recipe.result)

    def _show_frame(self, step: int = 0) -> None:
        """Show the frame of the preview, unless the result itself is seen."""
        preview, recipe, chosen = self.preview, self._recipe.current, self._stacks.layer
        if preview is None or recipe is None or chosen is None:
            return
        frame = self._frame(preview) if self._waits() else None
        if frame is None or recipe.base is None:
            self._layer.remove()
        else:
            self._layer.show(preview, frame, recipe.base, chosen)
        self._stacks.note("" if frame is None else "preview")

    def _frame(self, preview: Preview) -> int | None:
        """Return which frame of the preview belongs to the shown one, or None if the steps leave it out."""
        layer, energy = self._stacks.layer, preview.stack.energy
        if layer is None:
            return None
        shown = energy_of_step(layer, self._stacks.step)
        start = preview.start.energy
        if energy.size == start.size:
            return int(np.argmin(np.abs(start - shown)))
        nearest = int(np.argmin(np.abs(energy - shown)))
        spacing = float(np.max(np.diff(start))) if start.size > 1 else np.inf
        return nearest if abs(energy[nearest] - shown) <= spacing / 2 else None

    def _on_pixel(self, layer: Any, index: Any) -> None:
        if index is not None:
            self._ask_for_curve()

    def handled(self) -> int | None:
        """Return which of the previewed steps is the selected one, if it has handles."""
        preview, entry, row = self.preview, self._recipe.step, self._recipe.row
        if preview is None or entry is None or entry.step.name not in WITH_HANDLES or row not in preview.rows:
            return None
        return preview.rows.index(row)

    def _ask_for_curve(self, *_: Any) -> None:
        preview = self.preview
        if preview is None or not self.asked:
            return
        position = self.handled() if self._handles_wanted else None
        if position is None and not self._waits():
            self._set_curves(None)
            return
        layer, index, size = self._stacks.layer, self._cursor.index, self._cursor.box
        fits = layer is not None and layer.data.shape[1:] == preview.start.shape[1:]
        place = index if fits else None
        self._curve_worker.submit(preview, lambda: curves_at(preview, place, size, position))

    def _receive_curve(self, preview: Preview, curves: PlotCurves) -> None:
        if preview is self.preview and self.asked:
            self._set_curves(curves)

    def _set_curves(self, curves: PlotCurves | None) -> None:
        if curves is not self.curves:
            self.curves = curves
            self.curve_changed.emit()


def words(preview: Preview) -> str:
    """Return what a preview shows and what it lacks."""
    parts = []
    if preview.by > 1:
        parts.append(f"of every {_ORDINALS.get(preview.by, f'{preview.by}th')} pixel")
    if any(step.name == "crop" and step.parameters.get("region") is not None for step in preview.steps):
        parts.append("of the whole image, before it is cropped")
    if preview.lacks:
        parts.append(without(preview.lacks))
    return ", ".join(parts)


def without(lacks: Sequence[str]) -> str:
    """Return which steps a preview lacks; no text if none.

    Examples
    --------
    >>> without(["align"])
    'without align: press Apply for it'
    """
    if not lacks:
        return ""
    names = " and ".join(name.replace("_", " ") for name in lacks)
    return f"without {names}: press Apply for {'them' if len(lacks) > 1 else 'it'}"


_ORDINALS = {2: "second", 3: "third"}
