"""The Map dock: make maps of a physical parameter, with their errors."""

from __future__ import annotations

from collections.abc import Collection
from functools import cached_property
from typing import TYPE_CHECKING

from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_xanes.gui.as_dock import as_dock
from napari_xanes.gui.energy import plain_viewer
from napari_xanes.gui.files.drop_target import DropTarget
from napari_xanes.gui.focus_ring import ShownFocus
from napari_xanes.gui.maps.fit_overlay import FitOverlay
from napari_xanes.gui.maps.from_recipe import fill_from_recipe
from napari_xanes.gui.prepare.applying import show_result
from napari_xanes.gui.results.panel import ResultsPanel
from napari_xanes.gui.running.absorption import show_prepared, steps_to_absorption
from napari_xanes.gui.running.method_panel import MethodPanel
from napari_xanes.gui.state.workspace import workspace_of
from napari_xanes.gui.telling import tell
from napari_xanes.history import Step
from napari_xanes.maps import ESTIMATORS, EXPLORING
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
    estimators : collection of str, optional
        The estimators to choose from; by default all that are not in the step Explore.
    """

    def __init__(self, napari_viewer: Viewer, *, alone: bool = True, estimators: Collection[str] | None = None) -> None:
        super().__init__()
        self._viewer = viewer = plain_viewer(napari_viewer)
        workspace = workspace_of(viewer)
        self._runs, self._recipe, self._asked = workspace.runs, workspace.recipe, workspace.asked_map
        self._estimators = estimators or [name for name in ESTIMATORS if name not in EXPLORING]
        self.method_panel = MethodPanel(
            viewer,
            ESTIMATORS,
            names=self._estimators,
            steps_before=self._steps_before,
            method_label="estimator",
            stack_row=alone,
        )
        self.method_panel.run_button.setToolTip("Make the maps; you can use the window meanwhile")
        self.method_panel.add_tab("results", lambda: (self.overlay, self.results))
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.method_panel)
        self.method_panel.prepared.connect(self._show_prepared)
        self.method_panel.finished.connect(self._show)
        self._asked.asked.connect(self._show_asked)
        self._show_asked()
        DropTarget(self, viewer)
        ShownFocus(self, viewer)
        as_dock(self, viewer)

    @cached_property
    def results(self) -> ResultsPanel:
        """What is shown of the runs; made when it is first shown."""
        return ResultsPanel(self._viewer)

    @cached_property
    def overlay(self) -> FitOverlay:
        """The fit of the pixel under the cursor; made when it is first shown."""
        return FitOverlay(self._viewer)

    def _steps_before(self, stack: SpectralStack, name: str) -> list[Step]:
        """Return the steps that wait in Prepare, and what makes absorption of counts if none of them does."""
        waiting = list(self._recipe.waiting())
        converts = any(step.name == "optical_depth" for step in waiting)
        return waiting if converts else [*waiting, *steps_to_absorption(stack)]

    def _show_asked(self) -> None:
        """Show the estimator that is asked for, with its parameters."""
        step = self._asked.take(self._estimators)
        if step is None:
            return
        try:
            fill_from_recipe(self.method_panel.choose(step.name), step, workspace_of(self._viewer).references)
        except (OSError, ValueError) as error:
            tell(error)

    def _show_prepared(self, stack: SpectralStack) -> None:
        """Show the stack that the maps are made of; Prepare knows it if its steps were carried out."""
        source, steps = self.method_panel.source, self.method_panel.before
        recipe = self._recipe.of(source) if source is not None and source in self._viewer.layers else None
        if recipe is not None and recipe.base is source and recipe.draft.enabled == tuple(steps):
            self.method_panel.source = show_result(self._viewer, recipe, steps, stack)
        else:
            self.method_panel.source = show_prepared(self._viewer, source, stack)

    def _show(self, maps: MapSet) -> None:
        self._runs.add(maps, self.method_panel.source)
        self.method_panel.warn(maps.metadata)
        self.method_panel.job.then(lambda: self.method_panel.show_tab("results"))
