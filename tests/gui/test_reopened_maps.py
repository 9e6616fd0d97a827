"""Maps that are saved and opened again bring everything back: values, errors, panel, legend, colour bar, recipe."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import napari_xanes as nx
from napari_xanes import SpectralStack, Step
from napari_xanes.gui.map_layers import Shown
from napari_xanes.gui.xanes.dock import XanesDock


@pytest.mark.window
@pytest.mark.parametrize("suffix", [".h5", ".tif"])
def test_maps_of_each_format_come_back_as_a_run(
    viewer: Any, stack: SpectralStack, add_stack: Any, wait: Any, tmp_path: Path, suffix: str
) -> None:
    dock: XanesDock = viewer.window.add_plugin_dock_widget("napari-xanes", "XANES")[1]
    dock.show_step("Map")
    results = dock.panel("Map").results
    low, high = stack.metadata["references"]
    maps = nx.run([Step("fit_references", {"references": [low, replace(high, valence=4)]})], stack)
    dock.panel("Map").method_panel.show_tab("results")
    first = dock.workspace.runs.add(maps, add_stack())
    shown, bar = dock.workspace.runs.layer_of(first), results.colour_bar.item.getAxis("bottom")
    wait(lambda: bar.labelText == "valence" and shown.colorbar.visible)
    limits, colours = shown.contrast_limits, shown.colormap.name
    path = tmp_path / f"maps{suffix}"
    shown.save(str(path), plugin="napari-xanes")
    viewer.layers.clear()
    wait(lambda: len(dock.workspace.runs) == 0)
    (layer,) = viewer.open(str(path), plugin="napari-xanes")
    (run,) = dock.workspace.runs
    assert dock.workspace.runs.chosen is run
    assert list(run.maps) == list(maps)
    for name, one in maps.items():
        np.testing.assert_allclose(run.maps[name].valid(), one.valid(), rtol=1e-6, err_msg=name)
        np.testing.assert_array_equal(run.maps[name].mask, one.mask, err_msg=name)
        assert (run.maps[name].unit, run.maps[name].labels) == (one.unit, one.labels)
        if one.sigma is not None:
            np.testing.assert_allclose(run.maps[name].sigma, one.sigma, rtol=1e-6, err_msg=name)
    assert layer.name == shown.name
    assert (layer.colormap.name, layer.contrast_limits) == (colours, pytest.approx(limits))
    wait(lambda: bar.labelText == "valence" and layer.colorbar.visible)
    assert results.maps is run.maps
    again = nx.run(list(run.maps.history), stack)
    np.testing.assert_allclose(again["valence"].valid(), maps["valence"].valid(), rtol=1e-6)
    dock.workspace.runs.show(run, Shown("dominant"))
    wait(lambda: "low" in results.legend.text())
