"""The step that the chosen stack needs next, with the reason: chosen for the user until the user chooses."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from weakref import ref

from qtpy.QtWidgets import QLabel, QSizePolicy

from napari_xanes.gui.latest_only_worker import LatestOnlyWorker
from napari_xanes.gui.layers import stack_of
from napari_xanes.gui.running.method_panel import MethodPanel
from napari_xanes.suggestion import Suggestion, suggested_step

if TYPE_CHECKING:
    from napari.layers import Layer


class NextStep(QLabel):
    """Says which step the chosen stack needs next, and chooses it in the box of steps.

    The stack is looked at in a thread, while the label can be seen. A step that the user has chosen stays.

    Parameters
    ----------
    method_panel : MethodPanel
        The panel with the box of stacks and the box of steps.
    """

    def __init__(self, method_panel: MethodPanel) -> None:
        super().__init__()
        self.setWordWrap(True)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.setToolTip("From the values of the stack: what they are, whether frames drift, whether there is an edge")
        self.hide()
        self._method_panel = method_panel
        self._layer: Any = lambda: None
        self._chosen_by_user = False
        self._worker = LatestOnlyWorker(self)
        self._worker.done.connect(self._show)
        method_panel.methods.activated.connect(self._on_choice)
        method_panel.stacks.layer_changed.connect(self.look)

    def look(self) -> None:
        """Look at the chosen stack, unless that was done."""
        layer = self._method_panel.stacks.layer()
        if layer is self._layer() or not self._method_panel.isVisible():
            return
        self._layer = (lambda: None) if layer is None else ref(layer)
        self._chosen_by_user = False
        self.hide()
        if layer is not None:
            stack = stack_of(layer)
            self._worker.submit(self._layer, lambda: suggested_step(stack))

    def _on_choice(self, _index: int) -> None:
        self._chosen_by_user = True

    def _show(self, key: Any, suggestion: Suggestion | None) -> None:
        layer: Layer | None = key()
        if suggestion is None or layer is None or layer is not self._layer():
            return
        name, methods = suggestion.step.name, self._method_panel.methods
        self.setText(f"Next: {name.replace('_', ' ')}. {suggestion.reason[:1].upper()}{suggestion.reason[1:]}.")
        self.show()
        if not self._chosen_by_user:
            methods.setCurrentIndex(methods.findData(name))
