"""What a window keeps of panels and layers that are gone: ``python -m benchmarks.window_memory``, under ``xvfb-run``.

Panels are opened and closed in napari's own window, and stacks and maps are added and removed. Printed is by how much
the memory of the process grew meanwhile, in MB, after what is made once was made; the limit is 20 MB for each line.
"""

from __future__ import annotations

import argparse
import gc
import sys
from collections.abc import Callable

import numpy as np
import psutil
from benchmarks.window.watch import settings_of_its_own

LIMIT = 20  # MB
_BEFORE = 10
"""Rounds until all that is made once was made."""


def handle_events() -> None:
    """Let Qt do what waits, and delete what it was asked to delete."""
    from qtpy.QtCore import QCoreApplication, QEvent
    from qtpy.QtWidgets import QApplication

    for _ in range(3):
        QApplication.processEvents()
        QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)


def memory() -> float:
    """Return the memory of this process in MB."""
    handle_events()
    gc.collect()
    return float(psutil.Process().memory_info().rss) / 1e6


def growth(act: Callable[[], None], times: int) -> float:
    """Return by how many MB the process grows while something is done many times."""
    for _ in range(_BEFORE):
        act()
    before = memory()
    for _ in range(times):
        act()
    return memory() - before


def main() -> None:
    """Print the growth for each panel, and for layers."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--times", type=int, default=100, help="how often each panel is opened and closed")
    parser.add_argument("--panels", nargs="*", default=("XANES", "Spectra", "Prepare", "Stitch", "Denoise", "Map"))
    arguments = parser.parse_args()
    with settings_of_its_own():
        import napari

        from napari_xanes import MapSet, ParameterMap, sample
        from napari_xanes.gui.layers import stack_to_layer
        from napari_xanes.gui.state.workspace import workspace_of

        viewer = napari.Viewer()
        stack = sample.nmc_ni_k(size=128).stack
        data, keywords, _ = stack_to_layer(stack)
        source = viewer.add_image(data, **keywords)

        def panel(name: str) -> Callable[[], None]:
            def act() -> None:
                _, widget = viewer.window.add_plugin_dock_widget("napari-xanes", name)
                handle_events()
                viewer.window.remove_dock_widget(widget)
                handle_events()

            return act

        def empty() -> None:
            from qtpy.QtWidgets import QWidget

            widget = QWidget()
            viewer.window.add_dock_widget(widget)
            handle_events()
            viewer.window.remove_dock_widget(widget)
            handle_events()

        def stacks() -> None:
            layer = viewer.add_image(data.copy(), **keywords)
            handle_events()
            viewer.layers.remove(layer)

        def maps() -> None:
            values = np.random.default_rng().random(data.shape[1:], np.float32)
            runs = workspace_of(viewer).runs
            run = runs.add(MapSet({"valence": ParameterMap(values, "1", values / 10)}), source)
            handle_events()
            runs.delete(run)

        lines: list[tuple[str, Callable[[], None], int]] = [
            ("an empty dock of napari", empty, arguments.times),
            *((f"{name}, opened and closed", panel(name), arguments.times) for name in arguments.panels),
        ]
        lines += [("stacks, added and removed", stacks, 2 * arguments.times), ("maps", maps, 2 * arguments.times)]
        for title, act, times in lines:
            if title.startswith("stacks"):
                viewer.window.add_plugin_dock_widget("napari-xanes", "XANES")
            sys.stdout.write(f"{title:32} {times:4} times  {growth(act, times):+6.1f} MB (limit {LIMIT})\n")
            sys.stdout.flush()
        viewer.close()


if __name__ == "__main__":
    main()
