"""The Prepare dock: the recipe of the chosen stack, from counts to what maps are made of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_xanes.gui.as_dock import as_dock
from napari_xanes.gui.energy import plain_viewer
from napari_xanes.gui.files.drop_target import DropTarget
from napari_xanes.gui.focus_ring import ShownFocus
from napari_xanes.gui.forms.stack_box import StackBox, StackRow
from napari_xanes.gui.prepare.card_line import CardLine
from napari_xanes.gui.prepare.recipe_panel import RecipePanel
from napari_xanes.gui.prepare.result import STEPS_WITH_RESULT, StepResult
from napari_xanes.gui.prepare.stack_selector import StackSelector
from napari_xanes.stack import SpectralStack

if TYPE_CHECKING:
    from napari.viewer import Viewer


class PrepareDock(QWidget):
    """Edit the steps that prepare the chosen stack, and apply them; the result is one layer.

    Parameters
    ----------
    napari_viewer : napari.viewer.Viewer
        The viewer.
    alone : bool
        Whether it is a dock of its own, with a box of stacks and a line about what was read.
    """

    def __init__(self, napari_viewer: Viewer, *, alone: bool = True) -> None:
        super().__init__()
        self._viewer = viewer = plain_viewer(napari_viewer)
        self.stacks = StackBox(viewer)
        self.panel = RecipePanel(viewer)
        self.result = StepResult(viewer)
        self.panel.add_tab("result", self.result)
        self.stack_selector = StackSelector(viewer, self.stacks, self)
        self.card_line = CardLine(viewer)
        self.card_line.setVisible(alone)
        stack_row = StackRow(self.stacks, shown=alone)
        stack_row.setContentsMargins(4, 4, 4, 0)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        for widget in (stack_row, self.stack_selector, self.card_line):
            layout.addWidget(widget)
        layout.addWidget(self.panel, 1)
        self.panel.applied.connect(self._on_applied)
        DropTarget(self, viewer)
        ShownFocus(self, viewer)
        as_dock(self, viewer)
        self.result.align_requested.connect(self._align_again)
        self.panel.recipe.changed.connect(self._show_result)
        self._show_result()

    def showEvent(self, event: Any) -> None:
        """Follow the window."""
        super().showEvent(event)
        self.result.start()
        self.panel.start()

    def hideEvent(self, event: Any) -> None:
        """Follow it no longer."""
        self.result.stop()
        self.panel.stop()
        super().hideEvent(event)

    def _on_applied(self, stack: SpectralStack) -> None:
        if stack.history[-1].name in STEPS_WITH_RESULT:
            self.panel.show_tab("result")

    def _show_result(self) -> None:
        self.result.show_recipe(self.panel.recipe.current, self.stacks.layer())

    def _align_again(self, row: int, step: Any) -> None:
        """Give `align` the shifts that the user wants, and apply."""
        self.panel.recipe.change(row, step)
        self.panel.apply()
