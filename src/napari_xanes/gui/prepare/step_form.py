"""The parameters of the selected step: a form that edits the step in the recipe, and follows it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_xanes.gui.dock_layout import wrapping_label
from napari_xanes.gui.forms.form import Form
from napari_xanes.gui.forms.source_box import suggest_libraries
from napari_xanes.gui.forms.stack_box import StackBox
from napari_xanes.gui.forms.viewer_fields import viewer_fields
from napari_xanes.gui.prepare.step_words import without_defaults
from napari_xanes.gui.state.recipe import RecipeState
from napari_xanes.gui.state.workspace import workspace_of
from napari_xanes.gui.wording import is_about
from napari_xanes.history import Step
from napari_xanes.maps import window_step
from napari_xanes.ops import OPERATIONS

if TYPE_CHECKING:
    from napari.layers import Layer
    from napari.viewer import Viewer

_TYPING = 250
"""Milliseconds without a key until what was typed is taken: half a number is none."""

_EMPTY = "No step is selected. Add one with + step."
_MAPS = "This step makes maps: run it in {}."


class _BaseBox(StackBox):
    """A box that stays out of sight and holds the stack that the steps start from, to which regions belong."""

    def __init__(self, viewer: Viewer, recipe: RecipeState, parent: QWidget) -> None:
        self._recipe = recipe
        super().__init__(viewer, parent)
        self.hide()

    def layer(self) -> Layer | None:
        """Return the stack that the steps start from."""
        return self._recipe.base


class StepForm(QWidget):
    """Shows the parameters of the selected step; each kind of step has one form.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        Fields offer its layers and references.
    """

    def __init__(self, viewer: Viewer) -> None:
        super().__init__()
        self._viewer, workspace = viewer, workspace_of(viewer)
        self._recipe, self._preview = workspace.recipe, workspace.preview
        recipe = self._recipe
        self._box = _BaseBox(viewer, recipe, self)
        self._forms: dict[str, Form] = {}
        self._empty = wrapping_label(_EMPTY)
        self._shown: tuple[Any, int, Step | None] = (None, -1, None)
        self._filling = self._typed = False
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(_TYPING)
        self._timer.timeout.connect(self._take_if_right)
        self._body = QVBoxLayout(self)
        self._body.setContentsMargins(0, 0, 0, 0)
        self._body.addWidget(self._empty)
        self._body.addStretch()
        recipe.changed.connect(self.refresh)
        recipe.selected.connect(self.refresh)
        self._preview.changed.connect(self._suggest)
        self.refresh()

    def form(self) -> Form | None:
        """Return the form of the selected step, or None if there is none."""
        step = self._recipe.step
        return None if step is None or step.step.name not in OPERATIONS else self._form(step.step.name)

    def take(self) -> None:
        """Put what the user typed into the recipe.

        Raises
        ------
        ValueError
            If a field can't be read; it is marked.
        """
        recipe, row, step = self._shown
        if not self._typed or recipe is not self._recipe.current or step is None:
            return
        form, draft = self._form(step.name), self._recipe.draft
        changed = Step(step.name, without_defaults(form.method.parameters, form.values()))
        self._typed = False
        self._timer.stop()
        if row < len(draft) and draft[row].step == step:
            self._shown = (recipe, row, changed)
            self._recipe.change(row, changed)

    def take_all(self) -> None:
        """Take the form as it is for a step that was just added: it holds the ticked references."""
        self._typed = True
        self._take_if_right()

    def refresh(self, _row: int = -1) -> None:
        """Show the selected step, and what was estimated for it."""
        recipe, row = self._recipe.current, self._recipe.row
        if self._typed and (recipe, row) != self._shown[:2]:
            self._take_if_right()  # what was typed for another row
        entry, form = self._recipe.step, self.form()
        for other in self._forms.values():
            other.setVisible(other is form)
        self._empty.setVisible(form is None)
        self._empty.setText(_EMPTY if entry is None else _MAPS.format(window_step(entry.step.name)))
        if recipe is None or entry is None or form is None:
            self._shown, self._typed = (None, -1, None), False
            return
        if self._shown != (recipe, row, entry.step):
            self._shown, self._typed = (recipe, row, entry.step), False
            self._fill(form, entry.step)
        self._suggest()
        self.mark()

    def _suggest(self) -> None:
        """Show in empty fields what was estimated when the step was applied, or else in the preview."""
        recipe, row, form, preview = self._recipe.current, self._recipe.row, self.form(), self._preview.preview
        if recipe is None or form is None:
            return
        done = recipe.done(row)
        if done is None and preview is not None:
            done = preview.done(row)
        form.suggest({} if done is None else done.state or {})

    def mark(self) -> None:
        """Mark the fields that the reason of a failure names, and say the reason."""
        recipe, form = self._recipe.current, self.form()
        problem = None if recipe is None else recipe.problem
        if form is None:
            return
        form.mark(None)
        if problem is not None and problem.row == self._recipe.row:
            names = [name for name, p in form.method.parameters.items() if is_about(problem.reason, p)]
            form.mark(names[0] if names else None, problem.reason)

    def _form(self, name: str) -> Form:
        if name not in self._forms:
            form = self._forms[name] = Form(OPERATIONS[name], viewer_fields(self._viewer, self._box))
            form.changed.connect(self._on_change)
            self._body.insertWidget(0, form)
            suggest_libraries(self)
        return self._forms[name]

    def _fill(self, form: Form, step: Step) -> None:
        self._filling = True
        try:
            given = form.method.validated(step.parameters)
        except (OSError, ValueError):
            given = dict(step.parameters)
        for name, parameter in form.method.parameters.items():
            if name in given:
                form.field(name).set(given[name])
            elif not parameter.required:
                form.field(name).set(parameter.default)
        self._filling = False

    def _on_change(self) -> None:
        if not self._filling and self.sender() is self.form():
            self._typed = True
            self._timer.start()

    def _take_if_right(self) -> None:
        """Take what was typed; a field that can't be read stays marked."""
        try:
            self.take()
        except ValueError:
            return
