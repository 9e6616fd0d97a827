"""Panels that are opened and closed, and layers that come and go, leave no objects and no threads behind."""

from __future__ import annotations

import gc
import threading
from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from npe2 import PluginManifest
from qtpy.QtCore import QCoreApplication, QEvent
from qtpy.QtWidgets import QApplication
from tests.test_house import MANIFEST

from napari_xanes import MapSet, ParameterMap
from napari_xanes.gui.layers import stack_to_layer
from napari_xanes.gui.state.workspace import workspace_of
from napari_xanes.gui.xanes.steps import STEPS

TITLES = [widget.display_name for widget in PluginManifest.from_file(MANIFEST).contributions.widgets or ()]
BEFORE, TIMES = 4, 10
"""Rounds until what is made once is there; then as many again in which caches may fill; then rounds looked at."""


OF_QT = (
    "collections.Counter",
    "weakref.ReferenceType",
    "builtins.tuple",
    "builtins.builtin_function_or_method",
    "psygnal._signal.SignalInstance",
    "pyqtgraph.Point.Point",
)
"""Small things that PyQt, magicgui, pyqtgraph and napari keep themselves.

PyQt keeps an empty weak reference for each connection of a sender that outlives its receiver, napari until it emits,
and PyQt the emptied signal of a magicgui widget. pyqtgraph keeps the sizes of pixels that it met.
They are some hundred bytes for each panel. The counters are those of this test.
"""


def handle_events() -> None:
    for _ in range(3):
        QApplication.processEvents()
        QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)


def objects() -> Counter[str]:
    """Return how many objects of each type there are when no thread is at work any more."""
    while any(thread.name.endswith("(_run)") for thread in threading.enumerate()):
        handle_events()
    handle_events()
    gc.collect()
    found = Counter(f"{type(one).__module__}.{type(one).__qualname__}" for one in gc.get_objects())
    return Counter({name: count for name, count in found.items() if name not in OF_QT})


def left_behind(act: Callable[[], None], times: int = TIMES) -> dict[str, int]:
    """Return the types of which there are more objects after many rounds of an action, with their numbers.

    A type that grew only once, in the rounds before or in these, is a cache.
    """
    for _ in range(BEFORE):
        act()
    counts = [objects()]
    for _ in range(2):
        for _ in range(times):
            act()
        counts.append(objects())
    first, second = counts[1] - counts[0], counts[2] - counts[1]
    return {name: more for name, more in second.items() if first[name] > 0}


@pytest.mark.parametrize("title", TITLES)
def test_a_panel_that_is_opened_and_closed_leaves_nothing(title: str, viewer: Any, add_stack: Any) -> None:
    add_stack()
    window = viewer.window

    def open_and_close() -> None:
        dock, widget = window.add_plugin_dock_widget("napari-xanes", title)
        if title == "XANES":
            for name in STEPS:
                widget.show_step(name)
        handle_events()
        del window._plugin_docks[title]
        dock.close()
        window.removeDockWidget(dock)
        dock.deleteLater()
        handle_events()

    threads = threading.active_count()
    assert left_behind(open_and_close) == {}
    assert threading.active_count() <= threads + 1


@pytest.fixture
def all_panels(viewer: Any, add_stack: Any, wait: Any) -> Any:
    """Return a window with all panels of the XANES dock, and a stack in it."""
    dock = viewer.window.add_plugin_dock_widget("napari-xanes", "XANES")[1]
    wait(dock.isVisible)
    add_stack()
    for name in STEPS:
        dock.show_step(name)
    return dock


@pytest.mark.parametrize(("step", "times"), [("Look", 98), ("Prepare", TIMES), ("Map", TIMES)])
def test_stacks_that_come_and_go_leave_nothing(step: str, times: int, all_panels: Any, viewer: Any, stack: Any) -> None:
    all_panels.show_step(step)

    def add_and_remove() -> None:
        data, keywords, _ = stack_to_layer(stack)
        layer = viewer.add_image(data, **keywords)
        handle_events()
        viewer.layers.remove(layer)
        handle_events()

    assert left_behind(add_and_remove, times) == {}


def test_runs_and_regions_that_come_and_go_leave_nothing(all_panels: Any, viewer: Any, rng: Any) -> None:
    all_panels.show_step("Map")
    all_panels.panel("Map").method_panel.show_tab("results")
    runs, (stack_layer,) = workspace_of(viewer).runs, viewer.layers

    def add_and_remove() -> None:
        values = rng.random((24, 32), np.float32)
        run = runs.add(MapSet({"valence": ParameterMap(values, "1", values / 10)}), stack_layer)
        regions = viewer.add_labels(np.eye(24, 32, dtype=np.uint8), scale=(0.05, 0.05))
        handle_events()
        viewer.layers.remove(regions)
        runs.delete(run)
        handle_events()

    assert left_behind(add_and_remove) == {}
