"""Open another stack of the same file: another region, detector or repeat."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtWidgets import QComboBox, QHBoxLayout, QLabel, QPushButton, QSizePolicy, QWidget

from napari_xanes import io
from napari_xanes.gui.forms.stack_box import StackBox
from napari_xanes.gui.job import Job
from napari_xanes.gui.layers import stack_of, stack_to_layer
from napari_xanes.gui.settings import settings
from napari_xanes.gui.telling import tell
from napari_xanes.stack import SpectralStack

if TYPE_CHECKING:
    from napari.viewer import Viewer


class StackSelector(QWidget):
    """A row that is visible if the file of the chosen stack holds several stacks.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        The viewer that gets the stacks.
    stacks : StackBox
        Box with the chosen stack.
    parent : QWidget, optional
        Parent widget; without a parent the row would open as a window for a moment.
    """

    def __init__(self, viewer: Viewer, stacks: StackBox, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._viewer, self._stacks = viewer, stacks
        self.names, self.repeats = QComboBox(), QComboBox()
        self.names.setToolTip("Regions, detectors or projections in this file")
        self.repeats.setToolTip("Frames that were measured several times per energy: choose their mean, or one repeat")
        self.open_button = QPushButton("Open")
        self.open_button.setToolTip("Read the chosen stack and add it as a new layer")
        self.open_button.clicked.connect(self.open)
        self.job = Job(self)
        self.job.done.connect(self._add)
        self.job.failed.connect(tell)
        self.job.ended.connect(self.refresh)
        for box in (self.names, self.repeats):
            box.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        row = QHBoxLayout(self)
        row.setContentsMargins(4, 4, 4, 0)
        row.addWidget(QLabel("in the file"))
        row.addWidget(self.names, 3)
        row.addWidget(self.repeats, 2)
        row.addWidget(self.open_button)
        stacks.layer_changed.connect(self.refresh)
        self.refresh()

    def refresh(self) -> None:
        """List the stacks in the file of the chosen stack, with the chosen one selected."""
        stack = self._stack()
        names = [] if stack is None or stack.source is None else list(stack.metadata.get("available", ()))
        self.names.clear()
        self.names.addItems([str(name) for name in names])
        if stack is not None:
            self.names.setCurrentText(str(stack.metadata.get("detector", "")))
        n_repeats = 1 if stack is None or stack.source is None else int(stack.metadata.get("repeats", 1))
        self.repeats.clear()
        self.repeats.addItems([f"mean of {n_repeats}", *(f"repeat {i}" for i in range(1, n_repeats + 1))])
        if stack is not None and stack.source is not None:
            self.repeats.setCurrentIndex(int(stack.source.reading.get("repeat", 0)))
        self.names.setVisible(len(names) > 1)
        self.repeats.setVisible(n_repeats > 1)
        self.setVisible(len(names) > 1 or n_repeats > 1)
        self.open_button.setEnabled(not self.job.running)

    def open(self) -> None:
        """Read the selected stack in a worker thread and add it as a layer."""
        stack = self._stack()
        if stack is None or stack.source is None or self.job.running:
            return
        paths, arguments = stack.source.to_read()
        name, limit = self.names.currentText() or stack.name, settings().memory_bytes
        arguments["select"] = self.names.currentText() or None
        arguments["repeat"] = self.repeats.currentIndex() or None
        self.open_button.setEnabled(False)
        self.job.start(lambda progress: io.read(paths, memory_limit=limit, **arguments), f"reading {name}")

    def _stack(self) -> SpectralStack | None:
        layer = self._stacks.layer()
        return None if layer is None else stack_of(layer)

    def _add(self, stack: Any) -> None:
        data, keywords, _kind = stack_to_layer(stack)
        repeat = stack.source and stack.source.reading.get("repeat")
        parts = [stack.metadata.get("detector"), repeat and f"repeat {repeat}"]
        keywords["name"] = " · ".join([keywords["name"], *filter(None, parts)])
        self._viewer.add_image(data, **keywords)
