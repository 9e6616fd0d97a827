"""No module of the package is imported by the main thread of a window, apart from those that see to it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from napari_xanes.gui import entrances

_USED = """
import sys, threading

imported = []

class Notes:
    def find_spec(self, name, path=None, target=None):
        if threading.current_thread() is threading.main_thread():
            imported.append(name)

import napari
from qtpy.QtWidgets import QApplication

viewer = napari.Viewer(show=False)
sys.meta_path.insert(0, Notes())

def wait(condition):
    while not condition():
        QApplication.processEvents()

viewer.open(sys.argv[1], plugin="napari-xanes")
wait(lambda: len(viewer.layers))
assert str(viewer.layers[0].units[1]) == "micrometer"
dock = viewer.window.add_plugin_dock_widget("napari-xanes", "XANES")[1]
for name in dock.rail.buttons:
    dock.show_step(name)
    wait(lambda: dock.workspace.step.name == name)
panel = dock.panel("Map").method_panel
panel.start()
wait(lambda: not panel.job.running)
print(*[name for name in imported if name.split(".")[0] in sys.argv[2:]])
viewer.close()
"""


@pytest.mark.window
def test_a_first_use_imports_nothing_in_the_main_thread(tmp_path: Path) -> None:
    sample = "import napari_xanes as nx, sys; nx.write(nx.sample.nmc_ni_k(size=16).stack, sys.argv[1])"
    path, names = tmp_path / "scan.h5", ("napari_xanes", "scipy", "h5py", "pyqtgraph", "sklearn", "torch")
    subprocess.run([sys.executable, "-c", sample, str(path)], check=True, timeout=300)
    window = [sys.executable, "-c", _USED, str(path), *names]
    used = subprocess.run(window, check=True, capture_output=True, text=True, timeout=500)
    light = ("", ".forking", ".gui", ".gui.entrances", ".gui.in_thread", ".gui.loading")
    assert set(used.stdout.splitlines()[-1].split()) == {f"napari_xanes{name}" for name in light}


def test_an_unknown_entrance_is_no_attribute() -> None:
    with pytest.raises(AttributeError, match="has no 'spectra'"):
        _ = entrances.spectra
