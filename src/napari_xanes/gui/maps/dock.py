"""The Map dock: make maps of a physical parameter, with their errors."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_xanes.gui.energy import plain_viewer
from napari_xanes.gui.files.drop_target import DropTarget
from napari_xanes.gui.maps.fit_overlay import FitOverlay
from napari_xanes.gui.results.panel import ResultsPanel
from napari_xanes.gui.running.absorption import show_prepared, steps_to_absorption
from napari_xanes.gui.running.method_panel import MethodPanel
from napari_xanes.gui.state.workspace import workspace_of
from napari_xanes.maps import ESTIMATORS
from napari_xanes.parameter_map import MapSet
from napari_xanes.stack import SpectralStack

if TYPE_CHECKING:
    from napari.viewer import Viewer


class MapDock(QWidget):
    """Choose a stack and an estimator, run it and look at the maps.

    Parameters
    ----------
    napari_viewer : napari.viewer.Viewer
        The viewer.
    alone : bool
        Whether it is a dock of its own, with a box of stacks.
    """

    def __init__(self, napari_viewer: Viewer, *, alone: bool = True) -> None:
        super().__init__()
        self._viewer = viewer = plain_viewer(napari_viewer)
        self.method_panel = MethodPanel(
            viewer, ESTIMATORS, steps_before=steps_to_absorption, method_label="estimator", stack_row=alone
        )
        self.method_panel.run_button.setToolTip("Make the maps; you can use the window meanwhile")
        self.results = ResultsPanel(viewer)
        self.overlay = FitOverlay(viewer)
        self.method_panel.add_tab("results", self.overlay, self.results)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.method_panel)
        self.method_panel.prepared.connect(self._show_prepared)
        self.method_panel.finished.connect(self._show)
        self._runs = workspace_of(viewer).runs
        DropTarget(self, viewer)

    def _show_prepared(self, stack: SpectralStack) -> None:
        self.method_panel.source = show_prepared(self._viewer, self.method_panel.source, stack)

    def _show(self, maps: MapSet) -> None:
        self._runs.add(maps, self.method_panel.source)
        self.method_panel.warn(maps.metadata)
        self.method_panel.job.then(lambda: self.method_panel.show_tab("results"))
