"""The Map dock: make maps of a physical parameter, with their errors."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_xanes.gui.energy import plain_viewer
from napari_xanes.gui.files.drop_target import DropTarget
from napari_xanes.gui.layers import is_map, maps_to_layers
from napari_xanes.gui.maps.fit_overlay import FitOverlay
from napari_xanes.gui.maps.results import MapResults
from napari_xanes.gui.running.absorption import show_prepared, steps_to_absorption
from napari_xanes.gui.running.runner import Runner
from napari_xanes.maps import ESTIMATORS
from napari_xanes.parameter_map import MapSet
from napari_xanes.stack import SpectralStack

if TYPE_CHECKING:
    from napari.layers import Layer
    from napari.viewer import Viewer


class MapDock(QWidget):
    """Choose a stack and an estimator, run it and look at the maps.

    Parameters
    ----------
    napari_viewer : napari.viewer.Viewer
        The viewer.
    """

    def __init__(self, napari_viewer: Viewer) -> None:
        super().__init__()
        self._viewer = viewer = plain_viewer(napari_viewer)
        self.runner = Runner(viewer, ESTIMATORS, steps_before=steps_to_absorption, method_label="estimator")
        self.runner.run_button.setToolTip("Make the maps; you can use the window meanwhile")
        self.results = MapResults(viewer)
        self.overlay = FitOverlay(viewer)
        self.runner.add_tab("results", self.overlay, self.results)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.runner)
        self.runner.prepared.connect(self._show_prepared)
        self.runner.finished.connect(self._show)
        DropTarget(self, viewer)

    def _show_prepared(self, stack: SpectralStack) -> None:
        self.runner.source = show_prepared(self._viewer, self.runner.source, stack)
        self.runner.stacks.choose(self.runner.source)

    def _show(self, maps: MapSet) -> None:
        self.overlay.set_maps(maps, self.runner.source)
        layers = add_layers(self._viewer, maps)
        self.results.show_maps(maps, layers, self.runner.warn(maps.metadata))
        self.runner.show_tab("results")


def add_layers(viewer: Viewer, maps: MapSet) -> list[Layer]:
    """Add maps to the viewer as layers; each image gets a colour bar."""
    added = []
    for data, keywords, kind in maps_to_layers(maps):
        layer = getattr(viewer, f"add_{kind}")(data, **keywords)
        if kind == "image":
            layer.colorbar.visible = True
        added.append(layer)
    visible_maps = [layer for layer in added if layer.visible and is_map(layer)]
    if visible_maps:
        viewer.layers.selection.active = visible_maps[-1]
    return added
