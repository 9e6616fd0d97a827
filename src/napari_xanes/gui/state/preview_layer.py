"""The layer that shows a preview, and says so in its name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from weakref import ref

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QObject, Signal

from napari_xanes.gui.layers import spatial
from napari_xanes.gui.state.preview_steps import Preview

if TYPE_CHECKING:
    from napari.layers import Image, Layer
    from napari.viewer import Viewer

KIND = "preview"
"""What such a layer is, in its metadata."""


class PreviewLayer(QObject):
    """Adds, changes and removes the layer of a preview.

    Signals
    -------
    closed :
        The user removed the layer.
    """

    closed = Signal()

    def __init__(self, viewer: Viewer) -> None:
        super().__init__()
        self._viewer = ref(viewer)
        self._layer: Image | None = None
        self._shown: tuple[Any, ...] = ()
        self._busy = False
        viewer.layers.events.removed.connect(self._on_removed)

    @property
    def layer(self) -> Image | None:
        """The layer, if there is one."""
        return self._layer

    def show(self, preview: Preview, frame: int, base: Layer, chosen: Layer) -> None:
        """Show a frame of a preview over the chosen layer."""
        viewer, shown = self._viewer(), (preview, frame)
        if viewer is None or (self._layer is not None and shown == self._shown):
            return
        values = np.asarray(preview.stack.data[frame])
        by, first = preview.by, (preview.by - 1) // 2
        n_axes = values.ndim
        scale = np.array(base.scale[-n_axes:])
        translate = np.array(base.translate[-n_axes:])
        translate[-2:] += first * scale[-2:]
        scale[-2:] *= by
        limits, self._shown = _limits(values), shown
        name = f"preview · {preview.start.name}"
        if self._layer is not None:
            layer = self._layer
            layer.data = values
            for attribute, value in (("scale", scale), ("translate", translate), ("name", name)):
                if not np.array_equal(getattr(layer, attribute), value):  # napari draws anew for each that is set
                    setattr(layer, attribute, value)
            if layer.metadata["xanes"]["quantity"] != preview.stack.quantity:
                layer.contrast_limits_range = layer.contrast_limits = limits
                layer.metadata = _metadata(preview)
            return
        from napari.layers import Image

        space = {**spatial(preview.start.pixel_size, n_axes), "scale": scale, "translate": translate}
        space["blending"] = "opaque"  # what lies below must not shine through where there are no values
        self._layer = Image(values, name=name, metadata=_metadata(preview), contrast_limits=limits, **space)
        active = viewer.layers.selection.active
        at = viewer.layers.index(chosen) + 1 if chosen in viewer.layers else len(viewer.layers)
        viewer.layers.insert(at, self._layer)
        viewer.layers.selection.active = active

    def remove(self) -> None:
        """Remove the layer."""
        viewer, layer = self._viewer(), self._layer
        self._layer, self._shown = None, ()
        if viewer is not None and layer is not None and layer in viewer.layers:
            active = viewer.layers.selection.active
            viewer.layers.remove(layer)
            if active in viewer.layers:
                viewer.layers.selection.active = active

    def _on_removed(self, event: Any) -> None:
        if event.value is self._layer:
            self._layer, self._shown = None, ()
            self.closed.emit()


def _metadata(preview: Preview) -> dict[str, Any]:
    return {"xanes": {"kind": KIND, "quantity": preview.stack.quantity}}


def _limits(values: NDArray[Any]) -> tuple[float, float]:
    """Return the range without the lowest and highest 0.5 % of values."""
    finite = values[np.isfinite(values)]
    if not finite.size:
        return 0.0, 1.0
    low, high = (float(end) for end in np.percentile(finite, (0.5, 99.5)))
    return (low, high) if high > low else (low, low + 1.0)
