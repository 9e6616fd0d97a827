"""Offer what a window held that was not closed, but killed."""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING

from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from napari_xanes.gui.dock_layout import push_button, wrapping_label
from napari_xanes.gui.projects.autosave import Copy, autosaver_of, left_behind
from napari_xanes.gui.projects.opening import notices_of
from napari_xanes.gui.projects.session import session_of

if TYPE_CHECKING:
    from napari.viewer import Viewer


class RestoreOffer(QWidget):
    """A line that offers the newest copy of a window that was not closed; hidden if there is none.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        The viewer to restore it in; from now on copies of its own window are kept, too.
    """

    def __init__(self, viewer: Viewer) -> None:
        super().__init__()
        self._session = session_of(viewer)
        notices_of(viewer)
        autosaver_of(viewer)
        self._copies: list[Copy] = []
        self._restored: Copy | None = None
        self.label = wrapping_label()
        self.restore_button = push_button(
            "Restore", "Bring back its layers, runs, references and recipes", self._restore
        )
        self.discard_button = push_button("Discard", "Remove this copy for good", self._discard)
        self.later_button = push_button("Later", "Offer it again when napari is started the next time", self._later)
        column, row = QVBoxLayout(self), QHBoxLayout()
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(2)
        for button in (self.restore_button, self.discard_button, self.later_button):
            row.addWidget(button)
        column.addWidget(self.label)
        column.addLayout(row)
        self._session.opened.connect(self._on_opened)
        self.hide()
        # A window that is only being made is not held up by files.
        timer = QTimer(self)
        timer.setSingleShot(True)
        timer.timeout.connect(self._look)
        timer.start(0)

    def _look(self) -> None:
        self._copies = left_behind()
        for copy in self._copies:
            self.destroyed.connect(partial(Copy.release, copy))
        self._show()

    def _show(self) -> None:
        self.setVisible(bool(self._copies))
        if self._copies:
            when = time.strftime("%d %b %H:%M", time.localtime(self._copies[0].path.stat().st_mtime))
            more = f", and {len(self._copies) - 1} more" if len(self._copies) > 1 else ""
            self.label.setText(f"A window was not closed: its copy of {when}{more}")

    def _restore(self) -> None:
        if self._session.busy:
            return
        self._restored = self._copies.pop(0)
        self._session.open(self._restored.path, as_copy=True)
        self._show()

    def _on_opened(self, restoring: object) -> None:
        if self._restored is not None:
            self._restored.sweep()
            self._restored = None

    def _discard(self) -> None:
        self._copies.pop(0).sweep()
        self._show()

    def _later(self) -> None:
        for copy in self._copies:
            copy.release()
        self._copies = []
        self._show()
