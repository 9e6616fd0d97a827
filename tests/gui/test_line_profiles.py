"""Lines that a user draws, and the profiles of maps and frames along them in the plot."""

from __future__ import annotations

import csv
import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.gui.user import User

import napari_xanes as nx
from napari_xanes import MapSet, ParameterMap
from napari_xanes.gui.map_layers import Shown
from napari_xanes.gui.spectra.curve_geometry import outline
from napari_xanes.gui.spectra.dock import SpectraDock

LINE = np.array([[4.0, 3.0], [4.0, 28.0]])


@pytest.fixture
def dock(viewer: Any) -> SpectraDock:
    opened: SpectraDock = viewer.window.add_plugin_dock_widget("napari-xanes", "Spectra")[1]
    opened.look.tabs.setCurrentWidget(opened.look.tabs.lines)
    return opened


@pytest.fixture
def maps(stack: Any, rng: np.random.Generator) -> MapSet:
    values, mask = rng.normal(2.5, 0.1, (24, 32)), np.ones((24, 32), bool)
    mask[4, 10:13] = False
    labels = ParameterMap(mask.astype(np.uint8), labels={1: "a"})
    made = {"valence": ParameterMap(values, "1", np.full((24, 32), 0.2), mask), "phase": labels}
    return MapSet(made, pixel_size=(0.05, 0.05), metadata={"name": "particle"})


def draw(dock: SpectraDock, *lines: Any) -> Any:
    """Press Line and draw lines, with corners in pixels, as a drag with the tool does."""
    dock.look.tabs.lines.line_button.click()
    layer = dock.workspace.cursor._viewer().layers.selection.active
    assert layer.mode == "add_line"
    layer.add(list(lines), shape_type="line")
    return layer


def page(dock: SpectraDock) -> Any:
    return dock.view.pages.profiles


def test_the_profile_of_a_map_has_its_errors_and_gaps(
    viewer: Any, dock: SpectraDock, add_stack: Any, maps: MapSet, wait: Any
) -> None:
    layer = add_stack()
    dock.workspace.runs.add(maps, layer)
    shapes = draw(dock, LINE)
    wait(lambda: page(dock).plot.curves)
    assert dock.view.pages.currentWidget() is page(dock)
    (curve,) = page(dock).plot.curves
    expected = nx.map_profile(maps, "valence", LINE)
    np.testing.assert_allclose(curve.values, expected.value)
    np.testing.assert_allclose(curve.spread, expected.sigma)
    assert curve.energy[-1] == pytest.approx(1.25)
    assert np.isnan(curve.values[7:10]).all(), "masked"
    assert page(dock).plot.main.getAxis("bottom").labelText == "distance (µm)"
    assert page(dock).plot.main.getAxis("left").labelText == "valence"
    assert "Gaps" in page(dock).note.text()
    assert dock.look.tabs.lines.list.texts() == ["line 1 · 1.25 µm"]
    shapes.data = [LINE + 2]
    expected = nx.map_profile(maps, "valence", LINE + 2)
    wait(lambda: np.array_equal(page(dock).plot.curves[0].values, expected.value, equal_nan=True))
    dock.look.tabs.lines.width_box.setValue(5)
    wide = nx.map_profile(maps, "valence", LINE + 2, 5)
    wait(lambda: np.array_equal(page(dock).plot.curves[0].values, wide.value, equal_nan=True))


def test_lines_drawn_after_one_press_have_colours_of_their_own(
    viewer: Any, dock: SpectraDock, add_stack: Any, wait: Any
) -> None:
    add_stack()
    layer = draw(dock, LINE)
    layer.selected_data = {0}  # as napari selects what was drawn
    wait(lambda: len(dock.look.tabs.lines.list.texts()) == 1)
    wait(lambda: page(dock).plot.curves)
    layer.add([LINE + 3], shape_type="line")
    layer.selected_data = {1}
    wait(lambda: len(page(dock).plot.curves) == 2)
    first, second = page(dock).plot.curves
    assert first.colour != second.colour
    assert len({tuple(colour) for colour in layer.edge_color}) == 2


def test_what_is_on_top_gives_the_profile(
    viewer: Any, dock: SpectraDock, add_stack: Any, stack: Any, maps: MapSet, wait: Any
) -> None:
    layer = add_stack()
    draw(dock, LINE)
    viewer.dims.set_point(0, 7)
    frame = nx.frame_profile(stack, stack.energy[7], LINE)
    wait(lambda: page(dock).plot.curves and np.array_equal(page(dock).plot.curves[0].values, frame.value))
    assert page(dock).plot.main.getAxis("left").labelText == "optical depth (OD)"
    assert page(dock).plot.curves[0].spread is None, "nothing tells the noise of this stack"
    run = dock.workspace.runs.add(maps, layer)
    wait(lambda: page(dock)._label == "valence")
    dock.workspace.runs.show(run, Shown("phase"))
    wait(lambda: "holds labels" in page(dock).note.text())
    assert not page(dock).plot.curves
    dock.workspace.runs.layer_of(run).visible = False
    wait(lambda: page(dock).plot.curves)
    np.testing.assert_array_equal(page(dock).plot.curves[0].values, frame.value)


def test_chosen_energies_give_a_curve_each(
    viewer: Any, dock: SpectraDock, add_stack: Any, stack: Any, wait: Any, errors: list[str]
) -> None:
    add_stack()
    draw(dock, LINE)
    energies = dock.look.tabs.lines.energies
    energies.setText(f"{stack.energy[2]:.3f}, {stack.energy[20]:.3f}")
    energies.editingFinished.emit()
    wait(lambda: len(page(dock).plot.curves) == 2)
    first, second = page(dock).plot.curves
    np.testing.assert_array_equal(second.values, nx.frame_profile(stack, stack.energy[20], LINE).value)
    assert first.colour != second.colour
    assert second.name == f"line 1 · {stack.energy[20]:g} eV"
    energies.setText("edge")
    energies.editingFinished.emit()
    assert "no energies" in errors[0]


