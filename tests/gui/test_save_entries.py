"""Ctrl+S and the menu of napari save stacks and maps with all that belongs to them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest

import napari_xanes as nx
from napari_xanes import SpectralStack
from napari_xanes.gui import dialogs
from napari_xanes.gui.files.readers import show_energies


@pytest.mark.window
def test_ctrl_s_saves_a_stack_with_its_energies(
    viewer: Any, add_stack: Any, stack: SpectralStack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, qtbot: Any
) -> None:
    show_energies(viewer)
    window = viewer.window._qt_window

    def from_palette(text: str) -> None:
        viewer.window._toggle_command_palette()
        QTest.keyClicks(window._command_palette._line, text)
        QTest.keyClick(window._command_palette._line, Qt.Key.Key_Return)

    monkeypatch.setattr("napari.current_viewer", lambda: viewer)
    target = str(tmp_path / "scan")
    monkeypatch.setattr(dialogs.QFileDialog, "getSaveFileName", lambda *_: (target, ""))
    viewer.layers.selection.active = add_stack()
    window.activateWindow()
    viewer.window.file_menu.aboutToShow.emit()  # napari enables its entries here
    menu = viewer.window.file_menu
    entry = menu.findAction("napari.window.file.save_layers_dialog.selected")
    assert entry.shortcut().toString() == "Ctrl+S"
    qtbot.waitUntil(window.isActiveWindow, timeout=20_000)
    QTest.keyClick(window, Qt.Key.Key_S, Qt.KeyboardModifier.ControlModifier)
    np.testing.assert_array_equal(nx.read(f"{target}.h5").energy, stack.energy)
    viewer.add_image(np.ones((4, 5), np.float32), name="photo")
    target = str(tmp_path / "all.h5")
    menu.findAction("napari.window.file.save_layers_dialog").trigger()
    assert sorted(path.name for path in tmp_path.glob("all*")) == ["all_particle_optical_depth.h5", "all_photo.tif"]
    target = str(tmp_path / "chosen")
    viewer.layers.selection = {viewer.layers[0]}
    from_palette("Save Selected Layers")
    np.testing.assert_array_equal(nx.read(f"{target}.h5").energy, stack.energy)
    viewer.layers.selection = {viewer.layers["photo"]}
    # The photo alone is napari's, and so is its dialog.
    asked: list[Any] = []
    monkeypatch.setattr("napari._qt.qt_viewer.QtViewer._save_layers_dialog", lambda *_, **__: asked.append(1))
    entry.trigger()
    from_palette("Save Selected Layers")
    assert asked == [1, 1]
    assert not list(tmp_path.glob("photo*"))
