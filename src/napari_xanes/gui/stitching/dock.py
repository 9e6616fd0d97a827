"""The Stitch dock: join segments of a scan or tiles of a mosaic; the result is a new layer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from magicgui.widgets import LineEdit
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QLabel, QPushButton, QSizePolicy, QVBoxLayout, QWidget

from napari_xanes.gui.as_dock import as_dock
from napari_xanes.gui.dock_layout import DOCK_WIDTH, EMPTY_STATE, row_of, scrolled, wrapping_label
from napari_xanes.gui.energy import plain_viewer
from napari_xanes.gui.files.drop_target import DropTarget
from napari_xanes.gui.focus_ring import ShownFocus
from napari_xanes.gui.forms.form import Field, Form
from napari_xanes.gui.job import Job
from napari_xanes.gui.job_bar import JobBar
from napari_xanes.gui.layers import stack_of, stack_to_layer
from napari_xanes.gui.run_keys import RunKeys
from napari_xanes.gui.running.absorption import steps_to_absorption
from napari_xanes.gui.running.preparing import prepared
from napari_xanes.gui.stitching.stack_list import StackList
from napari_xanes.gui.telling import show_warning, tell
from napari_xanes.gui.wording import is_about
from napari_xanes.parameters import Parameter
from napari_xanes.progress import Progress, part
from napari_xanes.registry import Method
from napari_xanes.stack import SpectralStack
from napari_xanes.stitching.joining import as_positions, stitch

if TYPE_CHECKING:
    from napari.viewer import Viewer

_SHARE_BEFORE = 0.2
"""Share of the progress bar for the optical depth of all stacks."""


class StitchDock(QWidget):
    """Tick stacks and join them; the report of the seams appears below.

    Parameters
    ----------
    napari_viewer : napari.viewer.Viewer
        The viewer.
    """

    def __init__(self, napari_viewer: Viewer) -> None:
        super().__init__()
        self._viewer = viewer = plain_viewer(napari_viewer)
        self.stacks = StackList(viewer, self)
        self.form = Form(Method(stitch, "stack"), {"positions": _positions})
        self.run_button, self.cancel_button = QPushButton("Stitch"), QPushButton("Cancel")
        self.run_button.setToolTip("Join the ticked stacks to a new layer; you can use the window meanwhile")
        self.job = Job(self)
        self._note, self._bar = wrapping_label(), JobBar(self.job)
        self.report = wrapping_label()
        self.report.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._lay_out()
        self.stacks.changed.connect(self._show_state)
        self.run_button.clicked.connect(self.start)
        self.cancel_button.clicked.connect(self.job.cancel)
        self.job.done.connect(self._show)
        self.job.failed.connect(self._failed)
        self.job.ended.connect(self._show_state)
        RunKeys(self, viewer, self.run_button, self.job)
        DropTarget(self, viewer)
        ShownFocus(self, viewer)
        as_dock(self, viewer)
        self._show_state()

    def _lay_out(self) -> None:
        body = QWidget()
        column = QVBoxLayout(body)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.form)
        column.addWidget(self.report)
        column.addStretch()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(4, 4, 4, 4)
        layout.addWidget(QLabel("stacks to join"))
        layout.addWidget(self.stacks, 1)
        layout.addWidget(self._note)
        layout.addWidget(scrolled(body), 2)
        layout.addLayout(row_of((self.run_button, 1), (self.cancel_button, 0)))
        layout.addWidget(self._bar)
        self.setMinimumSize(DOCK_WIDTH, 220)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Expanding)

    def _show_state(self) -> None:
        running, ticked = self.job.running, len(self.stacks.layers())
        self.run_button.setEnabled(ticked > 1 and not running)
        self.cancel_button.setEnabled(running)
        text = "" if ticked > 1 else "Tick at least two stacks"
        self._note.setText(text if self.stacks.count() else EMPTY_STATE)
        self._note.setVisible(bool(self._note.text()))

    def start(self) -> None:
        """Join the ticked stacks in a worker thread; show an error as a notification."""
        if self.job.running:
            return
        try:
            stacks = [stack_of(layer) for layer in self.stacks.layers()]
            values = self.form.values()
        except ValueError as error:
            tell(error)
            return

        def work(progress: Progress) -> SpectralStack:
            ready = [_absorption(stack, k, len(stacks), progress) for k, stack in enumerate(stacks)]
            return stitch(ready, **values, progress=part(progress, _SHARE_BEFORE, 1.0))

        self.job.start(work, "Stitch")
        self._show_state()

    def _show(self, joined: SpectralStack) -> None:
        self.report.setText(joined.metadata["stitch"].report)
        data, keywords, _kind = stack_to_layer(joined)
        self._viewer.add_image(data, **keywords)
        told = [text for text in joined.metadata.get("warnings", ()) if text.startswith("stitch: ")]
        if told:
            show_warning("\n".join(told))

    def _failed(self, error: Exception) -> None:
        for name, parameter in self.form.method.parameters.items():
            if isinstance(error, ValueError) and is_about(str(error), parameter):
                self.form.mark(name, str(error))
        tell(error)


def _absorption(stack: SpectralStack, k: int, count: int, progress: Progress) -> SpectralStack:
    """Return the optical depth of counts, as other docks do; other stacks as they are."""
    steps = steps_to_absorption(stack)
    share = _SHARE_BEFORE / count
    return prepared(steps, stack, part(progress, k * share, (k + 1) * share))


def _positions(parameter: Parameter) -> Field:
    """Make a text field for positions such as ``0, 0; 0, 900``."""
    line = LineEdit()
    line.native.setPlaceholderText(f"automatic: {parameter.spec.auto}; or 0, 0; 0, 900")

    def fill(value: Any) -> None:
        line.value = "; ".join(f"{y:g}, {x:g}" for y, x in as_positions(value) or ())

    return Field(line.native, lambda: as_positions(line.value.strip() or None), fill, line.changed)
