"""Other stacks of the same file: its regions and detectors, to open beside the one that was read."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari.utils.notifications import show_error
from qtpy.QtWidgets import QComboBox, QHBoxLayout, QLabel, QPushButton, QSizePolicy, QWidget

from napari_xanes import io
from napari_xanes.gui.choosing import LayerBox
from napari_xanes.gui.jobs import Job
from napari_xanes.gui.layers import stack_of, stack_to_layer
from napari_xanes.gui.readers import memory_limit
from napari_xanes.stack import SpectralStack

if TYPE_CHECKING:
    from napari.viewer import Viewer


class OtherStacks(QWidget):
    """A row that is there where the chosen stack's file holds more than one.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        Where other stacks are added.
    stacks : LayerBox
        Tells which stack is chosen.
    """

    def __init__(self, viewer: Viewer, stacks: LayerBox) -> None:
        super().__init__()
        self._viewer, self._stacks = viewer, stacks
        self.names = QComboBox()
        self.names.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.names.setToolTip("Regions and detectors in this file")
        self.open_button = QPushButton("Open")
        self.open_button.setToolTip("Add this one as another layer")
        self.open_button.clicked.connect(self.open)
        self.job = Job(self)
        self.job.done.connect(self._add)
        self.job.failed.connect(lambda error: show_error(str(error)))
        self.job.ended.connect(self.refresh)
        row = QHBoxLayout(self)
        row.setContentsMargins(4, 4, 4, 0)
        row.addWidget(QLabel("in the file"))
        row.addWidget(self.names, 1)
        row.addWidget(self.open_button)
        stacks.chosen.connect(self.refresh)
        self.refresh()

    def refresh(self) -> None:
        """Show what the file of the chosen stack holds, that stack's own name first chosen."""
        stack = self._stack()
        names = [] if stack is None or stack.source is None else list(stack.metadata.get("available", ()))
        self.names.clear()
        self.names.addItems([str(name) for name in names])
        if stack is not None:
            self.names.setCurrentText(str(stack.metadata.get("detector", "")))
        self.setVisible(len(names) > 1)
        self.open_button.setEnabled(not self.job.running)

    def open(self) -> None:
        """Read the stack of this name in a worker and add it."""
        stack = self._stack()
        if stack is None or stack.source is None or self.job.running:
            return
        path, name, limit = Path(stack.source.path), self.names.currentText(), memory_limit()
        self.open_button.setEnabled(False)
        self.job.start(lambda progress: io.read(path, select=name, memory_limit=limit), f"reading {name}")

    def _stack(self) -> SpectralStack | None:
        layer = self._stacks.layer()
        return None if layer is None else stack_of(layer)

    def _add(self, stack: Any) -> None:
        data, keywords, _kind = stack_to_layer(stack)
        detector = stack.metadata.get("detector")
        if detector:
            keywords["name"] = f"{keywords['name']} · {detector}"
        self._viewer.add_image(data, **keywords)
