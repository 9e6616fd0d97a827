"""The chosen stack of a viewer, and the frame of it that is shown."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from weakref import ref

from napari.settings import get_settings
from qtpy.QtCore import QObject, QTimer, Signal

from napari_xanes.gui.contrast import set_limits_in_background
from napari_xanes.gui.energy import current_step, energy_axis, energy_of_step
from napari_xanes.gui.layers import is_stack, lacks_energies

if TYPE_CHECKING:
    from napari.layers import Layer
    from napari.viewer import Viewer

_LARGER = 3
"""Points by which the text over the image is larger than napari's texts."""


class StackFollower(QObject):
    """Follows which stack layer is current, for all docks, and which of its frames is shown.

    The current stack is the selected layer if it is a stack. Otherwise the previous stack stays current, so that a user
    can select a regions layer to brush. If there is no previous stack, the topmost visible stack is current.

    Signals
    -------
    layer_changed : Layer or None
        The current stack changed, or its energies did.
    step_changed : int
        The slider shows another frame of the current stack.
    stacks_changed :
        The list of stacks may have changed, or their names; also layers that may have become stacks, or ceased to be.
    """

    layer_changed = Signal(object)
    step_changed = Signal(int)
    stacks_changed = Signal()

    def __init__(self, viewer: Viewer) -> None:
        super().__init__()
        self._viewer = ref(viewer)
        self._layer: Any = None
        self._step = -1
        self._writes_text = self._held = False
        self._note = ""
        self._hiding = QTimer(self)
        self._hiding.setSingleShot(True)
        self._hiding.setInterval(0)
        self._hiding.timeout.connect(self._hide)
        events = viewer.layers.events
        events.inserted.connect(self._on_inserted)
        events.removed.connect(self._on_removed)
        events.reordered.connect(self._on_list)
        events.renamed.connect(self._on_list)
        viewer.layers.selection.events.active.connect(self.refresh)
        viewer.dims.events.point.connect(self._follow_slider)
        viewer.dims.events.order.connect(self._follow_slider)
        get_settings().appearance.events.font_size.connect(self._follow_slider)
        for layer in viewer.layers:
            self._watch(layer)
        self.refresh()

    @property
    def layer(self) -> Layer | None:
        """The current stack layer."""
        return self._layer

    @property
    def step(self) -> int:
        """The frame of the current stack that is shown; -1 if there is no stack."""
        viewer = self._viewer()
        return current_step(viewer, self._layer) if viewer is not None and self._layer is not None else -1

    def layers(self) -> list[Layer]:
        """Return the stacks of the viewer, topmost first."""
        viewer = self._viewer()
        return [] if viewer is None else [layer for layer in reversed(viewer.layers) if is_stack(layer)]

    def choose(self, layer: Layer | None) -> None:
        """Choose a stack for all docks by selecting its layer; a layer that is no longer in the viewer is not."""
        viewer = self._viewer()
        if viewer is not None and layer in viewer.layers and layer is not self._layer:
            viewer.layers.selection.active = layer

    def note(self, text: str) -> None:
        """Write a text before the energy over the image, such as that a preview is shown."""
        viewer = self._viewer()
        if text != self._note and viewer is not None:
            self._note = text
            self._show(viewer)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Keep the current stack while its data and energies are exchanged one after the other."""
        self._held = True
        try:
            yield
        finally:
            self._held = False
        self._step = -1
        self.layer_changed.emit(self._layer)
        self.refresh()
        self.stacks_changed.emit()

    def refresh(self, event: Any = None) -> None:
        """Find the current stack again."""
        viewer = self._viewer()
        if viewer is None or self._held:
            return
        layer = self._choose(viewer)
        if layer is not self._layer:
            self._layer, self._step = layer, -1
            self.layer_changed.emit(layer)
        self._follow_slider()

    def _on_inserted(self, event: Any) -> None:
        self._watch(event.value)
        self.refresh()
        self.stacks_changed.emit()

    def _on_list(self, event: Any) -> None:
        self.stacks_changed.emit()

    def _watch(self, layer: Layer) -> None:
        for event in self._events(layer):
            event.connect(self._on_metadata)
        if is_stack(layer):
            set_limits_in_background(layer)

    def _on_removed(self, event: Any) -> None:
        for emitter in self._events(event.value):
            emitter.disconnect(self._on_metadata)
        self.refresh()
        self.stacks_changed.emit()

    @staticmethod
    def _events(layer: Layer) -> tuple[Any, ...]:
        """Return the events of a layer that may make it a stack, or end that it is one."""
        return layer.events.metadata, layer.events.data, layer.events.axis_labels

    def _on_metadata(self, event: Any) -> None:
        """Handle new energies of a layer, or new data."""
        if self._held:
            return
        if event.source is self._layer and is_stack(self._layer):
            self._step = -1
            self.layer_changed.emit(self._layer)
        self.refresh()
        self.stacks_changed.emit()

    def _choose(self, viewer: Viewer) -> Layer | None:
        active = viewer.layers.selection.active
        if active is not None and is_stack(active):
            return active
        if self._layer is not None and self._layer in viewer.layers and is_stack(self._layer):
            return self._layer
        stacks = self.layers()
        return next((layer for layer in stacks if layer.visible), stacks[0] if stacks else None)

    def _follow_slider(self, event: Any = None) -> None:
        viewer = self._viewer()
        if viewer is None or self._held:
            return
        step = self.step
        if step != self._step and self._layer is not None:
            self._step = step
            self.step_changed.emit(step)
        self._show(viewer)

    def _show(self, viewer: Viewer) -> None:
        """Write the energy over the image, or how to give energies; leave a text of another plugin alone."""
        if text := self._text(viewer):
            overlay = viewer.canvas.overlays.text if hasattr(viewer, "canvas") else viewer.text_overlay
            overlay.text = text
            if overlay.font_size != (size := get_settings().appearance.font_size + _LARGER):
                overlay.font_size = size
            if not self._writes_text:
                overlay.visible = self._writes_text = True
        elif self._writes_text:
            self._hiding.start()

    def _hide(self) -> None:
        """Hide the text in a turn of its own.

        If a text is hidden while the layers are removed and another one is added, napari 0.9 draws with buffers that
        are gone, which ends the process.
        """
        viewer = self._viewer()
        if viewer is not None and self._writes_text and not self._text(viewer):
            overlay = viewer.canvas.overlays.text if hasattr(viewer, "canvas") else viewer.text_overlay
            overlay.visible, overlay.text, self._writes_text = False, "", False

    def _text(self, viewer: Viewer) -> str:
        layer = self._layer
        if lacks_energies(viewer.layers.selection.active):
            return "No photon energies: press Attach energies… in XANES"  # a laptop's canvas has room for no more
        if layer is None or energy_axis(viewer, layer) in viewer.dims.displayed:
            return ""
        return " · ".join(filter(None, (self._note, f"{energy_of_step(layer, self._step):.1f} eV")))
