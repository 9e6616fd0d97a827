"""What `repair` changed: in words, and a map of where on demand."""

from __future__ import annotations

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QPushButton, QVBoxLayout, QWidget

from napari_xanes.gui.dock_layout import wrapping_label
from napari_xanes.gui.job import Job
from napari_xanes.ops.changes import map_of_changes, most_changed, repair_of
from napari_xanes.parameter_map import MapSet
from napari_xanes.stack import SpectralStack

_LAZY = "Reads the whole file to count, which may take a while"


class RepairView(QWidget):
    """Shows the report of `repair`, and makes the map of changes in a worker thread.

    Signals
    -------
    map_ready : MapSet
        The map that the user asked for.
    failed : Exception
        Why there is no map.
    """

    map_ready = Signal(object)
    failed = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._stack: SpectralStack | None = None
        self._counting: SpectralStack | None = None
        self.report = wrapping_label()
        self.report.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.map_button = QPushButton("Map of changes")
        self.map_button.clicked.connect(lambda _checked=False: self.ask())
        self.job = Job(self)
        self.job.done.connect(self._show_map)
        self.job.failed.connect(self.failed)
        self.job.ended.connect(self._show_state)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addWidget(self.report)
        layout.addWidget(self.map_button)

    def show_stack(self, stack: SpectralStack | None) -> bool:
        """Show what `repair` did to a stack; return whether it did anything to it."""
        found = None if stack is None else repair_of(stack)
        self._stack = stack if found is not None else None
        if stack is not None and found is not None:
            self._say([*found.text, *most_changed(stack.energy, found)])
        self._show_state()
        return found is not None

    def ask(self) -> None:
        """Count the changes in a worker thread."""
        stack = self._stack
        if stack is not None and not self.job.running:
            self._counting = stack
            self.job.start(lambda progress: map_of_changes(stack), "map of changes")
            self._show_state()

    def _say(self, lines: list[str]) -> None:
        self.report.setText("\n".join(["What repair did:", *(f"• {line}" for line in lines)]))

    def _show_map(self, maps: MapSet) -> None:
        if self._counting is self._stack:
            self._say(maps.metadata["text"])
        self.map_ready.emit(maps)

    def _show_state(self) -> None:
        lazy = self._stack is not None and self._stack.is_lazy
        self.map_button.setEnabled(self._stack is not None and not self.job.running)
        self.map_button.setToolTip(
            "Add a layer that shows in how many frames each pixel was changed" + (f". {_LAZY}" if lazy else "")
        )
