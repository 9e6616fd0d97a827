"""The switch *Live*: a scan that is measured during the test."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qtpy.QtCore import QCoreApplication, QEvent, Qt
from qtpy.QtTest import QTest
from tests.live.writers import fit_recipe, transmission, write_frame

import napari_xanes as nx
from napari_xanes.gui.layers import stack_of, stack_to_layer
from napari_xanes.gui.live.dialog import LiveDialog, Plan
from napari_xanes.gui.live.line import LiveLine
from napari_xanes.gui.state.workspace import workspace_of

READING = {"quantity": "transmission"}
LEFT = Qt.MouseButton.LeftButton


@pytest.fixture(scope="module")
def stack() -> nx.SpectralStack:
    return transmission(size=10, every=3)


@pytest.fixture
def line(viewer: Any, qtbot: Any) -> LiveLine:
    widget = LiveLine(viewer)
    qtbot.addWidget(widget)
    return widget


def plan(scan: Path, n: int | None = None) -> Plan:
    return Plan(str(scan), list(fit_recipe()), n, READING)


def test_a_scan_grows_in_the_window(
    viewer: Any, line: LiveLine, stack: nx.SpectralStack, tmp_path: Path, wait: Any
) -> None:
    n, runs = stack.energy.size, workspace_of(viewer).runs
    line.follow(plan(tmp_path, n))
    assert line.button.text() == "Stop"
    wait(lambda: "waiting for the first frame" in line.label.text())
    for i in range(3):
        write_frame(tmp_path, stack, i)
    wait(lambda: line.layers.stack_layer is not None and line.layers.stack_layer.data.shape[0] == 3)
    layer = line.layers.stack_layer
    assert layer is not None
    assert f"3 of {n} energies" in line.label.text()
    wait(lambda: len(runs) == 1)
    (run,) = runs
    assert list(run.maps) == ["difference_so_far"]
    for i in range(3, n - 1):
        write_frame(tmp_path, stack, i)
    wait(lambda: "valence" in run.maps and stack_of(layer).energy.size == n - 1)
    assert list(runs) == [run], "the maps are exchanged in their run"
    assert viewer.layers.selection.active is layer
    assert any(text.startswith("not final") for text in run.maps.metadata["warnings"])
    write_frame(tmp_path, stack, n - 1)
    wait(lambda: not line.job.running)
    assert line.label.text() == f"final maps of {n} energies"
    assert line.button.text() == "Live…"
    direct = nx.run(fit_recipe(), nx.read(tmp_path, **READING))
    assert isinstance(direct, nx.MapSet)
    np.testing.assert_array_equal(run.maps["valence"].data, direct["valence"].data)
    np.testing.assert_array_equal(np.asarray(layer.data), np.asarray(stack.data))
    shown = runs.layer_of(run)
    assert shown is not None
    np.testing.assert_array_equal(shown.data, run.maps[run.shown.map].valid())


def test_volumes_grow_in_the_window(
    viewer: Any, line: LiveLine, stack: nx.SpectralStack, tmp_path: Path, wait: Any
) -> None:
    images, n = np.asarray(stack.data), stack.energy.size
    volume = nx.SpectralStack(np.stack([images, images[:, ::-1]], axis=1), stack.energy, "transmission")
    write_frame(tmp_path, volume, 0)
    line.follow(plan(tmp_path, n))
    wait(lambda: line.layers.stack_layer is not None)
    layer = line.layers.stack_layer
    assert layer is not None
    for i in range(1, n):
        write_frame(tmp_path, volume, i)
    wait(lambda: not line.job.running)
    assert line.label.text() == f"final maps of {n} energies"
    np.testing.assert_array_equal(np.asarray(layer.data), np.asarray(volume.data))
    (run,) = workspace_of(viewer).runs
    assert run.maps["valence"].data.shape == (2, 10, 10)


def test_the_slider_stays_where_the_user_put_it(
    viewer: Any, line: LiveLine, stack: nx.SpectralStack, tmp_path: Path, wait: Any
) -> None:
    for i in range(3):
        write_frame(tmp_path, stack, i)
    line.follow(plan(tmp_path))
    wait(lambda: line.layers.stack_layer is not None)
    layer = line.layers.stack_layer
    viewer.dims.set_point(0, 1)
    write_frame(tmp_path, stack, 3)
    wait(lambda: layer.data.shape[0] == 4)
    assert viewer.dims.point[0] == 1
    viewer.dims.set_point(0, 3)
    write_frame(tmp_path, stack, 4)
    wait(lambda: layer.data.shape[0] == 5)
    assert viewer.dims.point[0] == 4, "it follows the newest frame"
    line.stop()
    wait(lambda: not line.job.running)


@pytest.mark.window
def test_a_scan_of_another_size_comes_into_view(
    viewer: Any, line: LiveLine, stack: nx.SpectralStack, tmp_path: Path, add_stack: Any, wait: Any
) -> None:
    small = nx.SpectralStack(stack.data, stack.energy, "transmission", (0.01, 0.01))
    add_stack(small)
    before = viewer.scene.camera.zoom
    write_frame(tmp_path, stack, 0)
    line.follow(plan(tmp_path))
    wait(lambda: line.layers.stack_layer is not None)
    assert viewer.scene.camera.zoom < before / 10
    line.stop()
    wait(lambda: not line.job.running)


def test_a_stop_leaves_what_is_shown(
    viewer: Any, line: LiveLine, stack: nx.SpectralStack, tmp_path: Path, wait: Any
) -> None:
    write_frame(tmp_path, stack, 0)
    line.follow(plan(tmp_path))
    wait(lambda: len(workspace_of(viewer).runs) == 1)
    line.stop()
    wait(lambda: not line.job.running)
    assert line.label.text().startswith("stopped: 1 energies") or "stopped" in line.label.text()
    write_frame(tmp_path, stack, 1)
    line.follow(plan(tmp_path))
    wait(lambda: len(workspace_of(viewer).runs) == 2)
    line.stop()
    wait(lambda: not line.job.running)


@pytest.mark.parametrize("what", ["dock", "viewer"])
def test_whatever_is_closed_in_the_middle_leaves_no_thread(
    what: str, viewer: Any, stack: nx.SpectralStack, tmp_path: Path, wait: Any, errors: list[str]
) -> None:
    dock, panel = viewer.window.add_plugin_dock_widget("napari-xanes", "XANES")
    wait(lambda: panel.findChild(LiveLine) is not None)
    line = panel.findChild(LiveLine)
    threads = threading.active_count()
    write_frame(tmp_path, stack, 0)
    line.follow(plan(tmp_path))
    wait(lambda: len(workspace_of(viewer).runs) == 1)
    layers = list(viewer.layers)
    if what == "dock":
        dock.close()
        dock.deleteLater()
    else:
        viewer.close()
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    wait(lambda: threading.active_count() <= threads)
    if what == "dock":
        assert list(viewer.layers) == layers, "what is shown stays"
    assert not errors


def test_what_can_not_be_followed_says_why(line: LiveLine, tmp_path: Path, wait: Any, capsys: Any) -> None:
    line.follow(plan(tmp_path / "nowhere"))
    wait(lambda: not line.job.running)
    assert "there is no such file or folder" in line.label.text()


def test_from_the_button_to_the_maps(viewer: Any, stack: nx.SpectralStack, tmp_path: Path, wait: Any) -> None:
    """A user who has made maps of an earlier scan follows the next one with the same steps."""
    _, panel = viewer.window.add_plugin_dock_widget("napari-xanes", "XANES")
    data, keywords, _ = stack_to_layer(stack)
    viewer.add_image(data, **keywords)
    maps = nx.run(fit_recipe(), stack)
    assert isinstance(maps, nx.MapSet)
    workspace_of(viewer).runs.add(maps)
    wait(lambda: panel.findChild(LiveLine) is not None)
    line = panel.findChild(LiveLine)
    assert line.isHidden()
    QTest.mouseClick(line.button, LEFT)
    dialog = line.dialog
    assert dialog is not None
    assert dialog.recipe.text() == "optical depth · fit references"
    assert not dialog.start_button.isEnabled()
    QTest.keyClicks(dialog.source, str(tmp_path))
    dialog.energies.setValue(2)
    assert dialog.start_button.isEnabled()
    assert dialog.plan().energies == 2
    QTest.mouseClick(dialog.start_button, LEFT)
    wait(lambda: line.job.running)
    assert line.button.isChecked()
    QTest.mouseClick(line.button, LEFT)
    wait(lambda: not line.job.running)
    assert not line.button.isChecked()


def test_the_dialog_says_what_is_missing(viewer: Any, qtbot: Any, tmp_path: Path) -> None:
    dialog = LiveDialog(viewer)
    qtbot.addWidget(dialog)
    assert "load a recipe" in dialog.words()
    dialog._steps = fit_recipe()
    assert dialog.words() == "choose the scan"
    dialog.source.setText(str(tmp_path / "later"))
    assert "there is no" in dialog.note.text()
    dialog.source.setText(str(tmp_path))
    assert dialog.words() == ""
