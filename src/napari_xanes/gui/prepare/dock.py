"""The Prepare dock: correct, crop and normalize a stack; each result is a new layer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtWidgets import QLabel, QVBoxLayout, QWidget

from napari_xanes.gui.energy import plain_viewer
from napari_xanes.gui.files.drop_target import DropTarget
from napari_xanes.gui.layers import stack_of, stack_to_layer
from napari_xanes.gui.prepare.card_line import CardLine
from napari_xanes.gui.prepare.next_step import NextStep
from napari_xanes.gui.prepare.result import STEPS_WITH_RESULT, StepResult
from napari_xanes.gui.prepare.stack_selector import StackSelector
from napari_xanes.gui.running.method_panel import MethodPanel
from napari_xanes.ops import OPERATIONS
from napari_xanes.stack import SpectralStack

if TYPE_CHECKING:
    from napari.viewer import Viewer


class PrepareDock(QWidget):
    """Choose a stack and an operation, and run it; the result is a new layer.

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
        self.method_panel = MethodPanel(
            viewer, OPERATIONS, run_text="Apply to stack", method_label="step", stack_row=alone
        )
        self._history = QLabel()
        self._history.setWordWrap(True)
        self.result = StepResult(viewer)
        self.method_panel.add_tab("result", self.result)
        self.method_panel.add_tab("history", self._history)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        self.stack_selector = StackSelector(viewer, self.method_panel.stacks, self)
        self.card_line = CardLine(viewer)
        self.card_line.setVisible(alone)
        layout.addWidget(self.stack_selector)
        layout.addWidget(self.card_line)
        self.next_step = NextStep(self.method_panel)
        self.next_step.setContentsMargins(4, 4, 4, 0)
        layout.addWidget(self.next_step)
        layout.addWidget(self.method_panel)
        self.method_panel.finished.connect(self._show)
        DropTarget(self, viewer)
        self.result.step_requested.connect(self.method_panel.start_step)
        self.method_panel.stacks.layer_changed.connect(self._show_history)
        self._show_history()

    def showEvent(self, event: Any) -> None:
        """Follow the window."""
        super().showEvent(event)
        self.result.start()
        self.next_step.look()

    def hideEvent(self, event: Any) -> None:
        """Follow it no longer."""
        self.result.stop()
        super().hideEvent(event)

    def _show(self, stack: SpectralStack) -> None:
        self.method_panel.warn(stack.metadata)
        data, keywords, _kind = stack_to_layer(stack)
        self._viewer.add_image(data, **keywords)
        if stack.history and stack.history[-1].name in STEPS_WITH_RESULT:
            self.method_panel.show_tab("result")

    def _show_history(self) -> None:
        layer = self.method_panel.stacks.layer()
        steps = stack_of(layer).history if layer is not None else ()
        self.result.show_layer(layer)
        names = [f"{i}. {step.name.replace('_', ' ')}" for i, step in enumerate(steps, start=1)]
        self._history.setText("Done so far: " + ", ".join(names) if names else "")
