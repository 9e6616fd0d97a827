"""Make a picture of each step of the XANES dock, dark and light, on a small and on a large screen: ``make looks``.

They are there to be looked at before a release, not for the docs: is anything cut off, does anything overlap, has every
number its unit and error? The screen must be as large as the largest window, for example
``xvfb-run -a -s "-screen 0 1920x1080x24" make looks``.
"""

from __future__ import annotations

import argparse
import itertools
import os
import tempfile
from pathlib import Path
from typing import Any

os.environ["NAPARI_CONFIG"] = str(Path(tempfile.mkdtemp()) / "settings.yaml")  # not the user's own settings

import numpy as np

from napari_xanes.gui.layers import stack_to_layer
from napari_xanes.gui.places import place_at
from napari_xanes.gui.screenshot import settle, wait_until
from napari_xanes.gui.state.workspace import workspace_of
from napari_xanes.sample import nmc_ni_k

SIZES = ((1366, 768), (1920, 1080))
THEMES = ("dark", "light")


def look(viewer: Any, layer: Any, dock: Any) -> None:
    """Brush a region, and pin two pixels."""
    labels = np.zeros(layer.data.shape[1:], np.uint8)
    labels[70:90, 60:80] = 1
    viewer.add_labels(labels, name="regions", scale=layer.scale[1:], units=layer.units[1:], opacity=0.5)
    viewer.layers.selection.active = layer
    for pixel in ((60, 40), (90, 110)):
        workspace_of(viewer).pins.add(place_at(layer, pixel))


def prepare(viewer: Any, layer: Any, dock: Any) -> None:
    """Add steps, and see their preview."""
    panel = dock.panel("Prepare").widget(0).panel
    for name in ("optical_depth", "align", "normalize_edge"):
        panel.add_step(name)
    wait_until(lambda: panel.preview.curves is not None and panel.preview.curves.edge is not None)


def run(name: str, viewer: Any, dock: Any) -> None:
    """Start the method that a panel proposes, and wait for its result."""
    panel = dock.panel(name).method_panel
    panel.start()
    wait_until(lambda: not panel.job.running, seconds=300.0)


def explore(viewer: Any, layer: Any, dock: Any) -> None:
    """Find clusters, and show what was found."""
    dock.panel("Explore").method_panel.choose("cluster")
    run("Explore", viewer, dock)
    dock.panel("Explore").method_panel.show_tab("found")


def theory(viewer: Any, layer: Any, dock: Any) -> None:
    """Show the second page, the simulated spectrum."""
    dock.panel("Theory").setCurrentIndex(1)


ACTIONS = {
    "Look": look,
    "Prepare": prepare,
    "Clean": lambda viewer, layer, dock: run("Clean", viewer, dock),
    "Map": lambda viewer, layer, dock: run("Map", viewer, dock),
    "Explore": explore,
    "Theory": theory,
}


def main() -> None:
    """Run the command line."""
    import napari

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    stack = nmc_ni_k(size=160).stack
    for (width, height), theme, step in itertools.product(SIZES, THEMES, ACTIONS):
        viewer = napari.Viewer()
        viewer.window.resize(width, height)
        viewer.theme = theme
        data, keywords, _kind = stack_to_layer(stack)
        layer = viewer.add_image(data, **keywords)
        dock = viewer.window.add_plugin_dock_widget("napari-xanes", "XANES")[1]
        dock.show_step(step)
        ACTIONS[step](viewer, layer, dock)
        viewer.cursor.position = (30, 2.4, 3.9)
        settle(6.0)  # until the notifications are gone
        viewer.screenshot(str(folder / f"{step.lower()}-{theme}-{width}.png"), canvas_only=False, flash=False)
        viewer.close()


if __name__ == "__main__":
    main()
