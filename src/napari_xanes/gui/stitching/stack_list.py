"""A list of the stacks in the viewer, to tick several and to put them in order."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QSignalBlocker, Qt, Signal
from qtpy.QtWidgets import QAbstractItemView, QListWidget, QListWidgetItem, QWidget

from napari_xanes.gui.layers import is_stack
from napari_xanes.gui.present import present
from napari_xanes.gui.state.workspace import workspace_of

if TYPE_CHECKING:
    from napari.layers import Layer
    from napari.viewer import Viewer


class StackList(QListWidget):
    """All stacks of the viewer, in the order in which they were opened; the user ticks and moves them.

    Stacks that are selected together in the layer list become the ticked ones.

    Signals
    -------
    changed :
        Other stacks are ticked.
    """

    changed = Signal()

    def __init__(self, viewer: Viewer, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._viewer = viewer
        self.setDragDropMode(QAbstractItemView.DragDropMode.InternalMove)
        self.setToolTip("Tick the stacks to join, or select them in the layer list. Drag them into the order of a grid")
        self._events = [getattr(viewer.layers.events, name) for name in ("inserted", "removed", "renamed")]
        for event in self._events:
            event.connect(self.refresh)
        viewer.layers.selection.events.changed.connect(self._follow)
        workspace_of(viewer).stacks.stacks_changed.connect(self.refresh)
        self.itemChanged.connect(lambda _: self.changed.emit())
        self.destroyed.connect(self._forget)
        self.refresh()
        self._follow()

    def _forget(self) -> None:
        for event in self._events:
            event.disconnect(self.refresh)
        self._viewer.layers.selection.events.changed.disconnect(self._follow)

    def _items(self) -> list[QListWidgetItem]:
        return [present(self.item(i)) for i in range(self.count())]

    def _layer_of(self, item: QListWidgetItem) -> Layer:
        return item.data(Qt.ItemDataRole.UserRole)

    def layers(self) -> list[Layer]:
        """Return the ticked layers, in the order of the list."""
        ticked = [self._layer_of(item) for item in self._items() if item.checkState() == Qt.CheckState.Checked]
        return [layer for layer in ticked if layer in self._viewer.layers]

    def tick(self, layers: list[Layer]) -> None:
        """Tick these layers and no others."""
        with QSignalBlocker(self):
            for item in self._items():
                chosen = any(layer is self._layer_of(item) for layer in layers)
                item.setCheckState(Qt.CheckState.Checked if chosen else Qt.CheckState.Unchecked)
        self.changed.emit()

    def refresh(self, *_: object) -> None:
        """List the stacks again; those that are there keep their place and tick."""
        ticked = self.layers()
        stacks = [layer for layer in self._viewer.layers if is_stack(layer)]
        kept = [self._layer_of(item) for item in self._items()]
        order = [layer for layer in kept if any(layer is s for s in stacks)]
        order += [layer for layer in stacks if not any(layer is k for k in kept)]
        with QSignalBlocker(self):
            self.clear()
            for layer in order:
                item = QListWidgetItem(layer.name, self)
                item.setData(Qt.ItemDataRole.UserRole, layer)
                item.setFlags((item.flags() | Qt.ItemFlag.ItemIsUserCheckable) & ~Qt.ItemFlag.ItemIsDropEnabled)
                chosen = any(layer is t for t in ticked)
                item.setCheckState(Qt.CheckState.Checked if chosen else Qt.CheckState.Unchecked)
        self.changed.emit()

    def _follow(self, *_: object) -> None:
        chosen = [layer for layer in self._viewer.layers if layer in self._viewer.layers.selection and is_stack(layer)]
        if len(chosen) > 1:
            self.tick(chosen)
