"""Open, use and close each dock of the manifest in napari's own window. Nothing of it remains."""

from __future__ import annotations

import gc
import threading
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from npe2 import PluginManifest
from qtpy.QtCore import QCoreApplication, QEvent, QThreadPool
from tests.gui.preparing import add_step, apply
from tests.test_house import MANIFEST

from napari_xanes.gui.files.save_entries import offer_our_files
from napari_xanes.gui.state.workspace import workspace_of

pytestmark = pytest.mark.window
TITLES = [widget.display_name for widget in PluginManifest.from_file(MANIFEST).contributions.widgets or ()]


def use_spectra(dock: Any, layer: Any, viewer: Any, wait: Callable[..., None]) -> None:
    viewer.cursor.position = tuple(layer.data_to_world((0, 5, 9)))
    wait(lambda: dock.workspace.cursor.index == (5, 9))
    dock.workspace.pinning.pin()
    dock.look.tabs.regions.brush()
    viewer.layers[-1].paint((5, 5), 1)
    wait(lambda: len(dock.look.tabs.regions.texts()) == 1)


def use_prepare(dock: Any, layer: Any, viewer: Any, wait: Callable[..., None]) -> None:
    add_step(dock, "crop")
    apply(dock, wait)
    assert len(viewer.layers) == 2


def use_stitch(dock: Any, layer: Any, viewer: Any, wait: Callable[..., None]) -> None:
    viewer.layers.selection = {layer}
    dock.stacks.tick([layer])
    dock.start()
    wait(lambda: not dock.job.running)


def use_denoise(dock: Any, layer: Any, viewer: Any, wait: Callable[..., None]) -> None:
    dock.method_panel.form().field("noise").set("tv")
    run(dock, wait)
    wait(lambda: not dock.companions_pending)
    dock.compare.slider.setValue(100)


def use_simulate(dock: Any, layer: Any, viewer: Any, wait: Callable[..., None]) -> None:
    wait(lambda: workspace_of(viewer).references.trial)
    dock.keep.click()


def use_embedding(dock: Any, layer: Any, viewer: Any, wait: Callable[..., None]) -> None:
    dock.method.setCurrentText("PCA")
    dock.library.choose("ni-k")
    dock.start()
    wait(lambda: not dock.job.running)


def run(dock: Any, wait: Callable[..., None]) -> None:
    dock.method_panel.start()
    wait(lambda: not dock.method_panel.job.running)
    assert len(dock.method_panel.stacks.layers()) >= 1


def use_xanes(dock: Any, layer: Any, viewer: Any, wait: Callable[..., None]) -> None:
    for name in dock.rail.buttons:
        dock.show_step(name)
    dock.show_step("Map")
    run(dock.panel("Map"), wait)
    dock.show_step("Explore")


USES: dict[str, Callable[..., None]] = {
    "XANES": use_xanes,
    "Spectra": use_spectra,
    "Prepare": use_prepare,
    "Stitch": use_stitch,
    "Denoise": use_denoise,
    "Map": lambda dock, layer, viewer, wait: run(dock, wait),
    "Explore": lambda dock, layer, viewer, wait: run(dock, wait),
    "Simulate": use_simulate,
    "Embedding": use_embedding,
}


def callbacks_of(viewer: Any) -> Iterator[str]:
    """Return the names of the package's functions that are connected to the viewer's events, mouse and keys."""
    sources = (viewer, viewer.layers, viewer.layers.selection, viewer.dims, viewer.cursor)
    for source in (*sources, *viewer.layers):
        for name, emitter in source.events.emitters.items():
            for callback in emitter.callbacks:
                owner = callback[0]() if isinstance(callback, tuple) else callback
                text = f"{getattr(owner, '__module__', '')}.{getattr(owner, '__qualname__', type(owner).__name__)}"
                if text.startswith("napari_xanes"):
                    yield f"{type(source).__name__}.{name}: {text}"
    for function in (*viewer.mouse_move_callbacks, *viewer.mouse_drag_callbacks, *viewer.keymap.values()):
        if str(getattr(function, "__module__", "")).startswith("napari_xanes"):
            yield f"mouse or key: {function.__qualname__}"


def threads_at_work() -> Iterator[threading.Thread]:
    """Return all threads except those that the pools of Qt and dask keep for later work."""
    for thread in threading.enumerate():
        if not thread.name.startswith(("Dummy-", "ThreadPoolExecutor-")):
            yield thread


def close(viewer: Any, dock: Any) -> None:
    """Close a dock like a click on its close button."""
    viewer.window.remove_dock_widget(dock)
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)


def test_every_dock_of_the_manifest_is_tested() -> None:
    assert set(USES) == set(TITLES)


@pytest.mark.parametrize("title", TITLES)
def test_closing_a_dock_removes_its_callbacks_and_threads(title: str, viewer: Any, add_stack: Any, wait: Any) -> None:
    layer = add_stack()
    workspace_of(viewer)  # shared by all docks, as are the entries of the menu File
    offer_our_files()
    before, threads = sorted(callbacks_of(viewer)), set(threads_at_work())
    dock = viewer.window.add_plugin_dock_widget("napari-xanes", title)[1]
    USES[title](dock, layer, viewer, wait)
    dock_ref = weakref.ref(dock)
    close(viewer, dock)
    for other in [other for other in viewer.layers if other is not layer]:
        viewer.layers.remove(other)
    del dock
    gc.collect()
    assert dock_ref() is None
    assert sorted(callbacks_of(viewer)) == before
    wait(lambda: not (set(threads_at_work()) - threads) and not QThreadPool.globalInstance().activeThreadCount())
