"""The switch *Live*, and what is known of the scan that is followed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from weakref import ref

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QDialog, QPushButton, QVBoxLayout, QWidget

from napari_xanes.gui.dock_layout import wrapping_label
from napari_xanes.gui.energy import plain_viewer
from napari_xanes.gui.job import Job
from napari_xanes.gui.live.dialog import LiveDialog, Plan
from napari_xanes.gui.live.layers import LiveLayers
from napari_xanes.gui.mailbox import mailbox, send
from napari_xanes.gui.telling import tell
from napari_xanes.live.ending import Ending
from napari_xanes.live.following import Update, described, watch
from napari_xanes.progress import Progress
from napari_xanes.recipe import Recipe

if TYPE_CHECKING:
    from napari.viewer import Viewer


class LiveLine(QWidget):
    """Follows a scan that is being measured, and says how far it is; empty while nothing is followed.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        The viewer.
    """

    def __init__(self, viewer: Viewer) -> None:
        super().__init__()
        self._viewer = plain_viewer(viewer)
        self.job, self.layers = Job(self), LiveLayers(self._viewer)
        self._turn = 0
        self.dialog: LiveDialog | None = None
        self.button = QPushButton("Live…")
        self.button.setCheckable(True)
        self.button.setToolTip("Follow a scan while it is measured: its stack grows, and its maps change")
        self.label = wrapping_label()
        self.label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.label)
        self.hide()
        self.button.clicked.connect(self._switch)
        self.job.failed.connect(self._fail)
        self.job.ended.connect(self._end)

    def _switch(self, on: bool) -> None:
        if not on:
            self.stop()
            return
        self.button.setChecked(False)  # until something is followed
        self.dialog = LiveDialog(self._viewer, self)
        self.dialog.finished.connect(self._chosen)
        self.dialog.open()

    def _chosen(self, answer: int) -> None:
        dialog, self.dialog = self.dialog, None
        if dialog is not None:
            if answer == QDialog.DialogCode.Accepted:
                self.follow(dialog.plan())
            dialog.deleteLater()

    def follow(self, plan: Plan) -> None:
        """Follow a scan until it has ended, or `stop`."""
        if self.job.running:
            return
        self._turn += 1
        self.layers = LiveLayers(self._viewer)
        report = _Report(self, self._turn)
        self._say("waiting for the first look")
        self.button.setText("Stop")
        self.button.setChecked(True)
        self.job.start(lambda progress: _follow(plan, report, progress), f"Live: {plan.source.partition('?')[0]}")

    def stop(self) -> None:
        """Stop following; what is shown stays, and says that it is not final."""
        self._turn += 1
        self.job.cancel()
        self._say(f"stopped: {self.label.toolTip()}")

    def take(self, turn: int, update: Update) -> None:
        """Show an update, unless it belongs to a scan that is not followed any more."""
        if turn == self._turn:
            self.layers.show(update)
            self._say(described(update))

    def _say(self, text: str) -> None:
        self.label.setText(text)
        self.label.setToolTip(text)
        self.show()

    def _fail(self, error: Exception) -> None:
        self._say(f"ended: {error}")
        tell(error)

    def _end(self) -> None:
        self.button.setText("Live…")
        self.button.setChecked(False)


class _Report:
    """Hands updates from the thread to the line, which is not kept alive."""

    def __init__(self, line: LiveLine, turn: int) -> None:
        self._box, self._line, self._turn = mailbox(), ref(line), turn

    def __call__(self, update: Update) -> None:
        turn = self._turn
        send(self._box, self._line, lambda line: line.take(turn, update))


def _follow(plan: Plan, report: Any, progress: Progress) -> None:
    """Follow a scan in a thread."""

    def stops() -> bool:
        progress(0.0, "waiting for frames")  # raises Cancelled
        return False

    ending = Ending(plan.energies)
    for update in watch(
        plan.source, Recipe(plan.steps), stop=stops, progress=progress, reading=plan.reading, ending=ending
    ):
        report(update)
