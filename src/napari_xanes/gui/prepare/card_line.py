"""What was read of the chosen stack, in one line, and the button to see and correct all of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtWidgets import QPushButton, QVBoxLayout, QWidget

from napari_xanes.gui.dock_layout import wrapping_label
from napari_xanes.gui.energy import plain_viewer
from napari_xanes.gui.fonts import LabelRow
from napari_xanes.gui.layers import stack_of
from napari_xanes.gui.prepare.card import StackCard
from napari_xanes.gui.state.workspace import workspace_of
from napari_xanes.stack import SpectralStack

if TYPE_CHECKING:
    from napari.layers import Layer
    from napari.viewer import Viewer


def in_one_line(stack: SpectralStack) -> str:
    """Return quantity, energies, corrections and pixel size of a stack as text.

    Examples
    --------
    >>> import numpy as np
    >>> in_one_line(SpectralStack(np.ones((2, 3, 4)), [8270, 8460.5], "counts", 0.04))
    'counts · 2 energies 8270 to 8460.5 eV · no flats · pixels of 0.04 µm'
    """
    parts = [stack.quantity.replace("_", " ")]
    first, last = stack.energy[0], stack.energy[-1]
    parts.append(f"{stack.energy.size} energies {first:g} to {last:g} eV" if stack.energy.size > 1 else f"{first:g} eV")
    if stack.quantity == "counts":
        parts.append("no flats" if stack.corrections.flat is None else "flats")
    sizes = sorted(set(stack.pixel_size or ()))
    parts.append(f"pixels of {' × '.join(f'{size:.4g}' for size in sizes)} µm" if sizes else "no pixel size")
    return " · ".join(parts)


class CardLine(QWidget):
    """Says what was read of the chosen stack, and opens its card.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        The viewer.
    *beside : QWidget
        Other buttons that belong into its row.
    """

    def __init__(self, viewer: Viewer, *beside: QWidget) -> None:
        super().__init__()
        self._viewer = plain_viewer(viewer)
        self._stacks = workspace_of(viewer).stacks
        self.card: StackCard | None = None
        self.label, self.button = wrapping_label(), QPushButton("What was read…")
        self.button.setToolTip(
            "What was read and guessed about the stack, from where, and what else is in its file: look and correct"
        )
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(LabelRow(self.label, self.button, *beside))
        self.button.clicked.connect(lambda _checked=False: self.open_card())
        self._stacks.layer_changed.connect(self._show)
        self._show(self._stacks.layer)

    def open_card(self) -> None:
        """Open the card of the chosen stack."""
        layer = self._stacks.layer
        if layer is not None:
            self.card = StackCard(self._viewer, layer, self)
            self.card.show()

    def _show(self, layer: Layer | None) -> None:
        self.button.setEnabled(layer is not None)
        self.label.setText("No stack yet" if layer is None else in_one_line(stack_of(layer)))
