"""The progress bar of a job on a stack, which ends when the layer of the stack is removed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_xanes.gui.dock_layout import say, wrapping_label
from napari_xanes.gui.job import Job
from napari_xanes.gui.job_bar import JobBar

if TYPE_CHECKING:
    from napari.layers import Layer
    from napari.viewer import Viewer


class StackJobBar(QWidget):
    """Shows how far a job is; cancels it where its stack is removed, and says so: nobody waits for that result.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        The viewer that shows the stack.
    job : Job
        The job.
    """

    def __init__(self, viewer: Viewer, job: Job) -> None:
        super().__init__()
        self._viewer, self._job = viewer, job
        self._layer: Layer | None = None
        self.note = wrapping_label()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.note)
        column.addWidget(JobBar(job))
        say(self.note, "")
        job.ended.connect(self._forget)

    def watch(self, layer: Layer | None) -> None:
        """Say from which layer the stack of the job is that starts now."""
        say(self.note, "")
        self._forget()
        self._layer = layer
        if layer is not None:
            self._viewer.layers.events.removed.connect(self._on_removed)

    def _on_removed(self, event: Any) -> None:
        layer = self._layer
        if layer is not None and event.value is layer and self._job.working:
            self._job.cancel()
            say(self.note, f"Stopped, nothing was added: {layer.name} was removed")

    def _forget(self) -> None:
        if self._layer is not None:
            self._viewer.layers.events.removed.disconnect(self._on_removed)
            self._layer = None
