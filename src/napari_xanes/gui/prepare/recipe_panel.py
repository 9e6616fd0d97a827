"""The steps of the chosen stack as a list, the form of the selected one, and the buttons that apply them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QSize, Qt, Signal
from qtpy.QtWidgets import QApplication, QSizePolicy, QSplitter, QTabWidget, QToolButton, QVBoxLayout, QWidget

from napari_xanes.draft import StepError
from napari_xanes.gui.dock_layout import DOCK_WIDTH, push_button, row_of, say, scrolled, wrapping_label
from napari_xanes.gui.job import Job
from napari_xanes.gui.job_bar import JobBar
from napari_xanes.gui.layers import stack_of
from napari_xanes.gui.prepare.applying import carried_out, show_result
from napari_xanes.gui.prepare.next_step import NextStep
from napari_xanes.gui.prepare.preview_row import PreviewRow
from napari_xanes.gui.prepare.recipe_menu import RecipeMenu
from napari_xanes.gui.prepare.step_form import StepForm
from napari_xanes.gui.prepare.step_list import Row, StepList
from napari_xanes.gui.prepare.step_menu import StepMenu
from napari_xanes.gui.prepare.step_words import line_of, spoken
from napari_xanes.gui.run_keys import RunKeys
from napari_xanes.gui.state.preview_steps import Preview
from napari_xanes.gui.state.stack_recipe import Problem, StackRecipe
from napari_xanes.gui.state.workspace import workspace_of
from napari_xanes.gui.telling import show_error, show_warning, tell
from napari_xanes.history import Step
from napari_xanes.stack import SpectralStack

if TYPE_CHECKING:
    from napari.viewer import Viewer

_NO_STACK = "Drop a stack into the window first"
_NO_STEP = "Add a step first, or switch one on"
_DONE = "The result is that of these steps already"


class RecipePanel(QWidget):
    """Edits the recipe of the chosen stack and applies it.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        The viewer.

    Signals
    -------
    applied : SpectralStack
        The steps were carried out, and the result is shown.
    """

    applied = Signal(object)

    def __init__(self, viewer: Viewer) -> None:
        super().__init__()
        self._viewer = viewer
        self.recipe, self.preview = workspace_of(viewer).recipe, workspace_of(viewer).preview
        self.job = Job(self)
        self._running: tuple[StackRecipe, tuple[Step, ...], list[int]] | None = None
        self.next_step, self.steps, self.step_form = NextStep(self.recipe), StepList(), StepForm(viewer)
        self.menu, self.files = StepMenu(), RecipeMenu(viewer)
        self.preview_row = PreviewRow(self.preview, self.next_step)
        self.duplicate_button = _tool("duplicate", "Duplicate the selected step", self._on_row(self.recipe.duplicate))
        self.remove_button = _tool("✕", "Remove the selected step (Delete)", self._on_row(self.recipe.remove))
        self.up_button = _tool("▲", "Move the selected step up (Alt+Up)", self._on_row(lambda i: self._move(i, i - 1)))
        self.down_button = _tool(
            "▼", "Move the selected step down (Alt+Down)", self._on_row(lambda i: self._move(i, i + 1))
        )
        self.tabs, self.bar, self.problem = QTabWidget(), JobBar(self.job), wrapping_label()
        self.problem.setStyleSheet("color: #D55E00;")
        self.apply_button = push_button("Apply", "", self.apply)
        self.cancel_button = push_button("Cancel", "Stop; what is done up to now is kept", self.job.cancel)
        self._lay_out()
        self._connect()
        self._refresh()

    def _lay_out(self) -> None:
        tools = (self.menu, self.duplicate_button, self.remove_button, self.up_button, self.down_button, self.files)
        for tool in tools:
            tool.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
            tool.setFont(QApplication.font())  # they stay in one row, also in a large font
        upper, splitter = QWidget(), QSplitter(Qt.Orientation.Vertical)
        column = QVBoxLayout(upper)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(2)
        column.addWidget(self.steps, 1)
        row = row_of(*((tool, 0) for tool in tools[:-1]))
        row.addStretch(1)
        row.addWidget(self.files)
        column.addLayout(row)
        column.addWidget(self.problem)
        self.tabs.addTab(scrolled(self.step_form), "parameters")
        self.tabs.setMinimumHeight(80)
        splitter.setChildrenCollapsible(False)
        splitter.addWidget(upper)
        splitter.addWidget(self.tabs)
        splitter.setStretchFactor(1, 1)
        self._apply_row = row_of((self.apply_button, 1), (self.cancel_button, 0))
        layout = QVBoxLayout(self)
        layout.setContentsMargins(4, 4, 4, 4)
        layout.setSpacing(4)
        layout.addWidget(splitter, 1)
        layout.addWidget(self.preview_row)
        layout.addLayout(self._apply_row)
        layout.addWidget(self.bar)
        self.setMinimumSize(QSize(DOCK_WIDTH, 220))
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Expanding)

    def _connect(self) -> None:
        recipe, steps = self.recipe, self.steps
        recipe.changed.connect(self._refresh)
        recipe.selected.connect(self._refresh)
        steps.row_selected.connect(recipe.select)
        steps.switched.connect(recipe.switch)
        steps.moved.connect(self._move, Qt.ConnectionType.QueuedConnection)
        steps.removed.connect(recipe.remove)
        self.menu.chosen.connect(self.add_step)
        self.next_step.changed.connect(self._refresh)
        self.preview.changed.connect(self._refresh)
        self.job.done.connect(self._show)
        self.job.failed.connect(self._fail)
        self.job.ended.connect(self._end)
        RunKeys(self, self._viewer, self.apply_button, self.job)

    def _on_row(self, action: Callable[[int], Any]) -> Callable[[], None]:
        """Return what does something with the selected row, if there is one."""

        def act() -> None:
            if self.recipe.row >= 0:
                action(self.recipe.row)

        return act

    def _move(self, row: int, to: int) -> None:
        self.recipe.move(row, to)
        self._refresh()  # also where nothing moved: a row that was dragged goes back

    def add_tab(self, title: str, widget: QWidget) -> None:
        """Add a tab beside the parameters."""
        self.tabs.addTab(scrolled(widget), title)

    def show_tab(self, title: str) -> None:
        """Bring a tab to the front."""
        self.tabs.setCurrentIndex([self.tabs.tabText(i) for i in range(self.tabs.count())].index(title))

    def start(self) -> None:
        """Look at the stack, from the showEvent of the dock."""
        self.menu.ask_for_summaries()
        self.next_step.start()
        self.preview.start(self)

    def stop(self) -> None:
        """Look at it no longer, from its hideEvent."""
        self.next_step.stop()
        self.preview.stop(self)

    def add_step(self, name: str) -> None:
        """Add a step behind the selected one, with the defaults of its form."""
        if self.recipe.current is None:
            show_error(_NO_STACK[:1].lower() + _NO_STACK[1:])
            return
        self.recipe.add(Step(name), self.recipe.row + 1)
        self.step_form.take_all()
        self.show_tab("parameters")

    def apply(self) -> None:
        """Carry out the steps in a thread; without steps that wait, add the suggested one before."""
        if self.job.running or self.recipe.applying:
            return
        try:
            self.step_form.take()
        except ValueError as error:
            self.show_tab("parameters")
            tell(error)
            return
        if self._waits() is None and self.next_step.suggestion is not None:
            self.next_step.add()
            self.step_form.take_all()
        recipe = self._waits()
        if recipe is None:
            return
        try:
            runner = recipe.runner()
        except ValueError as error:
            tell(error)
            return
        steps = recipe.draft.enabled
        self._running = recipe, steps, recipe.rows
        self.recipe.begin(self.job)
        self.job.start(
            lambda progress: carried_out(recipe, runner, steps, progress), f"Apply: {spoken(steps[-1].name)}"
        )
        self._refresh()

    def _waits(self) -> StackRecipe | None:
        """Return the recipe if it has steps that were not applied."""
        recipe = self.recipe.current
        return recipe if recipe is not None and recipe.draft.enabled and not recipe.up_to_date else None

    def _show(self, stack: SpectralStack) -> None:
        """Take the preview away, and show the result in the next turn of the event loop: napari takes long for each."""
        self.preview.take_away()
        self.job.then(lambda: self._show_result(stack))

    def _show_result(self, stack: SpectralStack) -> None:
        if self._running is None:
            return
        recipe, steps, _rows = self._running
        told = stack_of(recipe.base).metadata.get("warnings", ()) if recipe.base in self._viewer.layers else ()
        show_result(self._viewer, recipe, steps, stack)
        if texts := [text for text in stack.metadata.get("warnings", ()) if text not in told]:
            show_warning("\n".join(texts))
        self.applied.emit(stack)

    def _fail(self, error: Exception) -> None:
        if self._running is not None and isinstance(error, StepError):
            recipe, _steps, rows = self._running
            self.recipe.report(recipe, Problem(rows[error.index], str(error)))
            self.recipe.select(rows[error.index])
            self.show_tab("parameters")
        tell(error)

    def _end(self) -> None:
        self._running = None
        self.recipe.end()

    def _refresh(self, _row: int = -1) -> None:
        recipe, row = self.recipe.current, self.recipe.row
        before = [] if recipe is None else recipe.before()
        fixed = [Row(line_of(step, step, {}), _BEFORE, fixed=True) for step in before]
        rows = [] if recipe is None else [_row_of(recipe, i, self.preview.preview) for i in range(len(recipe.draft))]
        self.steps.show_rows([*fixed, *rows], row)
        for button in (self.duplicate_button, self.remove_button):
            button.setEnabled(row >= 0)
        self.up_button.setEnabled(row > 0)
        self.down_button.setEnabled(0 <= row < len(rows) - 1)
        self.menu.setEnabled(recipe is not None)
        self.preview_row.refresh()
        problem = None if recipe is None else recipe.problem
        say(self.problem, "" if problem is None else f"Step {len(before) + problem.row + 1}: {problem.reason}")
        self._show_apply(recipe)

    def _show_apply(self, recipe: StackRecipe | None) -> None:
        waits, suggestion = self._waits() is not None, self.next_step.suggestion
        busy = self.job.running or self.recipe.applying
        offered = suggestion is not None and not waits
        self.apply_button.setText(f"Apply {spoken(suggestion.step.name)}" if suggestion and offered else "Apply")
        self.apply_button.setEnabled((waits or offered) and not busy)
        why = _NO_STACK if recipe is None else _NO_STEP if not recipe.draft.enabled else _DONE
        self.apply_button.setToolTip("Carry out what has changed; the result is one layer" if waits or offered else why)
        self.cancel_button.setVisible(self.job.running)


_BEFORE = "Done before; the stack that it was done on is not in the window"


def _row_of(recipe: StackRecipe, row: int, preview: Preview | None) -> Row:
    """Return what the list says of a step: what it found when it was applied, or else in the preview."""
    entry, done = recipe.draft[row], recipe.done(row)
    metadata, found = recipe.applied.metadata, done
    if done is None and preview is not None and (found := preview.done(row)) is not None:
        metadata = preview.stack.metadata
    text = line_of(entry.step, found, metadata)
    problem = recipe.problem if recipe.problem is not None and recipe.problem.row == row else None
    previewed = "not applied yet" if found is None else "not applied yet; the values are those of the preview"
    state = "switched off" if not entry.enabled else previewed if done is None else "applied"
    tip = text if problem is None else f"{text}. {problem.reason}"
    return Row(text, f"{tip} ({state})", entry.enabled, wrong=problem is not None)


def _tool(text: str, tip: str, action: Callable[[], None]) -> QToolButton:
    button = QToolButton()
    button.setText(text)
    button.setToolTip(tip)
    button.clicked.connect(lambda _checked=False: action())
    return button
