"""What napari does in its own window, to compare with: layers, docks and moves without any plugin."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from benchmarks.window.watch import wait

FRAMES = 62


def actions(viewer: Any, folder: Path, size: int) -> Iterator[tuple[str, Callable[[], None]]]:
    """Yield what napari does when it shows as much as the plugin, each with its name."""
    rng = np.random.default_rng(1)
    stack = rng.random((FRAMES, size, size), np.float32)
    space = {"scale": (1.0, 0.04, 0.04), "units": ("pixel", "um", "um"), "axis_labels": ("energy", "y", "x")}

    def stack_layer(name: str) -> None:
        viewer.add_image(stack, name=name, contrast_limits=(0.0, 1.0), **space)

    def dock() -> None:
        from qtpy.QtWidgets import QLabel, QVBoxLayout, QWidget

        widget = QWidget()
        QVBoxLayout(widget).addWidget(QLabel("a dock"))
        viewer.window.add_dock_widget(widget, name=f"dock {len(viewer.window._wrapped_dock_widgets)}")

    def map_layer() -> None:
        keywords = {"contrast_limits": (0.0, 1.0), "colormap": "viridis", "scale": (0.04, 0.04), "units": ("um", "um")}
        layer = viewer.add_image(stack[0] * 2, name="map", **keywords)
        layer.colorbar.visible = True

    yield "stack", lambda: stack_layer("stack")
    yield "dock", dock
    yield "cursor", lambda: move_cursor(viewer)
    yield "energies", lambda: step_energies(viewer)
    yield "map", map_layer
    yield "second stack", lambda: stack_layer("second stack")
    yield "save", lambda: viewer.layers.save(str(folder / "map.tif"), selected=True) and None
    yield "remove", lambda: viewer.layers.remove(viewer.layers["second stack"])


def move_cursor(viewer: Any) -> None:
    """Move the cursor over the first layer."""
    height, width = viewer.layers[0].data.shape[1:]
    scale = viewer.layers[0].scale[1:]
    for i in range(60):
        viewer.cursor.position = (0, height * scale[0] * i / 60, width * scale[1] * i / 60)
        wait(lambda: True)


def step_energies(viewer: Any) -> None:
    """Step through the frames of the first layer."""
    for i in range(0, 60, 3):
        viewer.dims.set_point(0, i)
        wait(lambda: True)
