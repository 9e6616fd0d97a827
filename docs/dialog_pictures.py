"""Make the pictures of *Live…*, *Run on a folder…* and of the question about working copies, dark and light.

Run it by ``make pictures``, or as ``python docs/dialog_pictures.py`` with a screen. Look at them before you commit.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent / "pictures"
FILES = Path(tempfile.mkdtemp())
os.environ["NAPARI_CONFIG"] = str(FILES / "settings.yaml")  # not the user's own settings
os.environ["NAPARI_XANES_CACHE"] = str(FILES / "cache")

import h5py  # noqa: E402
import napari  # noqa: E402
import numpy as np  # noqa: E402

import napari_xanes as nx  # noqa: E402
from napari_xanes.gui.layers import stack_to_layer  # noqa: E402
from napari_xanes.gui.live.dialog import LiveDialog  # noqa: E402
from napari_xanes.gui.many.window import open_window  # noqa: E402
from napari_xanes.gui.screenshot import settle, wait_until  # noqa: E402
from napari_xanes.history import Source  # noqa: E402
from napari_xanes.sample import nmc_ni_k  # noqa: E402

STEPS = [nx.Step("optical_depth"), nx.Step("difference_map", {"signal": (8345, 8360), "background": (8290, 8330)})]


def save(widget: Any, name: str, theme: str) -> None:
    """Save a picture of a widget as it is now."""
    settle(0.5)
    widget.grab().save(str(HERE / f"{name}-{theme}.png"))


def live(viewer: Any, theme: str) -> None:
    """The dialog *Follow a scan*, filled in."""
    dialog = LiveDialog(viewer)
    dialog._steps = STEPS
    dialog.setStyleSheet(viewer.window._qt_window.styleSheet())
    dialog.source.setText("beamtime/scan12")
    dialog.energies.setValue(62)
    dialog.show()
    save(dialog, "live", theme)
    dialog.close()


def many(viewer: Any, theme: str) -> None:
    """*Run on a folder…* after it has run."""
    window = open_window(viewer, STEPS, Source("beamtime/cells/cell T=25C.h5"))
    window.fields.by.setText(r"T=(\d+)C")
    wait_until(window.run_button.isEnabled)
    shutil.rmtree("beamtime/cells/maps", ignore_errors=True)
    window.start()
    wait_until(lambda: not window.job.running)
    save(window, "many", theme)
    window.close()


def copies(viewer: Any, theme: str) -> None:
    """The XANES dock with a stack whose file is slow by pixels."""
    dock = viewer.window.add_plugin_dock_widget("napari-xanes", "XANES")[1]
    data, keywords, _ = stack_to_layer(nx.read(FILES / "scan.h5", memory_limit=0))
    layer = viewer.add_image(data, **keywords)
    viewer.cursor.position = tuple(layer.data_to_world((20, 256, 256)))
    wait_until(dock.copy_offer.isVisible)
    settle(2)
    save(dock, "working-copy", theme)


def main() -> None:
    """Write the files, and make all pictures."""
    os.chdir(FILES)  # paths in the pictures are short, and the same on each computer
    for name in ("scan12", "cells"):
        Path("beamtime", name).mkdir(parents=True)
    for temperature in (25, 100, 250):
        nx.write(nmc_ni_k(size=64, seed=temperature).stack, Path("beamtime/cells", f"cell T={temperature}C.h5"))
    stack = nmc_ni_k(size=512).stack
    with h5py.File(FILES / "scan.h5", "w") as file:
        options = {"chunks": (1, *stack.shape[1:]), "compression": "gzip", "compression_opts": 1}
        file.create_dataset("exchange/data", data=np.asarray(stack.data), **options)
        file["exchange/data_white"] = stack.metadata["flat"]
        file["exchange/energy"] = stack.energy
    for theme in ("dark", "light"):
        viewer = napari.Viewer()
        viewer.window.resize(1366, 768)
        viewer.theme = theme
        for make in (live, many, copies):
            make(viewer, theme)
        viewer.close()


if __name__ == "__main__":
    main()
