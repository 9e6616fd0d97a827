"""The keys to run and to cancel, for each panel that runs something."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QEvent, QObject
from qtpy.QtWidgets import QAbstractButton, QApplication, QWidget

from napari_xanes.gui.state.workspace import workspace_of

if TYPE_CHECKING:
    from napari.viewer import Viewer

    from napari_xanes.gui.job import Job


class RunKeys(QObject):
    """Lets keys press the run button of a panel, and cancel its job.

    Of several panels, the one that was shown or had the keyboard last runs; the job that began last is cancelled.

    Parameters
    ----------
    panel : QWidget
        The panel.
    viewer : napari.viewer.Viewer
        The viewer.
    run_button : QAbstractButton
        Is pressed by the key; nothing happens while it is disabled.
    job : Job
        What the panel runs.
    """

    def __init__(self, panel: QWidget, viewer: Viewer, run_button: QAbstractButton, job: Job) -> None:
        super().__init__(panel)
        self._panel, self._run_button, self._job = panel, run_button, job
        self._keys = workspace_of(viewer).keys
        panel.installEventFilter(self)
        application = QApplication.instance()
        assert isinstance(application, QApplication)
        application.focusChanged.connect(self._on_focus)
        job.started.connect(self._on_start)
        job.ended.connect(self._on_end)

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        """Take the key when the panel is shown, and leave it when it is hidden."""
        if event is not None and event.type() == QEvent.Type.Show:
            self._keys.take("run", self._run)
        elif event is not None and event.type() == QEvent.Type.Hide:
            self._keys.leave("run", self._run)
        return False

    def _on_focus(self, _before: QWidget | None, now: QWidget | None) -> None:
        if now is not None and self._panel.isVisible() and self._panel.isAncestorOf(now):
            self._keys.take("run", self._run)

    def _on_start(self, _title: str) -> None:
        self._keys.take("cancel", self._cancel)

    def _on_end(self) -> None:
        self._keys.leave("cancel", self._cancel)

    def _run(self) -> None:
        self._run_button.click()

    def _cancel(self) -> None:
        self._job.cancel()
