"""The progress bar of a job."""

from __future__ import annotations

from time import monotonic

from qtpy.QtWidgets import QProgressBar, QWidget

from napari_xanes.gui.job import Job
from napari_xanes.gui.wording import time_left


class JobBar(QProgressBar):
    """Shows how far a job is, what it does and how long it will take; it is there while the job runs.

    Parameters
    ----------
    job : Job
        The job.
    parent : QWidget, optional
        Parent widget.
    """

    def __init__(self, job: Job, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._start_time = 0.0
        self.hide()
        job.started.connect(self._begin)
        job.progressed.connect(self._show_progress)
        job.ended.connect(self.hide)

    def _begin(self, _title: str) -> None:
        self._start_time = monotonic()
        self.setValue(0)
        self.show()

    def _show_progress(self, done: float, message: str) -> None:
        self.setValue(round(100 * done))
        self.setFormat(f"{message} %p %{time_left(monotonic() - self._start_time, done)}")
