"""The Prepare dock: correct, crop and normalize a stack; each result is a new layer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtWidgets import QLabel, QPushButton, QVBoxLayout, QWidget

from napari_xanes.gui.dock_layout import row_of
from napari_xanes.gui.energy import plain_viewer
from napari_xanes.gui.files.drop_target import DropTarget
from napari_xanes.gui.layers import stack_of, stack_to_layer
from napari_xanes.gui.prepare.card import StackCard
from napari_xanes.gui.prepare.result import STEPS_WITH_RESULT, StepResult
from napari_xanes.gui.prepare.stack_selector import StackSelector
from napari_xanes.gui.running.runner import Runner
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
    """

    def __init__(self, napari_viewer: Viewer) -> None:
        super().__init__()
        self._viewer = viewer = plain_viewer(napari_viewer)
        self.runner = Runner(viewer, OPERATIONS, run_text="Apply to stack", method_label="step")
        self._history = QLabel()
        self._history.setWordWrap(True)
        self.result = StepResult(viewer)
        self.runner.add_tab("result", self.result)
        self.runner.add_tab("history", self._history)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        self.stack_selector = StackSelector(viewer, self.runner.stacks, self)
        self.card_button = QPushButton("What was read…")
        self.card_button.setToolTip(
            "What was read and guessed about the stack, from where, and what else is in its file: look and correct"
        )
        self.card_button.clicked.connect(lambda _checked=False: self.open_card())
        self.card: StackCard | None = None
        layout.addWidget(self.stack_selector)
        row = row_of((self.card_button, 1))
        row.setContentsMargins(4, 4, 4, 0)
        layout.addLayout(row)
        layout.addWidget(self.runner)
        self.runner.finished.connect(self._show)
        DropTarget(self, viewer)
        self.result.step_requested.connect(self.runner.start_step)
        self.runner.stacks.layer_changed.connect(self._show_history)
        self._show_history()

    def showEvent(self, event: Any) -> None:
        """Follow the window."""
        super().showEvent(event)
        self.result.start()

    def hideEvent(self, event: Any) -> None:
        """Follow it no longer."""
        self.result.stop()
        super().hideEvent(event)

    def open_card(self) -> None:
        """Open the card of the chosen stack."""
        layer = self.runner.stacks.layer()
        if layer is not None:
            self.card = StackCard(self._viewer, layer, self)
            self.card.show()

    def _show(self, stack: SpectralStack) -> None:
        self.runner.warn(stack.metadata)
        data, keywords, _kind = stack_to_layer(stack)
        self._viewer.add_image(data, **keywords)
        if stack.history and stack.history[-1].name in STEPS_WITH_RESULT:
            self.runner.show_tab("result")

    def _show_history(self) -> None:
        layer = self.runner.stacks.layer()
        self.card_button.setEnabled(layer is not None)
        steps = stack_of(layer).history if layer is not None else ()
        self.result.show_layer(layer)
        names = [f"{i}. {step.name.replace('_', ' ')}" for i, step in enumerate(steps, start=1)]
        self._history.setText("Done so far: " + ", ".join(names) if names else "")
