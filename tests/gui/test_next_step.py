"""The step that a stack needs next is chosen, with its reason, until the user chooses."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import napari_xanes as nx
from napari_xanes.gui.layers import stack_to_layer
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


def shown(dock: PrepareDock) -> str:
    return "" if dock.next_step.isHidden() else dock.next_step.text()


def test_counts_lead_to_optical_depth_and_a_drift_to_align(viewer: Any, dock: PrepareDock, wait: Any) -> None:
    counts = nx.sample.nmc_ni_k(size=48).stack
    add(viewer, counts)
    wait(lambda: "optical depth" in shown(dock))
    assert dock.method_panel.methods.currentData() == "optical_depth"
    depth = nx.ops.optical_depth(counts)
    shifts = np.stack([np.linspace(-1.5, 1.5, depth.energy.size), np.zeros(depth.energy.size)], axis=1)
    drifted = nx.ops.crop(nx.ops.align(depth, shifts=shifts), region=(3, 45, 3, 45))
    add(viewer, replace(drifted, history=depth.history))
    wait(lambda: "align" in shown(dock))
    assert dock.method_panel.methods.currentData() == "align"
    assert "Frames drift by " in shown(dock)


def test_a_step_of_the_user_stays(viewer: Any, dock: PrepareDock, wait: Any) -> None:
    methods = dock.method_panel.methods
    layer = add(viewer, nx.sample.nmc_ni_k(size=24).stack)
    methods.setCurrentIndex(methods.findData("crop"))
    methods.activated.emit(methods.currentIndex())
    wait(lambda: "optical depth" in shown(dock))
    assert methods.currentData() == "crop"
    viewer.layers.remove(layer)
    wait(lambda: shown(dock) == "")


def test_a_hidden_dock_looks_at_nothing(viewer: Any, wait: Any) -> None:
    dock = PrepareDock(viewer)
    add(viewer, nx.sample.nmc_ni_k(size=24).stack)
    assert dock.next_step._layer() is None
