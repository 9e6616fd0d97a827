"""The box with the current stack."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtWidgets import QComboBox, QSizePolicy, QWidget

from napari_xanes.gui.layers import is_stack
from napari_xanes.gui.state.workspace import workspace_of

if TYPE_CHECKING:
    from napari.layers import Layer
    from napari.viewer import Viewer


class StackBox(QComboBox):
    """Lists the stacks of the viewer; choosing one selects its layer."""

    def __init__(self, viewer: Viewer, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._viewer = viewer
        self._stacks = workspace_of(viewer).stacks
        self.setToolTip("The current stack; choosing another selects its layer")
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.activated.connect(self._choose)

    def refresh(self) -> None:
        """List the stacks of the viewer again."""
        stacks = self._all()
        names = [layer.name for layer in stacks]
        if names != [self.itemText(row) for row in range(self.count())]:
            self.clear()
            self.addItems(names)
        if self._stacks.layer in stacks:
            self.setCurrentIndex(stacks.index(self._stacks.layer))

    def _all(self) -> list[Layer]:
        return [layer for layer in reversed(self._viewer.layers) if is_stack(layer)]

    def _choose(self, row: int) -> None:
        stacks = self._all()
        if row < len(stacks):
            self._viewer.layers.selection.active = stacks[row]
