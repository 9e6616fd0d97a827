"""What steps did to the chosen stack: the drift of `align`, the changes of `repair`."""

from __future__ import annotations

import operator
from functools import cached_property
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QSizePolicy, QVBoxLayout, QWidget

from napari_xanes.alignment import Alignment
from napari_xanes.gui.dock_layout import EMPTY_STATE, push_button, wrapping_label
from napari_xanes.gui.energy import current_step, go_to_step
from napari_xanes.gui.layers import stack_of
from napari_xanes.gui.prepare.drift import Drift, drift_of
from napari_xanes.gui.prepare.drift_view import DriftView
from napari_xanes.gui.prepare.repair_view import RepairView
from napari_xanes.gui.prepare.step_words import spoken
from napari_xanes.gui.state.stack_recipe import StackRecipe
from napari_xanes.gui.state.workspace import workspace_of
from napari_xanes.gui.telling import tell
from napari_xanes.gui.theme_follower import ThemeFollower
from napari_xanes.history import Step
from napari_xanes.parameter_map import MapSet
from napari_xanes.stack import SpectralStack
from napari_xanes.step_maps import maps_of_steps

if TYPE_CHECKING:
    from napari.layers import Layer
    from napari.viewer import Viewer

STEPS_WITH_RESULT = ("align", "repair")
"""Steps whose result is shown as soon as they were carried out."""

_NOTHING = (
    "No step of this stack has more to show. align shows its drift here, repair what it changed, normalize edge the "
    "edge jump."
)
_GONE = "The stack before align is not in the window: open it, or align it, to align it with these shifts"
_OFF = "align is not among the steps that are switched on"
_BUSY = "Steps are carried out at present; wait until they end, or press Cancel"


class StepResult(QWidget):
    """Shows what steps found about the chosen stack, and follows the frame that the window shows.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        The viewer with the layers.

    Signals
    -------
    align_requested : int, Step
        The user wants this row of the recipe to be this step, and the recipe applied.
    """

    align_requested = Signal(int, object)

    def __init__(self, viewer: Viewer, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._viewer = viewer
        self._layer: Layer | None = None
        self._recipe: StackRecipe | None = None
        self._seen: tuple[Any, ...] = (None, None, None)
        self.empty, self.repair = wrapping_label(EMPTY_STATE), RepairView()
        self.maps_button = push_button("Map", "", self._add_maps_of_steps)
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        for widget in (self.empty, self.maps_button, self.repair):
            self._column.addWidget(widget)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Expanding)
        self._live = False
        self.maps_button.hide()
        self.repair.hide()
        self.repair.map_ready.connect(self._add_map)
        self.repair.failed.connect(tell)

    @cached_property
    def drift(self) -> DriftView:
        """The drift of an aligned stack; made for the first one."""
        view = DriftView()
        view.hide()
        self._column.addWidget(view, 1)
        ThemeFollower(view, self._viewer, view.plot.set_theme)
        view.frame_requested.connect(self._go_to)
        view.align_requested.connect(self._align)
        return view

    def _shown_drift(self) -> Drift | None:
        return self.drift.drift if "drift" in vars(self) else None

    def start(self) -> None:
        """Follow the frame and the layers of the viewer."""
        if self._live:
            return
        self._live = True
        workspace_of(self._viewer).stacks.step_changed.connect(self._follow)
        for event in (self._viewer.layers.events.inserted, self._viewer.layers.events.removed):
            event.connect(self._on_layers)
        self._on_layers()
        self._follow()

    def stop(self) -> None:
        """Follow them no longer: a hidden panel draws nothing."""
        if not self._live:  # Qt hides a page of a stack before it was shown
            return
        self._live = False
        workspace_of(self._viewer).stacks.step_changed.disconnect(self._follow)
        for event in (self._viewer.layers.events.inserted, self._viewer.layers.events.removed):
            event.disconnect(self._on_layers)

    def show_recipe(self, recipe: StackRecipe | None, layer: Layer | None) -> None:
        """Show what is known about the result of a recipe; without one, about the chosen layer."""
        result = None if recipe is None or recipe.result not in self._viewer.layers else recipe.result
        self._recipe, self._layer = recipe, layer if result is None else result
        now = self._layer
        seen = (now, None, None) if now is None else (now, now.data, now.metadata["xanes"])
        if now is not None and all(map(operator.is_, seen, self._seen)):
            self._on_layers()
            return
        self._seen = seen
        stack = None if self._layer is None else stack_of(self._layer)
        drift, repaired = None if stack is None else drift_of(stack), self.repair.show_stack(stack)
        self._show_maps_button(stack)
        self.repair.setVisible(repaired)
        if drift is not None or self._shown_drift() is not None:
            self.drift.setVisible(drift is not None)
            self.drift.show_drift(drift, "" if drift is None else self._why_not())
        self.empty.setVisible(drift is None and not repaired and self.maps_button.isHidden())
        self.empty.setText(EMPTY_STATE if self._layer is None else _NOTHING)
        self._follow()

    def _align_row(self) -> int | None:
        """Return the last align of the recipe that is switched on."""
        recipe = self._recipe
        rows = [] if recipe is None else [row for row in recipe.rows if recipe.draft[row].step.name == "align"]
        return rows[-1] if rows else None

    def _why_not(self) -> str:
        """Return why the stack can't be aligned again."""
        if workspace_of(self._viewer).recipe.applying:
            return _BUSY
        if self._align_row() is not None:
            return ""
        before = [] if self._recipe is None else [step.name for step in self._recipe.before()]
        return _GONE if "align" in before else _OFF

    def _align(self, shifts: Alignment) -> None:
        """Align the stack with other shifts."""
        row = self._align_row()
        if row is not None:
            self.align_requested.emit(row, Step("align", {"shifts": shifts}))

    def _add_map(self, maps: MapSet) -> None:
        """Add a map above the image, and keep the stack selected."""
        active = self._viewer.layers.selection.active
        workspace_of(self._viewer).runs.add(maps, self._layer)
        self._viewer.layers.selection.active = active

    def _show_maps_button(self, stack: SpectralStack | None) -> None:
        names = [] if stack is None else [spoken(name) for name in maps_of_steps(stack)]
        self.maps_button.setVisible(bool(names))
        self.maps_button.setText(f"Map of {' and '.join(names)}")
        self.maps_button.setToolTip("Add what the steps found in each pixel as a result, with errors and mask")

    def _add_maps_of_steps(self) -> None:
        if self._layer is not None:
            self._add_map(maps_of_steps(stack_of(self._layer)))

    def _go_to(self, frame: int) -> None:
        if self._layer is not None and self._layer in self._viewer.layers:
            go_to_step(self._viewer, self._layer, frame)

    def _follow(self, _step: int = 0) -> None:
        if self._shown_drift() is not None and self._layer is not None and self._layer in self._viewer.layers:
            self.drift.show_frame(current_step(self._viewer, self._layer))

    def _on_layers(self, event: Any = None) -> None:
        """See whether the stack before align is there."""
        drift = self._shown_drift()
        if drift is not None and self._layer is not None and self._layer in self._viewer.layers:
            self.drift.show_drift(drift, self._why_not())
