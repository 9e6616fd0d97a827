"""The button that loads and saves the steps, copies them as Python and keeps a result."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtWidgets import QMenu, QToolButton, QWidget

from napari_xanes.gui import recipe_files
from napari_xanes.gui.layers import stack_of
from napari_xanes.gui.many.window import open_window
from napari_xanes.gui.prepare.step_menu import NO_ARROW
from napari_xanes.gui.prepare.step_words import spoken
from napari_xanes.gui.present import present
from napari_xanes.gui.state.workspace import workspace_of
from napari_xanes.gui.telling import show_error, show_info
from napari_xanes.history import Source, Step
from napari_xanes.maps import window_step

if TYPE_CHECKING:
    from napari.viewer import Viewer


class RecipeMenu(QToolButton):
    """Offers what can be done with the steps as a whole.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        The viewer.
    parent : QWidget, optional
        Parent widget.
    """

    def __init__(self, viewer: Viewer, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._viewer, self._recipe = viewer, workspace_of(viewer).recipe
        self.setText("recipe ▾")
        self.setStyleSheet(NO_ARROW)
        self.setToolTip("Load and save the steps, copy them as Python, keep a result")
        menu = QMenu(self)
        menu.setToolTipsVisible(True)
        for text, tip, action in (
            ("Load recipe…", "Take the steps of a recipe instead of these", self.ask_and_load),
            ("Save recipe…", "Write the steps that are switched on to a file", self.ask_and_save),
            ("Copy as Python", "Put a script with the steps that are switched on into the clipboard", self.copy_script),
            ("Run on a folder…", "Run the steps that are switched on on many files", self.run_on_folder),
            ("Keep this result", "The next result becomes a layer of its own", self.keep_result),
        ):
            entry = present(menu.addAction(text))
            entry.setToolTip(tip)
            entry.triggered.connect(lambda _checked=False, action=action: action())
        self.setMenu(menu)
        self.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)

    def ask_and_load(self) -> None:
        """Let the user choose a recipe, beside the file of the stack."""
        if self._recipe.base is None:
            show_error("Drop a stack into the window first")
            return
        if (loaded := recipe_files.ask_and_load(self._source(), self)) is not None:
            maps = self._recipe.load(loaded.steps)
            told = [
                *loaded.notes,
                *(f"{spoken(name)} makes maps and is switched off: run it in {window_step(name)}" for name in maps),
            ]
            if told:
                show_info("\n".join(told))

    def ask_and_save(self) -> None:
        """Let the user choose a file and write the steps to it."""
        if steps := self._steps():
            recipe_files.ask_and_save(steps, self._source(), self)

    def copy_script(self) -> None:
        """Copy a script with the steps to the clipboard."""
        if steps := self._steps():
            recipe_files.copy_script(steps, self._source())

    def run_on_folder(self) -> None:
        """Open the window that runs the steps on many files."""
        if steps := self._steps():
            open_window(self._viewer, steps, self._source())

    def keep_result(self) -> None:
        """Let the result stay; the next one becomes a layer of its own."""
        if (recipe := self._recipe.current) is not None:
            recipe.keep_result()

    def _steps(self) -> list[Step]:
        """Return the steps since the file was read; without any, say so."""
        recipe = self._recipe.current
        steps = [] if recipe is None else [*recipe.before(), *recipe.draft.enabled]
        if not steps:
            show_error("Add a step first, or switch one on")
        return steps

    def _source(self) -> Source | None:
        base = self._recipe.base
        return None if base is None else stack_of(base).source
