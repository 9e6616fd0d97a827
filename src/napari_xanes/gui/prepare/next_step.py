"""The step that the chosen stack needs next, with the reason, and a button that adds it to the recipe."""

from __future__ import annotations

from typing import Any
from weakref import ref

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QHBoxLayout, QWidget

from napari_xanes.gui.dock_layout import push_button, wrapping_label
from napari_xanes.gui.latest_only_worker import LatestOnlyWorker
from napari_xanes.gui.layers import stack_of
from napari_xanes.gui.prepare.step_words import spoken
from napari_xanes.gui.state.recipe import RecipeState
from napari_xanes.suggestion import Suggestion, suggested_step


class NextStep(QWidget):
    """Says which step the chosen stack needs next, and offers to add it.

    The stack after the steps that were applied is looked at in a thread, while the label can be seen. While steps wait
    to be applied, nothing is suggested.

    Parameters
    ----------
    recipe : RecipeState
        The steps so far.

    Signals
    -------
    changed :
        Another step is suggested, or none.
    """

    changed = Signal()

    def __init__(self, recipe: RecipeState) -> None:
        super().__init__()
        self.label = wrapping_label()
        self.label.setToolTip(
            "From the values of the stack: what they are, whether frames drift, whether there is an edge"
        )
        self.add_button = push_button("Add", "Add this step to the recipe", self.add)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self.label, 1)
        row.addWidget(self.add_button)
        self.hide()
        self._recipe = recipe
        self._active = False
        self._layer: Any = lambda: None
        self._values: Any = None
        self.suggestion: Suggestion | None = None
        self._worker = LatestOnlyWorker(self)
        self._worker.done.connect(self._receive)
        recipe.changed.connect(self.look)

    def start(self) -> None:
        """Look at the stack from now on."""
        self._active = True
        self.look()

    def stop(self) -> None:
        """Look at it no longer."""
        self._active = False

    def text(self) -> str:
        """Return what is suggested, and why; no text if nothing is."""
        return "" if self.isHidden() else self.label.text()

    def add(self) -> None:
        """Add the step to the recipe."""
        if self.suggestion is not None:
            self._recipe.add(self.suggestion.step)

    def look(self) -> None:
        """Look at the stack after the steps that were applied, unless that was done, or others wait."""
        if not self._active:
            return
        recipe = self._recipe.current
        layer = None
        if recipe is not None and not self._recipe.applying:
            layer = recipe.result if recipe.up_to_date else None if recipe.draft.enabled else recipe.base
        values = None if layer is None else layer.data
        if layer is self._layer() and values is self._values:
            return
        self._layer, self._values = (lambda: None) if layer is None else ref(layer), values
        self._show(None)
        if layer is not None:
            stack = stack_of(layer)
            self._worker.submit(self._layer, lambda: suggested_step(stack))

    def _receive(self, key: Any, suggestion: Suggestion | None) -> None:
        layer = key()
        if layer is None or layer is not self._layer():
            return
        names = [entry.step.name for entry in self._recipe.draft if not entry.enabled]
        self._show(None if suggestion is None or suggestion.step.name in names else suggestion)

    def _show(self, suggestion: Suggestion | None) -> None:
        self.suggestion = suggestion
        if suggestion is not None:
            self.label.setText(f"Next: {spoken(suggestion.step.name)} ({suggestion.reason})")
        self.setVisible(suggestion is not None)
        self.changed.emit()
