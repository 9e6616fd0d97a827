"""Choosing layers: boxes that always list the right layers of the viewer, and regions as masks."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QSignalBlocker, Signal
from qtpy.QtWidgets import QComboBox, QSizePolicy, QWidget

from napari_xanes.gui.layers import is_map, is_stack

if TYPE_CHECKING:
    from napari.layers import Layer
    from napari.viewer import Viewer


def is_region(layer: Layer) -> bool:
    """Whether a layer holds regions that a user brushed or drew."""
    from napari.layers import Labels, Shapes

    return isinstance(layer, Labels | Shapes) and not is_map(layer)


class LayerBox(QComboBox):
    """A box with the layers that qualify, kept up to date; it follows the viewer's selection.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        The viewer.
    qualifies : callable
        Which layers to list.
    parent : QWidget, optional
        Parent widget.
    """

    chosen = Signal()

    def __init__(
        self, viewer: Viewer, qualifies: Callable[[Layer], bool] = is_stack, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._viewer, self._qualifies = viewer, qualifies
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.setMinimumContentsLength(12)
        self.currentIndexChanged.connect(lambda _: self.chosen.emit())
        events = viewer.layers.events
        for event in (events.inserted, events.removed, events.reordered, events.renamed):
            event.connect(self.refresh)
        viewer.layers.selection.events.active.connect(self._follow)
        self.destroyed.connect(self._forget)
        self.refresh()
        self._follow()

    def _forget(self) -> None:
        events = self._viewer.layers.events
        for event in (events.inserted, events.removed, events.reordered, events.renamed):
            event.disconnect(self.refresh)
        self._viewer.layers.selection.events.active.disconnect(self._follow)

    def layers(self) -> list[Layer]:
        """The layers that qualify, topmost first."""
        return [layer for layer in reversed(self._viewer.layers) if self._qualifies(layer)]

    def layer(self) -> Layer | None:
        """The chosen layer, if it is still there."""
        found = self.currentData()
        return found if found in self._viewer.layers else None

    def refresh(self, *_: object) -> None:
        """List the layers anew, keeping the choice where it still exists."""
        before = self.layer()
        with QSignalBlocker(self):
            self.clear()
            for layer in self.layers():
                self.addItem(layer.name, layer)
            index = next((i for i in range(self.count()) if self.itemData(i) is before), 0)
            self.setCurrentIndex(index if self.count() else -1)
        if self.layer() is not before:
            self.chosen.emit()

    def choose(self, layer: Layer) -> None:
        """Choose a layer, if it is in the list."""
        for i in range(self.count()):
            if self.itemData(i) is layer:
                self.setCurrentIndex(i)

    def _follow(self, *_: object) -> None:
        active = self._viewer.layers.selection.active
        if active is not None:
            self.choose(active)


def mask_of(region: Layer, image: Layer) -> NDArray[np.bool_]:
    """Where a Labels or Shapes layer marks pixels of an image layer.

    Parameters
    ----------
    region : Labels or Shapes layer
        Any label counts; shapes are filled.
    image : Image layer, data (E, Y, X) or (E, Z, Y, X)
        Gives the size of the mask.

    Raises
    ------
    ValueError
        If nothing is marked or the sizes differ.
    """
    from napari.layers import Shapes

    from napari_xanes.gui.spectra.areas import drawn_pixels

    shape = tuple(image.data.shape[1:])
    if isinstance(region, Shapes):
        if not region.data:
            raise ValueError(f"layer {region.name!r} has no shape; draw one")
        mask = drawn_pixels(region, image)
    else:
        marked = np.asarray(region.data) != 0
        mask = marked.any(axis=0) if marked.ndim > len(shape) else marked
    if mask.shape not in (shape, shape[-2:]):
        raise ValueError(f"layer {region.name!r} has {mask.shape} pixels, the stack {shape}")
    if not mask.any():
        raise ValueError(f"layer {region.name!r} marks no pixel; brush at least one")
    return mask
