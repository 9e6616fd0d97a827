"""The Stitch dock joins the stacks of several layers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from qtpy.QtCore import Qt
from tests.mosaics import sample

import napari_xanes as nx
from napari_xanes.gui.layers import stack_of, stack_to_layer

SAMPLE = sample(seed=3, frames=5)


def add(viewer: Any, stack: nx.SpectralStack) -> Any:
    data, keywords, _ = stack_to_layer(stack)
    return viewer.add_image(data, **keywords)


@pytest.fixture
def dock(viewer: Any) -> Any:
    return viewer.window.add_plugin_dock_widget("napari-xanes", "Stitch")[1]


def names_of(dock: Any) -> list[str]:
    return [dock.stacks.item(i).text().split(" · ")[0] for i in range(dock.stacks.count())]


def test_ticked_tiles_become_a_new_layer(viewer: Any, dock: Any, wait: Any) -> None:
    assert not dock.run_button.isEnabled()
    layers = [add(viewer, SAMPLE.stack(f"T{k}", place, seed=k)) for k, place in enumerate([(0, 0), (1, 44)])]
    viewer.add_image(np.zeros((8, 8)), name="picture")
    assert names_of(dock) == ["T0", "T1"]
    dock.stacks.item(0).setCheckState(Qt.CheckState.Checked)
    assert not dock.run_button.isEnabled()
    dock.stacks.item(1).setCheckState(Qt.CheckState.Checked)
    assert dock.run_button.isEnabled()
    dock.form.field("grid").set([1, 2, 0.3])
    dock.run_button.click()
    wait(lambda: not dock.job.running)
    joined = stack_of(viewer.layers[-1])
    assert joined.shape == (5, 65, 108)
    assert joined.metadata["stitch"].parameters["grid"] == [1, 2, 0.3]
    assert dock.report.text() == joined.metadata["stitch"].report
    assert names_of(dock)[:2] == ["T0", "T1"]
    assert [layer.name for layer in dock.stacks.layers()] == [layer.name for layer in layers]


def test_layers_that_are_selected_together_are_ticked(viewer: Any, dock: Any) -> None:
    layers = [add(viewer, SAMPLE.stack(name)) for name in "ABC"]
    viewer.layers.selection = {layers[0], layers[2]}
    assert dock.stacks.layers() == [layers[0], layers[2]]
    viewer.layers.remove(layers[0])
    assert dock.stacks.layers() == [layers[2]]
    assert not dock.run_button.isEnabled()


def test_counts_become_optical_depth_first(viewer: Any, dock: Any, wait: Any) -> None:
    depths = [SAMPLE.stack(f"T{k}", place, photons=None) for k, place in enumerate([(0, 0), (1, 44)])]
    counts = [
        nx.SpectralStack(1000 * np.exp(-d.data), d.energy, metadata={"name": d.name, "flat": np.full((64, 64), 1000.0)})
        for d in depths
    ]
    dock.stacks.tick([add(viewer, stack) for stack in counts])
    dock.start()
    wait(lambda: not dock.job.running)
    joined = stack_of(viewer.layers[-1])
    assert joined.quantity == "optical_depth"
    assert [
        step["optical_depth"] is not None for source in joined.metadata["stitch"].sources for step in source["steps"]
    ]


def test_what_can_not_be_joined_is_said(viewer: Any, dock: Any, wait: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    monkeypatch.setattr("napari_xanes.gui.telling.show_error", told.append)
    dock.stacks.tick([add(viewer, SAMPLE.stack(f"T{k}", seed=k)) for k in range(2)])
    dock.form.field("grid").set([2, 3, 0.1])
    dock.start()
    wait(lambda: not dock.job.running)
    assert "needs 6 stacks, there are 2" in told[0]
    dock.form.field("grid").set(None)
    dock.form.field("positions").widget.setText("0, 0; 1")
    dock.start()
    assert "positions" in told[1]
    assert len(viewer.layers) == 2


def test_a_cancelled_job_adds_nothing(viewer: Any, dock: Any, wait: Any) -> None:
    dock.stacks.tick([add(viewer, SAMPLE.stack(f"T{k}", (0, 44 * k), seed=k)) for k in range(2)])
    dock.start()
    dock.job.cancel()
    wait(lambda: not dock.job.running)
    assert len(viewer.layers) == 2
