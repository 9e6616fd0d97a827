"""Projects are saved and opened with the mouse: menus, dialogs, drops."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qtpy.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from qtpy.QtGui import QDragEnterEvent, QDropEvent
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication, QDialogButtonBox, QPushButton

from napari_xanes import SpectralStack
from napari_xanes.gui import dialogs
from napari_xanes.gui.files import project_commands
from napari_xanes.gui.files.readers import get_reader
from napari_xanes.gui.projects.notices import MissingFiles
from napari_xanes.gui.projects.opening import notices_of, open_project
from napari_xanes.gui.projects.save_dialog import SaveDialog
from napari_xanes.gui.projects.session import session_of
from napari_xanes.gui.xanes.file_button import FileButton
from napari_xanes.history import Source


@pytest.fixture
def window(viewer: Any, add_stack: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return the current viewer with a stack, and no open dialogs at the end."""
    monkeypatch.setattr("napari.current_viewer", lambda: viewer)
    add_stack()
    yield viewer
    for widget in QApplication.topLevelWidgets():
        if isinstance(widget, SaveDialog | MissingFiles):
            widget.close()


def shown(kind: type) -> Any:
    """Return the dialog of a kind that is on the screen."""
    return next((one for one in QApplication.topLevelWidgets() if isinstance(one, kind) and one.isVisible()), None)


def click(button: Any) -> None:
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)


def save(viewer: Any, path: Path, wait: Any, monkeypatch: pytest.MonkeyPatch) -> SaveDialog:
    monkeypatch.setattr(dialogs.QFileDialog, "getSaveFileName", lambda *_: (str(path), ""))
    session, done = session_of(viewer), []
    session.saved.connect(done.append)
    project_commands.save_project()
    dialog = shown(SaveDialog)
    click(dialog.save_button)
    wait(lambda: done)
    return dialog


