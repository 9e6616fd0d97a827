"""The results of runs: what is ticked is what is shown; list, comparison, statistics and colour bar."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication

import napari_xanes as nx
from napari_xanes import MapSet, ParameterMap
from napari_xanes.gui.map_layers import Shown
from napari_xanes.gui.results.colour_bar import histogram_of
from napari_xanes.gui.results.words import known_bias
from napari_xanes.gui.state.runs import RunList


@pytest.fixture
def maps(rng: np.random.Generator) -> MapSet:
    low = rng.random((24, 32), np.float32)
    mask = np.ones((24, 32), bool)
    mask[:2] = False
    found = {
        "low": ParameterMap(low, "OD", low / 9, mask),
        "high": ParameterMap(1 - low, "OD", low / 9, mask),
        "valence": ParameterMap(low + 2, "1", np.full((24, 32), 0.1), mask),
        "phase": ParameterMap((low > 0.5).astype(np.uint8) + 1, labels={1: "a", 2: "b"}),
        "chi_square": ParameterMap(low * 4, companion="valence"),
    }
    metadata = {"name": "particle", "warnings": ["3 pixels are odd"]}
    return MapSet(found, (nx.Step("difference_map"),), pixel_size=(0.05, 0.05), metadata=metadata)


def ticked(panel: Any) -> Shown:
    (name,) = [one.property("map") for one in panel.maps_group.buttons() if one.isChecked()]
    (role,) = [role for role, one in panel.role_buttons.items() if one.isChecked()]
    return Shown(name, role)


def test_without_runs_there_is_nothing_to_choose(panel: Any, runs: RunList, maps: MapSet, wait: Any) -> None:
    assert panel.body.isHidden()
    run = runs.add(maps)
    assert not panel.body.isHidden()
    assert panel.warnings.label.text() == "• 3 pixels are odd"
    wait(lambda: "a: " in panel.legend.text())
    runs.delete(run)
    assert panel.body.isHidden()


def test_warnings_and_the_share_of_the_mask_come_before_the_maps(
    panel: Any, runs: RunList, maps: MapSet, wait: Any
) -> None:
    long = [f"warning {i}: " + "the references do not fit " * 4 for i in range(6)]
    runs.add(MapSet(dict(maps), maps.history, pixel_size=maps.pixel_size, metadata={"warnings": long}))
    wait(lambda: panel.share.text() == "704 of 768 pixels have a value (91.7 %), the others are masked")
    button, label = panel.warnings.button, panel.warnings.label
    assert button.text() == "⚠ 6 warnings"
    assert not label.isVisible()
    first = panel.maps_group.buttons()[0]
    assert button.mapTo(panel, button.rect().bottomLeft()).y() < first.mapTo(panel, first.rect().topLeft()).y()
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)
    assert label.isVisible()
    assert label.text().count("•") == 6
    panel.show_map("phase")  # all of its pixels are inside the mask
    assert panel.share.isHidden()


def test_a_legend_lists_the_labels_that_are_there(panel: Any, runs: RunList, wait: Any) -> None:
    labels = np.ones((10, 100), np.uint8)
    labels[0, :4] = 2
    runs.add(MapSet({"phase": ParameterMap(labels, labels={1: "a", 2: "b", 3: "c", 4: "d"})}))
    wait(lambda: "a: 996 px, 99.6 %" in panel.legend.text())
    assert "b: 4 px, 0.4 %" in panel.legend.text()
    assert panel.legend.text().endswith("in no pixel: c, d")


def test_the_tick_is_always_what_is_shown(panel: Any, runs: RunList, maps: MapSet, viewer: Any) -> None:
    run = runs.add(maps)
    radios = {one.property("map"): one for one in panel.maps_group.buttons()}
    assert list(radios) == [*(name for name in maps if name != "chi_square"), "chi_square"]

    def clicked(button: Any) -> Shown:
        button.click()
        shown = ticked(panel)
        (layer,) = [one for one in viewer.layers if one.visible]
        xanes = layer.metadata["xanes"]
        assert shown == run.shown == (xanes["map"], xanes["role"])
        return shown

    assert clicked(panel.role_buttons["sigma"]) == ("valence", "sigma")
    assert clicked(radios["low"]) == ("low", "sigma"), "the error of the other map"
    assert clicked(radios["chi_square"]) == ("chi_square", "value"), "it has no error"
    assert not panel.role_buttons["sigma"].isEnabled()
    assert clicked(radios["phase"]) == ("phase", "value")
    assert clicked(panel.role_buttons["mask"]) == ("phase", "mask")
    runs.show(run, Shown("high", "sigma"))
    assert ticked(panel) == ("high", "sigma")
    viewer.layers.remove(runs.layer_of(run))
    assert ticked(panel) == run.shown


def test_a_hidden_panel_is_up_to_date_when_it_comes_back(panel: Any, runs: RunList, maps: MapSet, wait: Any) -> None:
    run = runs.add(maps)
    panel.hide()
    runs.show(run, Shown("low", "mask"))
    panel.show()
    wait(panel.isVisible)
    assert ticked(panel) == ("low", "mask")


def test_layers_are_added_on_request(panel: Any, runs: RunList, maps: MapSet, viewer: Any) -> None:
    runs.add(maps)
    panel.role_buttons["sigma"].click()
    panel.as_layer.click()
    assert [layer.name for layer in viewer.layers] == ["valence ± σ · particle [1]", "valence ± σ · particle"]
    panel.all_as_layers.click()
    kinds = [(one.metadata["xanes"]["map"], one.metadata["xanes"]["role"]) for one in viewer.layers]
    assert set(kinds) == {(name, "value") for name in maps} | {(n, "sigma") for n in ("low", "high", "valence")}


def test_runs_are_chosen_renamed_and_deleted(panel: Any, runs: RunList, maps: MapSet, viewer: Any, qtbot: Any) -> None:
    first, second = runs.add(maps), runs.add(maps)
    listed = panel.run_list.list
    texts = [listed.item(row).text() for row in range(2)]
    assert texts == ["2  valence · difference map", "1  valence · difference map"]
    assert panel.run_list.selected() == [second]
    QTest.mouseClick(listed.viewport(), Qt.MouseButton.LeftButton, pos=listed.visualItemRect(listed.item(1)).center())
    assert runs.chosen is first
    assert viewer.layers.selection.active is runs.layer_of(first)
    listed.item(1).setText("1  rim")
    assert first.title == "rim"
    listed.item(0).setText("core")
    assert second.title == "core"
    QTest.keyClick(listed, Qt.Key.Key_Delete)
    assert list(runs) == [second]
    assert panel.run_list.selected() == [second]
    assert list(viewer.layers) == [runs.layer_of(second)]


def test_two_runs_side_by_side_and_back(panel: Any, runs: RunList, maps: MapSet, viewer: Any, add_stack: Any) -> None:
    stack = add_stack()
    first, second = runs.add(maps), runs.add(maps)
    layers = [runs.layer_of(run) for run in (second, first)]
    layers[0].contrast_limits = (2.0, 2.5)
    assert not panel.run_list.beside.isEnabled()
    panel.run_list.list.selectAll()
    panel.run_list.beside.click()
    assert panel.run_list.beside.text() == f"{second.number} left, {first.number} right"
    grid = viewer.canvas.grid
    assert (grid.enabled, grid.actual_shape(viewer.layers)) == (True, (1, 2))
    assert [one.visible for one in (stack, *layers)] == [False, True, True]
    assert [grid.position(viewer.layers.index(one), viewer.layers) for one in layers] == [(0, 0), (0, 1)]
    assert tuple(layers[0].contrast_limits) == tuple(layers[1].contrast_limits)
    layers[1].contrast_limits = (2.1, 2.2)
    assert tuple(layers[0].contrast_limits) == (2.1, 2.2), "both follow the limits of one"
    panel.run_list.beside.click()
    assert panel.run_list.beside.text() == "side by side"
    assert not grid.enabled
    assert all(one.visible for one in (stack, *layers))
    layers[1].contrast_limits = (2.0, 2.9)
    assert tuple(layers[0].contrast_limits) == (2.1, 2.2)


def test_the_difference_of_two_runs_is_a_run(
    panel: Any, runs: RunList, maps: MapSet, viewer: Any, errors: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("napari_xanes.gui.telling.show_error", errors.append)
    runs.add(maps)
    shifted = {**maps, "valence": ParameterMap(maps["valence"].data + 0.5, "1", np.full((24, 32), 0.2))}
    runs.add(MapSet(shifted, pixel_size=(0.05, 0.05), metadata={"name": "particle"}))
    panel.run_list.list.selectAll()
    panel.run_list.difference.click()
    *_, found = runs
    assert found.title == "valence difference: 2 - 1"
    np.testing.assert_allclose(runs.layer_of(found).data[2:], 0.5, rtol=1e-5)
    np.testing.assert_allclose(found.maps["valence difference"].sigma, np.hypot(0.1, 0.2), rtol=1e-6)
    runs.add(MapSet({"other": ParameterMap(np.ones((24, 32)))}))
    panel.run_list.list.clearSelection()
    for row in (0, 1):
        panel.run_list.list.item(row).setSelected(True)
    panel.run_list.difference.click()
    assert "has no map 'other': it has valence difference" in errors[-1]


def test_white_is_zero_in_a_difference_until_its_limits_are_dragged(panel: Any, runs: RunList, maps: MapSet) -> None:
    runs.add(maps)
    half = {**maps, "valence": ParameterMap(3 * maps["valence"].data - 4.2, "1", np.full((24, 32), 0.2))}
    runs.add(MapSet(half, pixel_size=(0.05, 0.05), metadata={"name": "particle"}))
    rows = panel.run_list.list
    for row, key in ((0, Qt.KeyboardModifier.NoModifier), (1, Qt.KeyboardModifier.ControlModifier)):
        place = rows.visualItemRect(rows.item(row)).center()
        QTest.mouseClick(rows.viewport(), Qt.MouseButton.LeftButton, key, place)
    QTest.mouseClick(panel.run_list.difference, Qt.MouseButton.LeftButton)
    *_, found = runs
    layer, axis = runs.layer_of(found), panel.colour_bar.item.getAxis("bottom")
    low, high = layer.contrast_limits
    assert (low, layer.colormap.name) == (-high, "PiYG")
    assert high == pytest.approx(max(abs(np.nanpercentile(layer.data, (1, 99)))), rel=1e-5)
    assert axis.labelText == "valence difference, white at 0"
    label = axis.label.mapRectToParent(axis.label.boundingRect())
    assert label.center().x() == pytest.approx(axis.size().width() / 2, abs=3), "all of the label is seen"
    panel.colour_bar.limits.setRegion((0.0, 0.5))
    assert axis.labelText == "valence difference, white at 0.25"
    layer.colormap = "viridis"
    assert axis.labelText == "valence difference"
    panel.role_buttons["sigma"].click()
    assert layer.colormap.name == "magma"
    assert layer.contrast_limits[0] == pytest.approx(np.hypot(0.1, 0.2), rel=1e-5)


def test_statistics_of_the_whole_and_of_regions(
    panel: Any, runs: RunList, maps: MapSet, viewer: Any, wait: Any, tmp_path: Path
) -> None:
    runs.add(maps)
    labels = np.zeros((24, 32), np.uint8)
    labels[5:9, 3:20], labels[12:20, 4:8] = 1, 7
    place = {"scale": (0.05, 0.05), "units": ("um", "um")}
    viewer.add_labels(labels, name="grains", **place)
    corners = np.array([[1.5, 2.5], [1.5, 8.5], [4.5, 8.5], [4.5, 2.5]])
    viewer.add_shapes([corners], shape_type="polygon", name="drawn", **place)
    table = panel.statistics.table
    assert table.rowCount() == 0, "nothing is computed before it is asked for"
    panel.statistics_button.click()
    wait(lambda: table.rowCount() == 4)
    box = np.zeros((24, 32), bool)
    box[2:5, 3:9] = True
    masks = {"region 1": labels == 1, "region 7": labels == 7, "shape 1": box}
    assert panel.statistics.rows == nx.region_statistics(maps, "valence", masks)
    row = panel.statistics.rows[2]
    texts = [table.item(2, column).text() for column in range(5)]
    assert texts[0] == "region 7"
    assert texts[1].startswith(f"{row.mean:.3f}"[:4])
    assert "±" in texts[1]
    assert texts[3:] == [f"{32 * 0.05**2:.4g} µm²", "32"]
    panel.statistics.copy_button.click()
    assert QApplication.clipboard().text().splitlines()[1].startswith("all pixels\t704\t")
    panel.statistics.save(str(tmp_path / "table.csv"))
    lines = (tmp_path / "table.csv").read_text(encoding="utf-8-sig").splitlines()
    assert lines[:3] == [
        "# map: valence",
        "# run 1: valence · difference map (difference map)",
        "# stack: particle",
    ]
    assert len(lines) == 8
    panel.show_map("low")
    wait(lambda: panel.statistics.rows == nx.region_statistics(maps, "low", masks))
    panel.show_map("phase")
    assert "labels have no mean" in panel.statistics.note.text()
    assert table.rowCount() == 0


def test_the_colour_bar_has_title_and_unit_and_sets_limits(panel: Any, runs: RunList, maps: MapSet) -> None:
    run = runs.add(maps)
    bar, layer = panel.colour_bar, runs.layer_of(run)
    assert bar.item.getAxis("bottom").labelText == "valence"
    assert bar.limits.getRegion() == pytest.approx(tuple(layer.contrast_limits))
    bar.limits.setRegion((2.2, 2.6))
    assert tuple(layer.contrast_limits) == pytest.approx((2.2, 2.6))
    layer.contrast_limits = (2.3, 2.4)
    assert bar.limits.getRegion() == pytest.approx((2.3, 2.4))
    panel.show_map("low")
    panel.role_buttons["sigma"].click()
    assert bar.item.getAxis("bottom").labelText == "low ± σ (OD)"
    assert bar.limits.getRegion() == pytest.approx(tuple(layer.contrast_limits))
    panel.show_map("phase")
    assert bar.isHidden(), "labels have a legend"
    panel.show_map("valence")
    assert bar.limits.getRegion() == pytest.approx((2.3, 2.4))


def test_the_histogram_counts_a_subsample_of_large_maps(rng: np.random.Generator) -> None:
    values = rng.normal(2, 1, (1000, 1000)).astype(np.float32)
    values[:, :500] = np.nan
    counts, edges = histogram_of(values)
    assert 5e4 < counts.sum() < 2e5
    middles = (edges[1:] + edges[:-1]) / 2
    assert np.average(middles, weights=counts) == pytest.approx(2, abs=0.02)
    for odd in (np.full((2, 2), np.nan), np.full((2, 2), 3.0)):
        counts, edges = histogram_of(odd)
        assert counts.size == edges.size - 1
        assert edges[-1] > edges[0]


def test_known_biases_stand_beside_the_number() -> None:
    def made(method: str, name: str, value: float, unit: str) -> MapSet:
        return MapSet({name: ParameterMap(np.full((2, 2), value), unit)}, (nx.Step(method),))

    assert "Known bias: compounds" in known_bias(made("edge_energy", "valence", 2.5, "1"), "valence")
    assert "at an L edge" in known_bias(made("edge_energy", "edge_energy", 708.0, "eV"), "edge_energy")
    assert "outside the library" in known_bias(made("match_library", "valence", 2.5, "1"), "valence")
    assert known_bias(made("edge_energy", "edge_energy", 7112.0, "eV"), "edge_energy") == ""
    assert known_bias(made("edge_energy", "edge_energy", np.nan, "eV"), "edge_energy") == ""
    assert known_bias(made("fit_references", "valence", 2.5, "1"), "valence") == ""
    assert known_bias(MapSet({"v": ParameterMap(np.ones((2, 2)))}), "v") == ""
