"""The step that a stack needs next is offered, with its reason."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from qtpy.QtCore import QPoint
from qtpy.QtWidgets import QApplication

import napari_xanes as nx
from napari_xanes.gui.layers import stack_of, stack_to_layer
from napari_xanes.gui.prepare.dock import PrepareDock


def add(viewer: Any, stack: nx.SpectralStack) -> Any:
    data, keywords, _kind = stack_to_layer(stack)
    layer = viewer.add_image(data, **keywords)
    viewer.layers.selection.active = layer
    return layer


@pytest.fixture
def dock(viewer: Any) -> PrepareDock:
    dock = PrepareDock(viewer)
    viewer.window.add_dock_widget(dock)
    dock.show()
    return dock


def names(dock: PrepareDock) -> list[str]:
    return [entry.step.name for entry in dock.panel.recipe.draft]


def test_counts_lead_to_optical_depth_and_a_drift_to_align(viewer: Any, dock: PrepareDock, wait: Any) -> None:
    counts, shown = nx.sample.nmc_ni_k(size=48).stack, dock.panel.next_step.text
    add(viewer, counts)
    wait(lambda: "Next: optical depth (counts, maps need absorption)" in shown())
    dock.panel.next_step.add_button.click()
    assert names(dock) == ["optical_depth"]
    assert shown() == "", "first this one is applied"
    depth = nx.ops.optical_depth(counts)
    shifts = np.stack([np.linspace(-1.5, 1.5, depth.energy.size), np.zeros(depth.energy.size)], axis=1)
    drifted = nx.ops.crop(nx.ops.align(depth, shifts=shifts), region=(3, 45, 3, 45))
    add(viewer, replace(drifted, history=()))
    wait(lambda: "Next: align (drift of " in shown())


def test_one_press_applies_what_is_suggested_and_looks_for_what_is_next(
    viewer: Any, dock: PrepareDock, wait: Any
) -> None:
    layer, panel = add(viewer, nx.sample.nmc_ni_k(size=48).stack), dock.panel
    wait(lambda: panel.apply_button.text() == "Apply optical depth")
    panel.apply_button.click()
    wait(lambda: not panel.job.running)
    made = viewer.layers.selection.active
    assert made is not layer
    assert stack_of(made).quantity == "optical_depth"
    assert not layer.visible
    wait(lambda: panel.apply_button.text() == "Apply normalize edge")


def test_what_is_told_late_moves_no_button(viewer: Any, dock: PrepareDock, wait: Any) -> None:
    panel = dock.panel
    dock.resize(340, 500)
    tools = (panel.menu, panel.tabs, panel.preview_row.box, panel.apply_button)

    def places() -> list[Any]:
        QApplication.processEvents()
        return [tool.mapTo(dock, QPoint(0, 0)) for tool in tools]

    before = places()
    add(viewer, nx.sample.nmc_ni_k(size=48).stack)
    wait(panel.next_step.text)
    assert places() == before
    assert panel.next_step.add_button.isVisible()


def test_without_a_stack_nothing_is_suggested(viewer: Any, dock: PrepareDock, wait: Any) -> None:
    layer = add(viewer, nx.sample.nmc_ni_k(size=24).stack)
    wait(lambda: dock.panel.next_step.text())
    viewer.layers.remove(layer)
    wait(lambda: dock.panel.next_step.text() == "")
    assert not dock.panel.apply_button.isEnabled()


def test_a_hidden_dock_looks_at_nothing(viewer: Any, wait: Any) -> None:
    dock = PrepareDock(viewer)
    add(viewer, nx.sample.nmc_ni_k(size=24).stack)
    assert dock.panel.next_step._layer() is None
