"""A killed window leaves a copy behind, which the next XANES dock offers; a closed window leaves nothing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from tests.gui.plain_viewer import PlainViewer

from napari_xanes import SpectralStack
from napari_xanes.gui.projects import autosave
from napari_xanes.gui.projects.autosave import Copy, autosaver_of, left_behind
from napari_xanes.gui.projects.session import session_of
from napari_xanes.gui.state.workspace import workspace_of

KILLED = """
import os, signal, sys
from pathlib import Path
import numpy as np
from qtpy.QtWidgets import QApplication
from napari_xanes import SpectralStack
from napari_xanes.gui.layers import stack_to_layer
from napari_xanes.gui.projects import autosave
from tests.gui.plain_viewer import PlainViewer

app = QApplication([])
autosave.copies_folder = lambda: Path(sys.argv[1])
viewer = PlainViewer()
energy = np.linspace(8300, 8400, 12)
stack = SpectralStack(np.arange(12 * 48, dtype=np.float32).reshape(12, 6, 8), energy, "optical_depth")
data, keywords, _ = stack_to_layer(stack, name="unsaved work")
viewer.add_image(data, **keywords)
saver = autosave.autosaver_of(viewer)
done = []
saver.written.connect(done.append)
saver.write()
while not done:
    app.processEvents()
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder of the copies."""
    folder = tmp_path / "windows"
    monkeypatch.setattr(autosave, "copies_folder", lambda: folder)
    return folder


def written(viewer: Any, wait: Any) -> bool:
    saver, done = autosaver_of(viewer), []
    saver.written.connect(done.append)
    saver.write()
    wait(lambda: done)
    saver.written.disconnect()
    return bool(done[0])


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="Windows has no SIGKILL")
def test_a_killed_window_is_restored(viewer: Any, folder: Path, wait: Any) -> None:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    killed = subprocess.run([sys.executable, "-c", KILLED, str(folder)], env=environment, check=False, timeout=250)
    assert killed.returncode == -signal.SIGKILL
    assert len(list(folder.glob("window-*.h5"))) == 1
    _, dock = viewer.window.add_plugin_dock_widget("napari-xanes", "XANES")
    wait(dock.offer.isVisible)
    assert dock.offer.label.text().startswith("A window was not closed: its copy of ")
    assert left_behind() == [], "it is offered once"
    QTest.mouseClick(dock.offer.restore_button, Qt.MouseButton.LeftButton)
    wait(lambda: "unsaved work" in viewer.layers)
    layer = viewer.layers["unsaved work"]
    np.testing.assert_array_equal(layer.data, np.arange(12 * 48).reshape(12, 6, 8))
    wait(lambda: not list(folder.glob("window-*")))
    assert not dock.offer.isVisible()
    assert session_of(viewer).path is None, "the copy is no project to save to"


def test_a_closed_window_leaves_nothing(add_stack: Any, stack: SpectralStack, folder: Path, wait: Any) -> None:
    from napari_xanes.gui.layers import stack_to_layer

    viewer = PlainViewer()
    data, keywords, _ = stack_to_layer(stack)
    viewer.add_image(data, **keywords)
    assert written(viewer, wait)
    assert left_behind() == [], "its window lives"
    viewer.close()
    wait(lambda: not list(folder.glob("window-*")))


def test_copies_are_written_only_if_something_changed(viewer: Any, add_stack: Any, folder: Path, wait: Any) -> None:
    layer = add_stack()
    labels = viewer.add_labels(np.zeros((24, 32), np.uint8), name="regions")
    assert written(viewer, wait)
    assert not written(viewer, wait)
    labels.data[2:4, 3:5] = 1
    assert written(viewer, wait)
    layer.visible = False
    assert written(viewer, wait)
    workspace_of(viewer).cursor.box = 5
    assert written(viewer, wait)
    assert not written(viewer, wait)
    viewer.layers.clear()
    autosaver_of(viewer).write()
    assert list(folder.glob("window-*")) == []


def test_large_stacks_are_left_out_and_named(
    viewer: Any, add_stack: Any, folder: Path, wait: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(autosave, "MOST_BYTES", 1000)
    add_stack()
    viewer.add_labels(np.ones((24, 32), np.uint8), name="regions")
    written(viewer, wait)
    (path,) = folder.glob("window-*.h5")
    other, opened = PlainViewer(), []
    session_of(other).opened.connect(opened.append)
    session_of(other).open(path, as_copy=True)
    wait(lambda: opened)
    assert [layer.name for layer in other.layers] == ["regions"]
    assert [note for note in opened[0].notes if "'particle · optical depth' was too large" in note]
    other.close()
    autosaver_of(viewer).sweep()


def test_only_a_few_copies_are_kept(folder: Path) -> None:
    folder.mkdir()
    for number in range(8):
        path = folder / f"window-1-{number}-1.h5"
        path.write_bytes(b"x")
        os.utime(path, (time.time() - 100 * number,) * 2)
    os.utime(folder / "window-1-0-1.h5", (1, 1))
    kept = left_behind()
    assert [copy.path.name for copy in kept] == [f"window-1-{number}-1.h5" for number in range(1, 6)]
    assert sorted(path.name for path in folder.glob("*.h5")) == sorted(copy.path.name for copy in kept)
    for copy in kept:
        copy.sweep()
    assert list(folder.iterdir()) == []


def test_discard_and_later(viewer: Any, folder: Path, wait: Any) -> None:
    folder.mkdir()
    for number in range(2):
        (folder / f"window-1-{number}-1.h5").write_bytes(b"x")
    _, dock = viewer.window.add_plugin_dock_widget("napari-xanes", "XANES")
    wait(dock.offer.isVisible)
    assert "and 1 more" in dock.offer.label.text()
    QTest.mouseClick(dock.offer.discard_button, Qt.MouseButton.LeftButton)
    assert len(list(folder.glob("*.h5"))) == 1
    QTest.mouseClick(dock.offer.later_button, Qt.MouseButton.LeftButton)
    assert not dock.offer.isVisible()
    (path,) = folder.glob("*.h5")
    assert Copy(path).take()
