"""The Explore step: run a method, and use what it finds as references and regions."""

from __future__ import annotations

from typing import Any

import numpy as np
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest

from napari_xanes import SpectralStack
from napari_xanes.gui.exploring import ExploreDock
from napari_xanes.gui.layers import stack_to_layer
from napari_xanes.gui.state.workspace import workspace_of

ENERGY = np.linspace(8300.0, 8400.0, 30)


def two_phases() -> SpectralStack:
    spectra = np.stack([1.6 + np.arctan(ENERGY - 8343), 1.6 + np.arctan(ENERGY - 8349)])
    rng = np.random.default_rng(0)
    data = spectra[np.repeat([0, 1], 16)].T[:, :, None] * rng.uniform(0.5, 1.5, (1, 32, 32))
    data = data + 0.02 * rng.standard_normal(data.shape)
    return SpectralStack(data.astype(np.float32), ENERGY, "optical_depth", metadata={"name": "two"})


def test_clusters_become_references_and_regions(viewer: Any, wait: Any) -> None:
    dock = ExploreDock(viewer)
    viewer.window.add_dock_widget(dock)
    assert not dock.found.references_button.isEnabled()
    assert "Nothing is found yet" in dock.found.words.text()
    data, keywords, _ = stack_to_layer(two_phases())
    stack = viewer.add_image(data, **keywords)
    dock.method_panel.choose("cluster")
    dock.method_panel.start()
    wait(lambda: not dock.method_panel.job.running)
    assert "2 clusters, with gaps between them" in dock.found.words.text()
    dock.method_panel.show_tab("found")
    QTest.mouseClick(dock.found.references_button, Qt.MouseButton.LeftButton)
    names = [spectrum.name for spectrum in workspace_of(viewer).references.spectra]
    assert names == ["cluster 1", "cluster 2"]
    QTest.mouseClick(dock.found.regions_button, Qt.MouseButton.LeftButton)
    layer = next(layer for layer in viewer.layers if layer.name.startswith("regions"))
    assert sorted(np.unique(layer.data)) == [1, 2]
    assert layer.data.shape[-2:] == stack.data.shape[1:]
    assert len(set(layer.data[..., :16, :].ravel().tolist())) == 1


def test_steps_of_recipes_stay_with_the_map_step(viewer: Any) -> None:
    dock = ExploreDock(viewer)
    methods = [dock.method_panel.methods.itemData(i) for i in range(dock.method_panel.methods.count())]
    assert methods[:3] == ["components", "cluster", "unmix"]
