"""The stack that steps make lies above all other stacks, and below regions."""

from __future__ import annotations

from typing import Any

import numpy as np
from qtpy.QtCore import Qt
from tests.gui.preparing import add_step

from napari_xanes.gui.prepare import PrepareDock
from napari_xanes.gui.running.absorption import show_prepared
from napari_xanes.gui.state.workspace import workspace_of
from napari_xanes.maps import edge_energy
from napari_xanes.ops import smooth


def press_apply(dock: PrepareDock, qtbot: Any, wait: Any) -> None:
    qtbot.mouseClick(dock.panel.apply_button, Qt.MouseButton.LeftButton)
    wait(lambda: not dock.panel.job.running and not dock.panel.recipe.applying)


def test_regions_stay_above_what_was_applied_and_old_maps_are_hidden(
    viewer: Any, stack: Any, add_stack: Any, qtbot: Any, wait: Any
) -> None:
    base = add_stack()
    runs = workspace_of(viewer).runs
    old = runs.layer_of(runs.add(edge_energy(stack), base))
    labels = viewer.add_labels(np.zeros(stack.shape[1:], np.uint8), name="regions")
    viewer.layers.selection.active = base
    dock: PrepareDock = viewer.window.add_plugin_dock_widget("napari-xanes", "Prepare")[1]
    wait(dock.isVisible)
    add_step(dock, "smooth")
    press_apply(dock, qtbot, wait)
    made = viewer.layers.selection.active
    assert list(viewer.layers) == [base, made, old, labels]
    assert [layer.visible for layer in viewer.layers] == [False, True, False, True]
    old.visible = True
    dock.panel.step_form.form().fill({"pixels": 2.0})
    dock.panel.step_form.take()
    press_apply(dock, qtbot, wait)
    assert viewer.layers.selection.active is made
    assert not old.visible, "also where the result takes the place of the one before"


def test_no_other_stack_covers_a_result(viewer: Any, stack: Any, add_stack: Any) -> None:
    base, other = add_stack(), add_stack()
    top = viewer.add_labels(np.zeros(stack.shape[1:], np.uint8))
    made = show_prepared(viewer, base, smooth(stack))
    assert list(viewer.layers) == [base, other, made, top]
    for layer in (base, other, made):
        viewer.layers.remove(layer)
    assert list(viewer.layers) == [top]
    again = show_prepared(viewer, None, smooth(stack))
    assert list(viewer.layers) == [top, again], "without another stack it is on top"
