"""What a method does with the chosen stack first, or why it does not suit the stack, with the way out."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from qtpy.QtWidgets import QComboBox, QPushButton, QVBoxLayout, QWidget

from napari_xanes.gui.dock_layout import EMPTY_STATE, wrapping_label
from napari_xanes.gui.forms.stack_box import StackBox
from napari_xanes.gui.layers import stack_of
from napari_xanes.gui.state.originals import originals

if TYPE_CHECKING:
    from napari.layers import Layer

    from napari_xanes.history import Step
    from napari_xanes.stack import SpectralStack

StepsBefore = Callable[["SpectralStack", str], list["Step"]]
"""What prepares a stack for the method of a name."""


class StackNote(QWidget):
    """A line about the chosen stack, and a button to choose the one that it was made from.

    Parameters
    ----------
    stacks : StackBox
        Box with the chosen stack.
    methods : QComboBox
        Box with the chosen method.
    steps_before : callable
        Returns the steps that prepare a stack for the method of a name.
    in_words : callable
        Returns what is said of such a step.
    unsuited : callable
        Returns why the method does not suit a stack layer; no text if it does.
    """

    def __init__(
        self,
        stacks: StackBox,
        methods: QComboBox,
        steps_before: StepsBefore,
        in_words: Callable[[Step], str],
        unsuited: Callable[[Layer], str],
    ) -> None:
        super().__init__()
        self._stacks, self._methods, self._steps_before, self._in_words = stacks, methods, steps_before, in_words
        self.why_unsuited = unsuited
        self._label, self.original_button = wrapping_label(), QPushButton()
        self._label.setToolTip("Runs first, with default parameters. To change them, run it in the Prepare dock")
        self.original_button.setToolTip("Choose the stack that this one was made from")
        self.original_button.clicked.connect(lambda _checked=False: stacks.choose(self._original()))
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self._label)
        column.addWidget(self.original_button)

    def text(self) -> str:
        """Return the line."""
        return self._label.text()

    def refresh(self) -> bool:
        """Look at the chosen stack again; return whether there is one that suits."""
        layer = self._stacks.layer()
        problem = EMPTY_STATE if layer is None else self.why_unsuited(layer)
        text = problem
        if layer is not None and not problem:
            steps = self._steps_before(stack_of(layer), self._methods.currentData())
            names = ", ".join(map(self._in_words, steps))
            text = f"First: {names}" if names else ""
        original = self._original() if problem else None
        self.original_button.setText("" if original is None else f"Use {original.name}")
        self.original_button.setVisible(original is not None)
        self._label.setText(text)
        self.setVisible(bool(text))
        return not problem

    def _original(self) -> Layer | None:
        """Return the stack that the chosen one was made from, and that the method suits."""
        layer = self._stacks.layer()
        before = [] if layer is None else originals(layer, self._stacks.layers())
        return next((other for other in before if not self.why_unsuited(other)), None)
