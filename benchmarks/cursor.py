"""Measure the time from a move of the mouse to the painted spectrum, in a real window.

Run it on a screen or with ``xvfb-run -a python benchmarks/cursor.py``. It sends Qt's mouse events to the canvas, over a
stack of 150 x 1024 x 1024 float32 in memory. It prints the 50th and 95th percentile of two times: until the plot is
painted (end to end: napari's event handling, our code, painting), and of our code alone.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from time import perf_counter, sleep

os.environ["NAPARI_CONFIG"] = str(Path(tempfile.mkdtemp()) / "settings.yaml")

import napari
import numpy as np
from qtpy.QtCore import QEvent, QPointF, Qt
from qtpy.QtGui import QMouseEvent
from qtpy.QtWidgets import QApplication

import napari_xanes as nx
from napari_xanes.gui.layers import stack_to_layer
from napari_xanes.gui.spectra import SpectraDock

BOXES = (1, 5, 101)
MOVES = 150


def big_stack() -> nx.SpectralStack:
    rng = np.random.default_rng(1)
    energy = np.linspace(8300, 8450, 150)
    edge = (0.5 + np.arctan(energy - 8345) / np.pi).astype(np.float32)
    data = np.empty((150, 1024, 1024), np.float32)
    for frame, value in zip(data, edge, strict=True):
        frame[:] = value
        frame += 0.05 * rng.standard_normal(frame.shape, np.float32)
    references = [nx.Spectrum(f"reference {i}", energy, np.roll(edge, i)) for i in (0, 2)]
    return nx.SpectralStack(data, energy, "optical_depth", 0.02, metadata={"name": "big", "references": references})


def move(canvas, x: float, y: float) -> None:
    place = QPointF(x, y)
    nothing = Qt.MouseButton.NoButton
    everywhere = QPointF(canvas.mapToGlobal(place.toPoint()))
    event = QMouseEvent(QEvent.Type.MouseMove, place, everywhere, nothing, nothing, Qt.KeyboardModifier.NoModifier)
    QApplication.instance().sendEvent(canvas, event)


def measure(dock, canvas, box: int) -> tuple[list[float], list[float]]:
    """Return for each move the seconds end to end, and the seconds in our code."""
    dock.row.box.setValue(box)
    app = QApplication.instance()
    whole, own = [], []
    update = dock.workspace.cursor._update

    def timed() -> None:
        start = perf_counter()
        update()
        own.append(perf_counter() - start)

    dock.workspace.cursor._update = timed
    rng = np.random.default_rng(2)
    for _ in range(MOVES):
        for _ in range(3):
            app.processEvents()
            sleep(0.01)
        before, start = dock.view.plot.paint_count, perf_counter()
        move(canvas, *(rng.uniform(0.3, 0.7, 2) * (canvas.width(), canvas.height())))
        while dock.view.plot.paint_count == before and perf_counter() - start < 1:
            app.processEvents()
        whole.append(perf_counter() - start)
    dock.workspace.cursor._update = update
    return whole, own


def main() -> None:
    viewer = napari.Viewer(show=True, show_welcome_screen=False)
    viewer.window._qt_window.resize(1366, 768)
    data, keywords, _ = stack_to_layer(big_stack())
    layer = viewer.add_image(data, **keywords)
    dock = SpectraDock(viewer)
    viewer.window.add_dock_widget(dock, name="Spectra", area="right")
    for _ in range(100):
        QApplication.instance().processEvents()
        sleep(0.01)
    dock.look.tabs.regions.brush()
    labels = viewer.layers[-1]
    labels.brush_size = 200
    labels.paint((400, 400), 1)
    labels.paint((600, 600), 2)
    viewer.layers.selection.active = layer
    print("150 x 1024 x 1024 float32, 2 regions, 2 references; ms, p50 / p95")
    for box in BOXES:
        times = measure(dock, viewer.window._qt_viewer.canvas.native, box)
        whole, own = (np.percentile(np.array(seconds) * 1e3, (50, 95)) for seconds in times)
        print(f"box {box:3d} px: end to end {whole[0]:.1f} / {whole[1]:.1f}, our share {own[0]:.1f} / {own[1]:.1f}")
    viewer.close()


if __name__ == "__main__":
    main()