def test_save_asks_for_copies_with_their_sizes(
    window: Any, wait: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project_commands.save_project()
    dialog = shown(SaveDialog)
    assert not dialog.small.isEnabled(), "the stack was not read from a file"
    assert dialog.whole.text() == "Copy all stacks: less than 1 MB"
    click(dialog.buttons.button(QDialogButtonBox.StandardButton.Cancel))
    assert shown(SaveDialog) is None
    scan = tmp_path / "scan.h5"
    scan.write_bytes(b"")
    layer = window.layers[0]
    layer.metadata["xanes"]["source"] = Source(str(scan), "sha256:1").to_plain()
    layer.data = np.zeros((30, 240, 320), np.float32)
    project_commands.save_project()
    dialog = shown(SaveDialog)
    assert dialog.small.isChecked()
    assert (dialog.small.text(), dialog.whole.text()) == (
        "Leave stacks in their files: less than 1 MB",
        "Copy all stacks: about 9 MB",
    )


def test_save_and_open_by_the_menu(
    window: Any, wait: Any, stack: SpectralStack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "day one.h5"
    save(window, tmp_path / "day one", wait, monkeypatch)
    assert path.exists()
    window.layers[0].name = "changed"
    monkeypatch.setattr(dialogs.QFileDialog, "getOpenFileName", lambda *_: (str(path), ""))
    opened: list[Any] = []
    session_of(window).opened.connect(opened.append)
    question = open_project(window, path)
    assert question is not None
    wait(lambda: question.isVisible())
    click(next(button for button in question.buttons() if button.text() == "Replace them"))
    wait(lambda: opened)
    assert [layer.name for layer in window.layers] == ["particle · optical depth"]
    np.testing.assert_array_equal(window.layers[0].data, stack.data)


def test_a_project_is_dropped_on_a_dock_and_read_by_napari(
    window: Any, wait: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "project.h5"
    save(window, path, wait, monkeypatch)
    window.layers.clear()
    opened: list[Any] = []
    session_of(window).opened.connect(opened.append)
    _, dock = window.window.add_plugin_dock_widget("napari-xanes", "XANES")
    mime = QMimeData()
    mime.setUrls([QUrl.fromLocalFile(str(path))])
    how = Qt.DropAction.CopyAction, mime, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    for event in (QDragEnterEvent(QPoint(5, 5), *how), QDropEvent(QPointF(5, 5), *how)):
        QApplication.sendEvent(dock, event)
    wait(lambda: opened)
    assert len(window.layers) == 1
    window.layers.clear()
    reader = get_reader(str(path))
    assert reader is not None
    assert reader(str(path)) == [(None,)]
    wait(lambda: len(opened) == 2)
    assert len(window.layers) == 1


def test_a_missing_file_is_asked_for(
    window: Any, wait: Any, stack: SpectralStack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import tifffile

    from napari_xanes.io.project_file import write_project
    from napari_xanes.project import Project, ProjectLayer

    source = Source(str(tmp_path / "lost.tif"), None, {"energies": stack.energy.tolist()})
    write_project(Project([ProjectLayer("scan", source)]), tmp_path / "project.h5")
    notices_of(window)
    session_of(window).open(tmp_path / "project.h5")
    wait(lambda: shown(MissingFiles))
    dialog = shown(MissingFiles)
    assert dialog.height() < 200, "a few lines need no tall window"
    button = FileButton(window)
    dialog.findChild(QDialogButtonBox).button(QDialogButtonBox.StandardButton.Close).click()
    wait(lambda: not shown(MissingFiles))
    (again,) = (action for action in button.menu().actions() if action.text() == "Find missing files…")
    button.menu().aboutToShow.emit()
    assert again.isVisible()
    again.trigger()
    wait(lambda: shown(MissingFiles))
    dialog = shown(MissingFiles)
    tifffile.imwrite(tmp_path / "found.tif", stack.data)
    monkeypatch.setattr(dialogs.QFileDialog, "getOpenFileName", lambda *_: (str(tmp_path / "found.tif"), ""))
    find: QPushButton = dialog.buttons["scan"]
    click(find)
    wait(lambda: not find.isEnabled())
    np.testing.assert_array_equal(window.layers["scan"].data, stack.data)
    button.menu().aboutToShow.emit()
    assert not again.isVisible()


def test_a_double_click_on_save_asks_once(
    window: Any, wait: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def ask(*_: Any) -> tuple[str, str]:
        asked.append("file")
        QTest.mouseDClick(dialog.save_button, Qt.MouseButton.LeftButton)  # before the dialog for the file is in front
        return str(tmp_path / "project.h5"), ""

    monkeypatch.setattr(dialogs.QFileDialog, "getSaveFileName", ask)
    saved: list[Path] = []
    session_of(window).saved.connect(saved.append)
    project_commands.save_project()
    project_commands.save_project()
    assert sum(isinstance(one, SaveDialog) and one.isVisible() for one in QApplication.topLevelWidgets()) == 1
    dialog = shown(SaveDialog)
    click(dialog.save_button)
    QTest.mouseDClick(dialog.save_button, Qt.MouseButton.LeftButton)
    wait(lambda: saved)
    assert (asked, saved) == (["file"], [tmp_path / "project.h5"])
    assert shown(SaveDialog) is None
    project_commands.save_project()
    assert shown(SaveDialog) is not None, "it can be asked for again"


def test_a_project_that_is_opened_twice_is_asked_for_once(
    window: Any, wait: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(window, tmp_path / "project.h5", wait, monkeypatch)
    wait(lambda: not session_of(window).busy)
    first = open_project(window, tmp_path / "project.h5")
    assert first is not None
    assert open_project(window, tmp_path / "project.h5") is None
    opened: list[Any] = []
    session_of(window).opened.connect(opened.append)
    keep = next(button for button in first.buttons() if button.text() == "Keep them")
    click(keep)
    wait(lambda: opened)
    assert len(window.layers) == 2
