"""The layers of a scan that is being measured: its stack, and the run with its maps."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_xanes.gui.energy import current_step, go_to_step
from napari_xanes.gui.layers import stack_to_layer
from napari_xanes.gui.prepare.in_place import show_stack
from napari_xanes.gui.state.run import Run
from napari_xanes.gui.state.workspace import workspace_of
from napari_xanes.live.following import Update
from napari_xanes.parameter_map import MapSet
from napari_xanes.stack import SpectralStack

if TYPE_CHECKING:
    from napari.layers import Layer
    from napari.viewer import Viewer


class LiveLayers:
    """Shows what is known of a scan: each update takes the place of the one before.

    A layer that the user removed comes back with the next update as a new one.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        The viewer.
    """

    def __init__(self, viewer: Viewer) -> None:
        self._viewer = viewer
        self._workspace = workspace_of(viewer)
        self.stack_layer: Layer | None = None
        self.result_layer: Layer | None = None
        self.run: Run | None = None

    def show(self, update: Update) -> None:
        """Show an update."""
        if update.view.stack is not None:
            self.stack_layer = self._show_stack(self.stack_layer, update.view.stack)
        if isinstance(update.maps, MapSet):
            self._show_maps(update.maps)
        elif update.maps is not None:
            self.result_layer = self._show_stack(self.result_layer, update.maps)

    def _show_stack(self, layer: Layer | None, stack: SpectralStack) -> Layer:
        """Exchange the stack of a layer; the slider stays at the newest frame if it was there."""
        viewer = self._viewer
        if layer is None or layer not in viewer.layers or layer.data.shape[1:] != stack.shape[1:]:
            data, keywords, _ = stack_to_layer(stack)
            added: Layer = viewer.add_image(data, **keywords)
            viewer.reset_view()  # a scan without a pixel size is far larger than what was shown, or far smaller
            go_to_step(viewer, added, stack.shape[0] - 1)
            return added
        is_at_end = current_step(viewer, layer) == layer.data.shape[0] - 1
        with self._workspace.stacks.held():
            show_stack(layer, stack)
        if is_at_end:
            go_to_step(viewer, layer, stack.shape[0] - 1)
        return layer

    def _show_maps(self, maps: MapSet) -> None:
        runs, active = self._workspace.runs, self._viewer.layers.selection.active
        if self.run is None or self.run not in list(runs) or _shape(self.run.maps) != _shape(maps):
            self.run = runs.add(maps, self.stack_layer)
            if active is not None:
                self._viewer.layers.selection.active = active
        else:
            runs.exchange(self.run, maps)


def _shape(maps: MapSet) -> tuple[int, ...]:
    return next((one.data.shape for one in maps.values()), ())
