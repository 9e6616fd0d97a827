"""The row with the chosen stack of the viewer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QSignalBlocker, Signal
from qtpy.QtWidgets import QHBoxLayout, QLabel, QVBoxLayout, QWidget

from napari_xanes.gui.copies.offer import CopyOffer
from napari_xanes.gui.forms.name_box import NameBox
from napari_xanes.gui.layers import is_stack
from napari_xanes.gui.state.run import set_visible
from napari_xanes.gui.state.workspace import workspace_of

if TYPE_CHECKING:
    from napari.layers import Layer
    from napari.viewer import Viewer


class StackBox(NameBox):
    """Shows the chosen stack of the viewer, the same in all docks; choosing another one selects and shows its layer.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        The viewer.
    parent : QWidget, optional
        Parent widget.

    Signals
    -------
    layer_changed :
        Another stack is chosen, or its energies or data changed.
    """

    layer_changed = Signal()

    def __init__(self, viewer: Viewer, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.viewer = viewer
        self._stacks = workspace_of(viewer).stacks
        self.setToolTip("The chosen stack, the same in all docks; choosing another one shows its layer")
        self.currentIndexChanged.connect(self._choose_row)
        # Bound methods: the state lives as long as the viewer, and a function here would keep the dock alive.
        self._stacks.stacks_changed.connect(self.refresh)
        self._stacks.layer_changed.connect(self._on_layer_changed)
        self.refresh()

    def layers(self) -> list[Layer]:
        """Return the stacks of the viewer, topmost first."""
        return self._stacks.layers()

    def layer(self) -> Layer | None:
        """Return the chosen stack, or None if there is none."""
        return self._stacks.layer

    def choose(self, layer: Layer | None) -> None:
        """Choose a stack of the viewer, for all docks."""
        self._stacks.choose(layer)

    def refresh(self) -> None:
        """List the stacks of the viewer again."""
        layers = self.layers()
        with QSignalBlocker(self):
            if [layer.name for layer in layers] != [self.itemText(row) for row in range(self.count())]:
                self.clear()
                self.addItems([layer.name for layer in layers])
            chosen = self.layer()
            self.setCurrentIndex(next((row for row, layer in enumerate(layers) if layer is chosen), -1))

    def _on_layer_changed(self, layer: Layer | None) -> None:
        self.refresh()
        self.layer_changed.emit()

    def _choose_row(self, row: int) -> None:
        layers = self.layers()
        if 0 <= row < len(layers):
            self.choose(layers[row])
            self._uncover(layers[row])

    def _uncover(self, layer: Layer) -> None:
        """Show a stack, and hide other stacks and their maps that lie over it: they would be taken for it."""
        if layer not in self.viewer.layers:
            return
        runs = workspace_of(self.viewer).runs
        for other in list(self.viewer.layers)[self.viewer.layers.index(layer) + 1 :]:
            run = runs.of(other)
            if is_stack(other) or (run is not None and not run.made_from(layer)):
                set_visible(other, False)
        set_visible(layer, True)


class StackRow(QWidget):
    """The box of stacks with its label, and below it the offer of a working copy where one is of use.

    A panel inside another dock that has both does not show it.
    """

    def __init__(self, box: StackBox, *, shown: bool = True) -> None:
        super().__init__()
        column, row = QVBoxLayout(self), QHBoxLayout()
        column.setContentsMargins(0, 0, 0, 0)
        row.addWidget(QLabel("stack"))
        row.addWidget(box, 1)
        column.addLayout(row)
        if shown:
            self.copy_offer = CopyOffer(box.viewer, computes=True)
            column.addWidget(self.copy_offer)
        self.setVisible(shown)
