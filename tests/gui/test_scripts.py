"""Scripts that use the window, each a process of its own."""

from __future__ import annotations

import subprocess
import sys

import pytest

_LEFT_OPEN = """
import napari
from qtpy.QtWidgets import QApplication
from napari_xanes import sample
from napari_xanes.gui.layers import stack_to_layer

viewer = napari.Viewer()
data, keywords, _ = stack_to_layer(sample.nmc_ni_k(size=8).stack)
viewer.add_image(data, **keywords)
dock = viewer.window.add_plugin_dock_widget("napari-xanes", "XANES")[1]
for step in ("Prepare", "Clean", "Map", "Theory"):
    dock.show_step(step)
viewer.window.add_plugin_dock_widget("napari-xanes", "Simulate")
for _ in range(10):
    QApplication.processEvents()
print("done")
"""


@pytest.mark.window
def test_a_script_that_leaves_its_window_open_ends_quietly(viewer: object) -> None:
    ended = subprocess.run([sys.executable, "-c", _LEFT_OPEN], capture_output=True, text=True, timeout=500)
    assert ended.returncode == 0
    assert ended.stdout == "done\n"
    assert "Error" not in ended.stderr, ended.stderr
