"""Docks that do not fit one above the other are tabs, and the window keeps its size."""

from __future__ import annotations

from typing import Any

import pytest


@pytest.mark.window
def test_docks_beside_each_other_do_not_make_the_window_higher(
    viewer: Any, add_stack: Any, wait: Any, settle: Any
) -> None:
    add_stack()
    window = viewer.window._qt_window
    window.resize(1300, 720)
    settle()
    opened = {}
    for name in ("XANES", "Map", "Prepare", "Denoise", "Spectra", "Embedding", "Simulate", "Stitch"):
        opened[name] = viewer.window.add_plugin_dock_widget("napari-xanes", name)[1]
        settle()
        wait(lambda: (window.width(), window.height()) == (1300, 720))
        assert opened[name].isVisible(), "the new one is in front"
    assert len(window.tabifiedDockWidgets(opened["XANES"].parentWidget())) == 7
    opened["XANES"].parentWidget().raise_()
    settle()
    assert opened["XANES"].view.isVisible()
