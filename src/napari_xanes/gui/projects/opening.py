"""Open a project in a window that may hold something already."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QMessageBox

from napari_xanes.gui.present import present
from napari_xanes.gui.projects.notices import Notices, window_of
from napari_xanes.gui.projects.save_dialog import SaveDialog
from napari_xanes.gui.projects.session import ProjectSession, session_of
from napari_xanes.gui.telling import show_error
from napari_xanes.wording import counted

if TYPE_CHECKING:
    from napari.viewer import Viewer

_NOTICES: WeakKeyDictionary[ProjectSession, Notices] = WeakKeyDictionary()


def notices_of(viewer: Viewer) -> Notices:
    """Return what tells the user of the session of a viewer."""
    session = session_of(viewer)
    if session not in _NOTICES:
        _NOTICES[session] = Notices(session, viewer)
        session.job.started.connect(_NOTICES[session].begin)
    return _NOTICES[session]


def ask_and_save(viewer: Viewer) -> SaveDialog | None:
    """Ask how and where to save what a viewer holds; return the dialog."""
    if not len(viewer.layers):
        show_error("There is nothing to save yet: drop a stack into the window")
        return None
    notices_of(viewer)
    if _is_busy(viewer):
        return None
    dialog = SaveDialog(viewer, window_of(viewer))
    notices_of(viewer).show(dialog)
    return dialog


def open_project(viewer: Viewer, path: Path) -> QMessageBox | None:
    """Open a project; where the window holds layers, ask whether they stay. Return the question, if there is one."""
    notices_of(viewer)
    if _is_busy(viewer):
        return None
    session = session_of(viewer)
    if not len(viewer.layers):
        session.open(path)
        return None
    question = QMessageBox(window_of(viewer))
    question.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    question.setTextFormat(Qt.TextFormat.PlainText)
    question.setWindowTitle("Open project")
    question.setText(f"What should become of the {counted(len(viewer.layers), 'layer', 'layers')} in the window?")
    replace = present(question.addButton("Replace them", QMessageBox.ButtonRole.DestructiveRole))
    add = present(question.addButton("Keep them", QMessageBox.ButtonRole.AcceptRole))
    question.addButton(QMessageBox.StandardButton.Cancel)
    question.setDefaultButton(QMessageBox.StandardButton.Cancel)
    replace.clicked.connect(lambda: session.open(path, in_place=True))
    add.clicked.connect(lambda: session.open(path))
    notices_of(viewer).show(question)
    return question


def _is_busy(viewer: Viewer) -> bool:
    """Return whether a project is being saved or opened, which is said, or a dialog asks for one, which comes up."""
    if session_of(viewer).busy:
        show_error("A project is being saved or opened; wait until it is done, or cancel it")
        return True
    if (dialog := notices_of(viewer).dialog) is None:
        return False
    dialog.raise_()
    dialog.activateWindow()
    return True
