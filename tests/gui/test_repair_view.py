"""What `repair` changed, in the Prepare dock."""

from __future__ import annotations

from typing import Any

import dask.array as da
import numpy as np
import pytest
from qtpy.QtCore import Qt
from tests.gui.preparing import add_step, apply

import napari_xanes as nx
from napari_xanes import SpectralStack
from napari_xanes.gui.layers import stack_of
from napari_xanes.gui.state.workspace import workspace_of


@pytest.fixture
def spoiled(stack: SpectralStack) -> SpectralStack:
    data = stack.data.copy()
    data[20, 10, 11] += 30
    data[5, 10, 11] += 30
    data[20, 18, 7] += 30
    return stack.with_data(data)


@pytest.fixture
def dock(viewer: Any) -> Any:
    return viewer.window.add_plugin_dock_widget("napari-xanes", "Prepare")[1]


def changes() -> np.ndarray:
    expected = np.full((24, 32), np.nan)
    expected[10, 11], expected[18, 7] = 2, 1
    return expected


def test_repair_says_what_it_changed_and_maps_it_on_demand(
    viewer: Any, dock: Any, add_stack: Any, spoiled: SpectralStack, wait: Any
) -> None:
    add_stack(spoiled)
    add_step(dock, "repair")
    apply(dock, wait)
    view, layer = dock.result.repair, viewer.layers[-1]
    assert dock.panel.tabs.tabText(dock.panel.tabs.currentIndex()) == "result"
    assert not view.isHidden()
    assert dock.result.drift.isHidden()
    assert dock.result.empty.isHidden()
    high, low = spoiled.energy[[20, 5]]
    assert "3 values were replaced" in view.report.text()
    assert f"0 in the median, most at {high:g} eV (2), {low:g} eV (1)." in view.report.text()
    assert len(viewer.layers) == 2, "a map is made when it is asked for"
    view.map_button.click()
    wait(lambda: not view.job.running)
    added = viewer.layers[-1]
    np.testing.assert_array_equal(added.data, changes())
    assert added.name == "changed_values (frames) · particle"
    np.testing.assert_allclose(added.scale, layer.scale[1:])
    assert viewer.layers.selection.active is layer
    assert dock.stacks.layer() is layer


def test_changes_of_a_lazy_stack_are_counted_when_asked(
    viewer: Any, dock: Any, add_stack: Any, spoiled: SpectralStack, wait: Any
) -> None:
    lazy = spoiled.with_data(da.from_array(spoiled.data, chunks=(10, 24, 32)))
    add_stack(nx.run([nx.Step("repair")], lazy))
    view = dock.result.repair
    assert "when frames are read" in view.report.text()
    assert "whole file" in view.map_button.toolTip()
    view.map_button.click()
    wait(lambda: not view.job.running)
    np.testing.assert_array_equal(viewer.layers[-1].data, changes())
    assert "most at" in view.report.text()


def test_a_stack_that_was_repaired_and_aligned_shows_both(dock: Any, add_stack: Any, spoiled: SpectralStack) -> None:
    steps = [nx.Step("repair"), nx.Step("align", {"shifts": np.zeros((30, 2)).tolist()})]
    add_stack(nx.run(steps, spoiled))
    assert not dock.result.repair.isHidden()
    assert not dock.result.drift.isHidden()
    add_stack(spoiled)
    assert dock.result.repair.isHidden()
    assert not dock.result.empty.isHidden()


def test_the_edge_jump_of_normalize_edge_becomes_a_run_when_asked_for(
    viewer: Any, dock: Any, add_stack: Any, wait: Any, qtbot: Any
) -> None:
    layer = add_stack()
    add_step(dock, "normalize_edge")
    apply(dock, wait)
    dock.panel.show_tab("result")
    button = dock.result.maps_button
    wait(button.isVisible)
    assert button.text() == "Map of edge jump"
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    (run,) = workspace_of(viewer).runs
    expected = nx.ops.normalize_edge(stack_of(layer)).metadata["edge_jump"]
    np.testing.assert_array_equal(run.maps["edge_jump"].data, expected.data)
    np.testing.assert_array_equal(run.maps["edge_jump"].sigma, expected.sigma)
    assert dock.stacks.layer() is viewer.layers.selection.active
