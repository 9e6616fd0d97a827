"""A box to choose a layer of the viewer."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from qtpy.QtCore import QSignalBlocker, Signal
from qtpy.QtWidgets import QComboBox, QSizePolicy, QWidget

from napari_xanes.gui.layers import is_stack
from napari_xanes.gui.state.workspace import workspace_of

if TYPE_CHECKING:
    from napari.layers import Layer
    from napari.viewer import Viewer


class LayerBox(QComboBox):
    """A box that lists suitable layers of the viewer and follows its selection.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        The viewer.
    qualifies : callable
        Returns whether to list a layer.
    parent : QWidget, optional
        Parent widget.

    Signals
    -------
    layer_changed :
        Another layer is chosen.
    """

    layer_changed = Signal()

    def __init__(
        self, viewer: Viewer, qualifies: Callable[[Layer], bool] = is_stack, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._viewer, self._qualifies = viewer, qualifies
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.setMinimumContentsLength(12)
        self.currentIndexChanged.connect(lambda _: self.layer_changed.emit())
        events = viewer.layers.events
        for event in (events.inserted, events.removed, events.reordered, events.renamed):
            event.connect(self.refresh)
        viewer.layers.selection.events.active.connect(self._follow)
        workspace_of(viewer).stacks.stacks_changed.connect(self.refresh)
        self.destroyed.connect(self._forget)
        self.refresh()
        self._follow()

    def _forget(self) -> None:
        events = self._viewer.layers.events
        for event in (events.inserted, events.removed, events.reordered, events.renamed):
            event.disconnect(self.refresh)
        self._viewer.layers.selection.events.active.disconnect(self._follow)

    def layers(self) -> list[Layer]:
        """Return the suitable layers, topmost first."""
        return [layer for layer in reversed(self._viewer.layers) if self._qualifies(layer)]

    def layer(self) -> Layer | None:
        """Return the chosen layer, or None if it is no longer in the viewer."""
        layer = self.currentData()
        return layer if layer in self._viewer.layers else None

    def refresh(self, *_: object) -> None:
        """List the layers again and keep the chosen one if it still exists."""
        previous = self.layer()
        with QSignalBlocker(self):
            self.clear()
            for layer in self.layers():
                self.addItem(layer.name, layer)
            index = next((i for i in range(self.count()) if self.itemData(i) is previous), 0)
            self.setCurrentIndex(index if self.count() else -1)
        if self.layer() is not previous:
            self.layer_changed.emit()

    def choose(self, layer: Layer) -> None:
        """Choose a layer if it is in the list."""
        for i in range(self.count()):
            if self.itemData(i) is layer:
                self.setCurrentIndex(i)

    def _follow(self, *_: object) -> None:
        active = self._viewer.layers.selection.active
        if active is not None:
            self.choose(active)
