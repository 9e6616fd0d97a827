"""Docks that are closed are deleted at once; docks that are moved are not."""

from __future__ import annotations

import gc
from typing import Any

import pytest
from npe2 import PluginManifest
from qtpy.QtCore import QCoreApplication, QEvent, Qt
from qtpy.QtWidgets import QApplication
from tests.test_house import MANIFEST

TITLES = [widget.display_name for widget in PluginManifest.from_file(MANIFEST).contributions.widgets or ()]


def handle_events() -> None:
    for _ in range(3):
        QApplication.processEvents()
        QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)


@pytest.mark.parametrize("title", TITLES)
def test_a_closed_dock_does_not_wait_for_the_garbage_collector(title: str, viewer: Any, add_stack: Any) -> None:
    add_stack()
    dock, widget = viewer.window.add_plugin_dock_widget("napari-xanes", title)
    handle_events()
    gone: list[str] = []
    widget.destroyed.connect(lambda: gone.append(title))
    gc.disable()
    try:
        widget.setParent(None)  # as napari does when it closes a dock
        viewer.window.removeDockWidget(dock)
        dock.deleteLater()
        handle_events()
    finally:
        gc.enable()
    assert gone == [title]


def test_a_dock_that_is_moved_stays(viewer: Any, add_stack: Any) -> None:
    add_stack()
    dock, widget = viewer.window.add_plugin_dock_widget("napari-xanes", "Spectra")
    gone: list[str] = []
    widget.destroyed.connect(lambda: gone.append("Spectra"))
    dock.setFloating(True)
    handle_events()
    dock.setFloating(False)
    viewer.window.addDockWidget(Qt.DockWidgetArea.LeftDockWidgetArea, dock)
    handle_events()
    widget.setParent(None)
    other = viewer.window.add_dock_widget(widget, name="another dock")
    dock.deleteLater()
    handle_events()
    assert not gone
    assert widget.parentWidget() is other
