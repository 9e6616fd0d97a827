"""What a user sees while a project is saved or opened, and afterwards: progress, missing files, what has changed."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from weakref import ref

from qtpy.compat import isalive
from qtpy.QtCore import QObject, Qt
from qtpy.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QGridLayout,
    QLabel,
    QProgressDialog,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from napari_xanes.gui.dialogs import ask_for_folder, ask_to_open
from napari_xanes.gui.dock_layout import wrapping_label
from napari_xanes.gui.telling import show_info, show_warning, tell

if TYPE_CHECKING:
    from napari.viewer import Viewer

    from napari_xanes.gui.projects.restoring import Restoring
    from napari_xanes.gui.projects.session import ProjectSession
    from napari_xanes.project import MissingLayer

_SHOW_AFTER = 500
"""ms; what takes less needs no bar."""


def window_of(viewer: Viewer) -> QWidget | None:
    """Return the window of a viewer, whose colours its dialogs take; None without one."""
    window = getattr(viewer, "window", None)
    widget = getattr(window, "_qt_window", window)
    return widget if isinstance(widget, QWidget) else None


class Notices(QObject):
    """Tells the user of the session of a viewer, in dialogs that leave the window free.

    Parameters
    ----------
    session : ProjectSession
        The session.
    viewer : napari.viewer.Viewer
        Its viewer.

    Attributes
    ----------
    dialog : QDialog or None
        The dialog that is open before a project is saved or opened; a window that is not active would not keep it.
    """

    def __init__(self, session: ProjectSession, viewer: Viewer) -> None:
        super().__init__(session)
        self._session, self._viewer = session, ref(viewer)
        self._bar: QProgressDialog | None = None
        self.dialog: QDialog | None = None
        self._missing: QDialog | None = None  # projects can be saved while it is open
        self._restoring: Restoring | None = None
        self._found: set[str] = set()
        session.job.progressed.connect(self._on_progress)
        session.job.ended.connect(self._on_ended)
        session.saved.connect(lambda path: show_info(f"Saved {path}"))
        session.opened.connect(self._on_opened)
        session.failed.connect(tell)
        session.found.connect(lambda missing: self._found.add(missing.name))

    @property
    def misses(self) -> bool:
        """Whether stacks of the project that was opened last are still to be found."""
        restoring = self._restoring
        return restoring is not None and any(one.name not in self._found for one in restoring.missing)

    def ask_for_missing(self) -> None:
        """Ask where the files are that were not found; also again, after the question was closed."""
        if self._missing is not None and isalive(self._missing):  # type: ignore[no-untyped-call]
            self._missing.close()
        if self._restoring is not None:
            self._missing = MissingFiles(self._session, self._restoring, self._found, self._parent())
            self._missing.show()

    def show(self, dialog: QDialog) -> None:
        """Open a dialog that leaves the rest of the screen free, and keep it until it is closed."""
        self.dialog = dialog
        dialog.finished.connect(self._forget)
        dialog.open()

    def _forget(self) -> None:
        self.dialog = None

    def begin(self, title: str) -> None:
        """Show how far the work is, with a button to cancel, if it takes long."""
        if not self._session.job.running:
            return
        bar = self._bar = QProgressDialog(title, "Cancel", 0, 100, self._parent())
        bar.setWindowTitle("XANES")
        bar.setWindowModality(Qt.WindowModality.NonModal)
        bar.setMinimumDuration(_SHOW_AFTER)
        bar.setAutoClose(False)
        bar.setAutoReset(False)
        bar.setValue(0)
        bar.canceled.connect(self._session.job.cancel)

    def _parent(self) -> QWidget | None:
        viewer = self._viewer()
        return None if viewer is None else window_of(viewer)

    def _on_progress(self, done: float, message: str) -> None:
        if self._bar is not None:
            self._bar.setLabelText(message)
            self._bar.setValue(round(100 * done))

    def _on_ended(self) -> None:
        if self._bar is not None:
            bar, self._bar = self._bar, None
            bar.canceled.disconnect()
            bar.close()
            bar.deleteLater()

    def _on_opened(self, restoring: Restoring) -> None:
        self._restoring, self._found = restoring, set()
        if restoring.missing:
            self.ask_for_missing()
        elif restoring.notes:
            show_warning("\n".join(restoring.notes))


_WIDTH = 420  # px


class MissingFiles(QDialog):
    """Names the stacks whose files were not found; the user can say where they are now.

    Parameters
    ----------
    session : ProjectSession
        Reads them.
    restoring : Restoring
        What became of the project.
    found : set of str
        Names of the stacks that were found meanwhile.
    parent : QWidget, optional
        The window.
    """

    def __init__(
        self, session: ProjectSession, restoring: Restoring, found: set[str], parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.setWindowTitle("Files that were not found")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._session = session
        self.buttons: dict[str, QPushButton] = {}
        self._labels: dict[str, QLabel] = {}
        layout, rows = QVBoxLayout(self), QGridLayout()
        rows.setColumnStretch(0, 1)
        layout.addWidget(_plain("All else is in the window. Where are these stacks now?"))
        layout.addLayout(rows)
        for row, missing in enumerate(one for one in restoring.missing if one.name not in found):
            label = self._labels[missing.name] = _plain(f"{missing.name}\nwas {missing.source.path}")
            button = self.buttons[missing.name] = QPushButton("Find…")
            button.setToolTip(f"{missing.reason}\nOther missing files that lie beside it there are read, too")
            button.clicked.connect(partial(self._find, missing))
            rows.addWidget(label, row, 0)
            rows.addWidget(button, row, 1)
        others = [note for note in restoring.notes if "is left out: " not in note]
        if others:
            layout.addWidget(_plain("\n".join(others)))
        layout.addWidget(_plain("File > Find missing files… in the XANES dock asks again"))
        close = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        close.rejected.connect(self.close)
        layout.addWidget(close)
        self.setMinimumWidth(_WIDTH)
        self.resize(_WIDTH, layout.totalHeightForWidth(_WIDTH))  # Qt takes what the texts need in a narrow window
        session.found.connect(self._on_found)

    def _find(self, missing: MissingLayer, *_: Any) -> None:
        title = f"Where is {Path(missing.source.path).name}?"
        is_folder = bool(missing.source.reading.get("files")) or "listing" in (missing.source.fingerprint or "")
        path = ask_for_folder(self, title) if is_folder else ask_to_open(self, title, "All files (*)")
        if path:
            self._session.find(missing, Path(path))

    def _on_found(self, missing: MissingLayer) -> None:
        if missing.name in self.buttons:
            self.buttons[missing.name].setEnabled(False)
            self._labels[missing.name].setText(f"{missing.name}\nis in the window")


def _plain(text: str) -> QLabel:
    label = wrapping_label(text)
    label.setTextFormat(Qt.TextFormat.PlainText)  # names from a file are no markup
    return label
