"""Tab goes through the XANES dock as one reads it."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QApplication

from napari_xanes.gui.tab_order import tab_stops
from napari_xanes.gui.xanes.steps import STEPS


@pytest.mark.window
@pytest.mark.parametrize("step", list(STEPS))
def test_tab_goes_through_the_dock_as_one_reads_it_and_leaves_it(
    viewer: Any, add_stack: Any, wait: Any, qtbot: Any, step: str
) -> None:
    dock = viewer.window.add_plugin_dock_widget("napari-xanes", "XANES")[1]
    add_stack()
    dock.show_step(step)
    wait(dock.panel(step).isVisible)
    viewer.window._qt_window.activateWindow()
    button = dock.rail.buttons[step]
    button.setFocus()
    wait(button.hasFocus)
    stops = tab_stops(dock)
    assert stops[0] is button
    assert sum(dock.panel(step).isAncestorOf(stop) for stop in stops) >= 2
    in_panel = [dock.panel(step).isAncestorOf(stop) for stop in stops]
    assert in_panel == sorted(in_panel), "the panel comes behind the plot"
    for before, after in pairwise(stops):
        qtbot.keyClick(before, Qt.Key.Key_Tab)
        assert QApplication.focusWidget() is after
    qtbot.keyClick(stops[-1], Qt.Key.Key_Tab)
    assert not dock.isAncestorOf(QApplication.focusWidget())
    stops[1].setFocus()
    qtbot.keyClick(stops[1], Qt.Key.Key_Tab, Qt.KeyboardModifier.ShiftModifier)
    assert QApplication.focusWidget() is button
