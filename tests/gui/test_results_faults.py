"""Faults of the results panel that were found by trying it: each stays mended."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication, QLineEdit

import napari_xanes as nx
from napari_xanes import MapSet, ParameterMap
from napari_xanes.gui import recipe_files
from napari_xanes.gui.results import saving
from napari_xanes.gui.state.runs import RunList
from napari_xanes.gui.turns import turns


@pytest.fixture
def maps(rng: np.random.Generator) -> MapSet:
    low = rng.random((24, 32), np.float32)
    found = {
        "low": ParameterMap(low, "OD", low / 9),
        "high": ParameterMap(1 - low, "OD", low / 9),
        "valence": ParameterMap(low + 2, "1", np.full((24, 32), 0.1)),
    }
    return MapSet(found, (nx.Step("difference_map"),), pixel_size=(0.05, 0.05), metadata={"name": "particle"})


def test_a_run_is_renamed_by_a_double_click(panel: Any, runs: RunList, maps: MapSet, wait: Any) -> None:
    runs.add(maps), runs.add(maps)
    listed, left = panel.run_list.list, Qt.MouseButton.LeftButton
    place = listed.visualItemRect(listed.item(0)).center()
    QTest.mouseClick(listed.viewport(), left, pos=place)
    QTest.mouseDClick(listed.viewport(), left, pos=place)
    (editor,) = listed.findChildren(QLineEdit)
    editor.setText("2  rim")
    QTest.keyClick(editor, Qt.Key.Key_Return)
    wait(lambda: [run.title for run in runs] == ["valence · difference map", "rim"])
    assert listed.item(0).text() == "2  rim"


def test_another_map_beside_a_run_keeps_its_limits_to_itself(
    panel: Any, runs: RunList, maps: MapSet, viewer: Any
) -> None:
    first, second = runs.add(maps), runs.add(maps)
    panel.run_list.list.selectAll()
    panel.run_list.beside.click()
    other, changed = runs.layer_of(first), runs.layer_of(second)
    limits = tuple(other.contrast_limits)
    panel.show_map("low")
    assert changed.name.startswith("low (OD)")
    assert changed.contrast_limits[1] < 1.1 < 2 < limits[0]
    assert tuple(other.contrast_limits) == limits, "it still shows valences"
    panel.role_buttons["mask"].click()
    assert tuple(other.contrast_limits) == limits
    assert other.colormap.name == "viridis"
    kept = runs.as_layer(second)
    panel.run_list.beside.click()
    assert list(viewer.layers) == [other, changed, kept], "the chosen run is not below another"


def test_statistics_beside_a_colour_mix(panel: Any, runs: RunList, maps: MapSet, wait: Any) -> None:
    run = runs.add(maps)
    panel.mix_button.click()
    panel.mix.button.click()
    wait(lambda: runs.mix_of(run) is not None)
    panel.statistics_button.click()
    wait(lambda: panel.statistics.rows == nx.region_statistics(maps, "valence"))
    viewer_layers = runs.layers_of(run)
    assert runs.mix_of(run) is viewer_layers[-1], "the mix, whose data have an axis of colours, is on top"


@pytest.mark.parametrize("value", [8345.0, 2e-8])
def test_a_colour_mix_of_large_or_small_values_is_bright(panel: Any, runs: RunList, value: float, wait: Any) -> None:
    run = runs.add(MapSet({"edge_energy": ParameterMap(np.full((4, 4), value), "eV")}))
    panel.mix_button.click()
    panel.mix.button.click()
    wait(lambda: runs.mix_of(run) is not None)
    np.testing.assert_allclose(runs.mix_of(run).data[..., 0], 1, rtol=2e-3)


def test_a_removed_layer_has_no_colour_bar(panel: Any, runs: RunList, maps: MapSet, viewer: Any) -> None:
    run = runs.add(maps)
    runs.as_layer(run)
    assert panel.colour_bar.isVisible()
    viewer.layers.remove(runs.layer_of(run))
    assert not panel.colour_bar.isVisible()
    panel.role_buttons["value"].click()
    assert panel.colour_bar.isVisible()


def test_a_difference_has_neither_recipe_nor_script(maps: MapSet, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    monkeypatch.setattr(saving, "show_error", told.append)
    monkeypatch.setattr(recipe_files, "copy_text", told.append)
    found = nx.subtract_maps(maps, maps, "valence")
    saving.copy_script(found)
    saving.ask_and_save_recipe(found)  # without a dialog
    assert [text.split(":")[0] for text in told] == ["No steps are known that made valence difference"] * 2


def test_a_colour_mix_goes_with_its_run(
    panel: Any, runs: RunList, maps: MapSet, add_stack: Any, viewer: Any, wait: Any
) -> None:
    source = add_stack()
    first = runs.add(maps, source)
    panel.mix_button.click()
    panel.mix.button.click()
    wait(lambda: runs.mix_of(first) is not None)
    mix = runs.mix_of(first)
    assert mix.visible
    second = runs.add(maps, source)
    assert not mix.visible, "the run before it is hidden"
    runs.delete(first)
    assert list(viewer.layers) == [source, runs.layer_of(second)]


def has_bar(layer: Any) -> bool:
    """Return whether a layer has a colour bar after all that waits: bars come and go in a turn of their own."""
    QApplication.processEvents()
    while turns().waiting:
        QApplication.processEvents()
    return bool(layer.colorbar.visible)


def test_the_colour_bar_of_a_covered_map_is_not_over_the_stack(
    runs: RunList, maps: MapSet, add_stack: Any, viewer: Any
) -> None:
    layer = runs.layer_of(runs.add(maps))
    assert has_bar(layer)
    far = add_stack(translate=(0, 5, 5))
    assert has_bar(layer), "it lies beside the map"
    over = add_stack(blending="translucent")
    assert not has_bar(layer)
    over.visible = False
    assert has_bar(layer)
    over.visible = True
    over.opacity = 0.5
    assert has_bar(layer), "the map is seen through it"
    over.opacity = 1
    over.blending = "additive"
    assert has_bar(layer)
    over.blending = "opaque"
    assert not has_bar(layer)
    viewer.layers.move(viewer.layers.index(layer), len(viewer.layers))
    assert has_bar(layer)
    layer.colorbar.visible = False
    viewer.layers.move(viewer.layers.index(layer), 0)
    viewer.layers.remove(over)
    assert not has_bar(layer), "the user switched it off"
    assert far.visible


def test_runs_side_by_side_have_their_colour_bars(
    panel: Any, runs: RunList, maps: MapSet, add_stack: Any, viewer: Any
) -> None:
    source = add_stack()
    layers = [runs.layer_of(runs.add(maps, source)) for _ in range(2)]
    panel.run_list.list.selectAll()
    panel.run_list.beside.click()
    assert [has_bar(layer) for layer in layers] == [True, True]
    panel.run_list.beside.click()
    layers[0].visible = True
    assert [has_bar(layer) for layer in layers] == [False, True]