def test_lines_are_hidden_renamed_and_deleted_in_their_list(
    viewer: Any, dock: SpectraDock, add_stack: Any, wait: Any
) -> None:
    add_stack()
    shapes = draw(dock, LINE, LINE + 3)
    lines = dock.look.tabs.lines
    wait(lambda: len(page(dock).plot.curves) == 2)
    lines.list.renamed.emit(1, "rim")
    wait(lambda: page(dock).plot.curves[1].name == "rim")
    lines.list.ticked.emit(0, False)
    wait(lambda: [curve.name for curve in page(dock).plot.curves] == ["rim"])
    lines.list.deleted.emit([0])
    wait(lambda: len(lines.list.texts()) == 1)
    assert len(shapes.data) == 1
    assert lines.list.texts() == ["rim · 1.25 µm"]


def test_other_tabs_bring_the_spectra_back(viewer: Any, dock: SpectraDock, add_stack: Any, wait: Any) -> None:
    add_stack()
    draw(dock, LINE)
    wait(lambda: page(dock).plot.curves)
    dock.look.tabs.setCurrentWidget(dock.look.tabs.regions)
    assert dock.view.pages.currentIndex() == 0
    assert not dock.workspace.profiles.asked
    assert not dock.workspace.profiles.profiles


def test_profiles_are_exported(
    viewer: Any, dock: SpectraDock, add_stack: Any, maps: MapSet, wait: Any, tmp_path: Path, errors: list[str]
) -> None:
    layer = add_stack()
    dock.workspace.runs.add(maps, layer)
    lines = dock.look.tabs.lines
    assert not lines.export_button.isEnabled()
    draw(dock, LINE)
    wait(lines.export_button.isEnabled)
    for suffix in (".csv", ".png", ".svg"):
        lines.save(tmp_path / f"line{suffix}")
    text = (tmp_path / "line.csv").read_text("utf-8-sig").splitlines()
    assert text[:2] == ["# valence of particle", "# mean over 1 px across"]
    rows = list(csv.DictReader(text[2:]))
    assert len(rows) == 26
    assert rows[0]["profile"] == "line 1, valence"
    assert float(rows[0]["standard error"]) == pytest.approx(0.2)
    assert rows[8]["value"] == ""
    assert "distance (µm)" in (tmp_path / "line.svg").read_text()
    assert (tmp_path / "line.png").read_bytes().startswith(b"\x89PNG")
    lines.save(tmp_path / "line.tif")
    assert "use .csv" in errors[0]


def test_a_line_on_a_volume_is_read_in_the_slice_that_is_shown(
    viewer: Any, dock: SpectraDock, rng: np.random.Generator, wait: Any
) -> None:
    volume = rng.normal(2, 1, (5, 24, 32)).astype(np.float32)
    dock.workspace.runs.add(MapSet({"valence": ParameterMap(volume)}, metadata={"name": "volume"}))
    draw(dock, LINE)
    viewer.dims.set_point(0, 3)
    wait(lambda: page(dock).plot.curves and np.allclose(page(dock).plot.curves[0].values, volume[3, 4, 3:29]))
    assert page(dock).plot.main.getAxis("bottom").labelText == "distance (px)"


def test_without_an_image_the_page_says_what_to_do(dock: SpectraDock, wait: Any, errors: list[str]) -> None:
    wait(lambda: "make a map, or show a stack" in page(dock).note.text())
    dock.look.tabs.lines.line_button.click()
    assert "show a stack or a map" in errors[0]


@pytest.mark.window
def test_a_line_is_drawn_with_the_mouse(viewer: Any, dock: SpectraDock, add_stack: Any, stack: Any, wait: Any) -> None:
    layer = add_stack()
    dock.look.tabs.lines.line_button.click()
    User(viewer, dock, wait).stroke(layer, (6, 4), (8, 14), (12, 24))
    corners = viewer.layers[-1].data[0]
    np.testing.assert_allclose(corners[[0, -1]], [[6, 4], [12, 24]], atol=0.6)
    energy = stack.energy[dock.workspace.stacks.step]
    expected = nx.frame_profile(stack, energy, corners).value
    wait(lambda: page(dock).plot.curves and page(dock).plot.curves[0].values.size == expected.size)
    np.testing.assert_allclose(page(dock).plot.curves[0].values, expected, rtol=1e-4)
    dock.look.tabs.lines.line_button.click()
    User(viewer, dock, wait).stroke(layer, (20, 4), (18, 14), (16, 24))
    wait(lambda: len({curve.colour for curve in page(dock).plot.curves}) == 2)


def test_the_band_of_a_curve_ends_at_gaps() -> None:
    from napari_xanes.gui.curve import Curve

    values = np.array([np.nan, 1.0, 2.0, np.nan, 4.0])
    x, y = outline(Curve("a", np.arange(5.0), values, "region", spread=np.full(5, 0.5)))
    assert x.tolist()[:4] == [1, 2, 2, 1]
    assert y.tolist()[:4] == [1.5, 2.5, 1.5, 0.5]
    assert np.isnan([x[4], y[4], x[7], y[7]]).all()
    assert (x[5:7].tolist(), y[5:7].tolist()) == ([4, 4], [4.5, 3.5])
    empty = dataclasses.replace(Curve("a", np.arange(5.0), values, "region"), values=np.full(5, np.nan))
    assert outline(empty)[0].size == 0
