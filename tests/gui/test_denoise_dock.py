"""The Denoise dock in a real window."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import napari_xanes as nx
from napari_xanes.gui.denoise_dock import DenoiseDock
from napari_xanes.gui.layers import stack_of
from napari_xanes.sample import nmc_ni_k


@pytest.fixture
def dock(viewer: Any) -> DenoiseDock:
    return viewer.window.add_plugin_dock_widget("napari-xanes", "Denoise")[1]


@pytest.fixture
def layer(dock: DenoiseDock, add_stack: Any) -> Any:
    return add_stack(nx.ops.optical_depth(nmc_ni_k(size=48, photons=800).stack))


def run(dock: DenoiseDock, wait: Any) -> None:
    dock.runner.form().field("noise").set("tv")
    dock.runner.start()
    wait(lambda: not dock.runner.job.running)


def test_empty_state_says_what_to_do(dock: DenoiseDock) -> None:
    assert "Drop a stack here" in dock.runner._note.text()
    assert not dock.preview_button.isEnabled()


def test_a_run_gives_the_cleaned_stack_and_its_companions(
    viewer: Any, dock: DenoiseDock, layer: Any, wait: Any
) -> None:
    run(dock, wait)
    result = viewer.layers.selection.active
    assert result.name == "denoised · NMC particle, Ni K-edge"
    expected = nx.run(stack_of(result).history[-1:], stack_of(layer))
    np.testing.assert_allclose(result.data, expected.data, atol=1e-5)
    hidden = [one.name for one in viewer.layers if not one.visible]
    assert "removed background · NMC particle, Ni K-edge" in hidden
    assert any(name.startswith("edge_jump (OD) ·") for name in hidden)
    assert "guided total variation" in dock.report.text()
    assert dock.runner.stacks.layer() is result


def test_before_and_after(viewer: Any, dock: DenoiseDock, layer: Any, wait: Any) -> None:
    run(dock, wait)
    result = viewer.layers.selection.active
    dock.compare.switch.setChecked(False)
    assert not result.visible
    assert layer.visible
    dock.compare.switch.setChecked(True)
    assert result.visible
    viewer.cursor.position = (3, 24 * 0.04, 20 * 0.04)
    wait(lambda: dock.compare._curves["after"].yData is not None)
    np.testing.assert_allclose(dock.compare._curves["after"].yData, result.data[:, 24, 20])
    np.testing.assert_allclose(dock.compare._curves["before"].yData, layer.data[:, 24, 20])
    assert (dock.compare._edges[1].yData > dock.compare._edges[0].yData).all()


def test_a_preview_lies_over_the_image_and_goes(viewer: Any, dock: DenoiseDock, layer: Any, wait: Any) -> None:
    dock.runner.form().field("noise").set("tv")
    for _ in range(2):
        dock.preview()
        wait(lambda: not dock.preview_job.running)
        assert [one.name for one in viewer.layers].count("denoised preview") == 1
    assert viewer.layers.selection.active is layer
    run(dock, wait)
    assert "denoised preview" not in viewer.layers


def test_cancelling_leaves_nothing_behind(viewer: Any, dock: DenoiseDock, layer: Any, wait: Any) -> None:
    dock.runner.start()
    dock.runner.job.cancel()
    wait(lambda: not dock.runner.job.running)
    assert list(viewer.layers) == [layer]


def test_a_failure_is_a_notification(
    viewer: Any, dock: DenoiseDock, add_stack: Any, wait: Any, errors: list[str]
) -> None:
    stack = nx.ops.optical_depth(nmc_ni_k(size=24).stack)
    add_stack(stack.with_data(stack.data[:5], energy=stack.energy[:5], metadata={"noise": None}))
    run(dock, wait)
    assert "at least 8 energies" in errors[0]
    assert len(viewer.layers) == 1
