"""Faults that users met in the window, each driven through its own buttons and keys."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication, QPushButton
from tests.gui.user import User

import napari_xanes as nx
from napari_xanes import MapSet, ParameterMap, SpectralStack
from napari_xanes.gui import dialogs
from napari_xanes.gui.prepare import PrepareDock
from napari_xanes.gui.spectra.export_button import ExportButton
from napari_xanes.gui.state.workspace import workspace_of


@pytest.fixture
def dock(viewer: Any, add_stack: Any, wait: Any) -> Any:
    add_stack()
    dock = viewer.window.add_plugin_dock_widget("napari-xanes", "Spectra")[1]
    wait(dock.isVisible)
    return dock


def test_run_pressed_twice_starts_one_job(
    viewer: Any, add_stack: Any, wait: Any, errors: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from napari_xanes.gui import job as jobs

    add_stack()
    panel = viewer.window.add_plugin_dock_widget("napari-xanes", "Prepare")[1].panel
    started: list[str] = []
    bar = jobs.activity

    def second_click(*arguments: Any, **keywords: Any) -> Any:
        started.append(keywords["desc"])
        panel.apply_button.click()  # napari handles events while it makes the bar
        panel.apply()
        return bar(*arguments, **keywords)

    monkeypatch.setattr(jobs, "activity", second_click)
    panel.add_step("smooth")
    panel.apply_button.click()
    panel.apply_button.click()
    wait(lambda: not panel.job.running)
    assert len(started) == 1
    assert len(viewer.layers) == 2
    assert not errors
    panel.apply_button.click()
    assert len(started) == 1, "nothing has changed"
    panel.add_step("smooth")
    panel.apply_button.click()
    wait(lambda: not panel.job.running)
    assert len(started) == 2


def test_the_error_of_a_map_ticks_its_map(viewer: Any, add_stack: Any, rng: Any, wait: Any) -> None:
    add_stack()
    dock = viewer.window.add_plugin_dock_widget("napari-xanes", "Map")[1]
    dock.method_panel.show_tab("results")
    wait(dock.results.isVisible)
    results, values = dock.results, rng.random((24, 32), np.float32)
    maps = MapSet({"valence": ParameterMap(values, "1", values / 10), "chi_square": ParameterMap(values)})
    workspace_of(viewer).runs.add(maps)
    (layer,) = viewer.layers[1:]
    radios = {radio.property("map"): radio for radio in results.maps_group.buttons()}

    def ticked() -> tuple[list[str], list[str]]:
        buttons = results.role_buttons
        return [m for m, one in radios.items() if one.isChecked()], [r for r, one in buttons.items() if one.isChecked()]

    results.role_buttons["sigma"].click()
    assert ticked() == (["valence"], ["sigma"])
    np.testing.assert_array_equal(layer.data, values / 10)
    radios["chi_square"].click()
    assert ticked() == (["chi_square"], ["value"]), "it has no error to show"
    assert not results.role_buttons["sigma"].isEnabled()
    np.testing.assert_array_equal(layer.data, values)
    assert layer.name.startswith("chi_square · ")
    results.role_buttons["mask"].click()
    assert ticked() == (["chi_square"], ["mask"])
    assert set(np.unique(layer.data)) == {1}
    assert list(viewer.layers[1:]) == [layer]


@pytest.fixture
def xanes(viewer: Any, wait: Any) -> Any:
    dock = viewer.window.add_plugin_dock_widget("napari-xanes", "XANES")[1]
    wait(dock.isVisible)
    return dock


def test_a_wrong_e0_marks_its_field_and_no_other(
    viewer: Any, xanes: Any, add_stack: Any, wait: Any, errors: Any
) -> None:
    add_stack()
    user = User(viewer, xanes, wait)
    panel = user.step("Prepare").findChild(PrepareDock).panel
    panel.menu.actions_by_name["normalize_edge"].trigger()
    form = panel.step_form.form()
    line = form.field("e0").widget
    line.setFocus()
    QTest.keyClicks(line, "9000")
    QTest.keyClick(line, Qt.Key.Key_Tab)
    user.press(panel.apply_button)
    wait(lambda: errors)
    assert "E0 = 9000 eV lies outside" in errors[0]
    marked = [name for name in form.method.parameters if "#D55E00" in form.field(name).widget.styleSheet()]
    assert marked == ["e0"]
    assert panel.problem.text().startswith("Step 1: E0 = 9000 eV lies outside")
    for _ in "9000":
        QTest.keyClick(line, Qt.Key.Key_Backspace)
    QTest.keyClicks(line, "8345")
    QTest.keyClick(line, Qt.Key.Key_Tab)
    user.press(panel.apply_button)
    wait(lambda: len(viewer.layers) == 2)
    assert "#D55E00" not in line.styleSheet()


def test_a_recipe_and_a_script_name_the_file_of_references(
    viewer: Any, xanes: Any, stack: SpectralStack, add_stack: Any, wait: Any, tmp_path: Path, errors: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    energy = np.linspace(8300, 8400, 900)
    edges = [0.5 + np.arctan(energy - e0) / np.pi for e0 in (8343.0, 8346.0)]
    given = [nx.Spectrum(f"{name} oxide", energy, edge) for name, edge in zip(("low", "high"), edges, strict=True)]
    nx.write(given, tmp_path / "oxides.csv")
    nx.write(dataclasses.replace(stack, metadata={"name": "scan"}), tmp_path / "scan.h5")
    user = User(viewer, xanes, wait)
    user.drop(tmp_path / "scan.h5")
    wait(lambda: len(viewer.layers) == 1)
    user.drop(tmp_path / "oxides.csv")
    wait(lambda: len(xanes.workspace.references.spectra) == 2)
    panel = user.step("Map")
    user.press(panel.method_panel.run_button)
    wait(lambda: panel.results.maps is not None)
    buttons = {button.text(): button for button in panel.results.findChildren(QPushButton)}
    monkeypatch.setattr(dialogs.QFileDialog, "getSaveFileName", lambda *_: (str(tmp_path / "recipe.yaml"), ""))
    panel.method_panel.show_tab("results")
    user.press(buttons["recipe…"])
    user.press(buttons["as Python"])
    assert not errors
    script = QApplication.clipboard().text()
    for text in ((tmp_path / "recipe.yaml").read_text(), script):
        assert text.count("oxides.csv") >= 2
        assert "8300.11" not in text, "the second of 900 energies"
        assert len(text) < 4000
    again = nx.run(nx.Recipe.load(tmp_path / "recipe.yaml"), nx.read(tmp_path / "scan.h5"))
    np.testing.assert_allclose(again["low oxide"].data, panel.results.maps["low oxide"].data, rtol=1e-5)


@pytest.mark.parametrize("suffix", [".csv", ".prj", ".png"])
def test_a_double_click_on_export_asks_and_writes_once(
    viewer: Any, dock: Any, wait: Any, tmp_path: Path, errors: Any, monkeypatch: pytest.MonkeyPatch, suffix: str
) -> None:
    viewer.cursor.position = (0, 0.25, 0.45)
    wait(lambda: dock.view.shown_curves)
    button, asked, written = dock.findChild(ExportButton), [], []
    action = button.menu().actions()[[".csv", ".xdi", ".prj", ".png"].index(suffix)]

    def ask(*_: Any) -> tuple[str, str]:
        asked.append("file")
        action.trigger()
        return str(tmp_path / f"spectra{suffix}"), ""

    def write(work: Any, *arguments: Any, **keywords: Any) -> Any:
        written.append("file")
        button.save(tmp_path / f"spectra{suffix}")  # the window handles its events meanwhile
        return work()

    monkeypatch.setattr(dialogs.QFileDialog, "getSaveFileName", ask)
    monkeypatch.setattr("napari_xanes.gui.spectra.export_button.in_thread", write)
    action.trigger()
    assert (asked, written, errors) == (["file"], ["file"], [])
    assert (tmp_path / f"spectra{suffix}").stat().st_size > 0
    action.trigger()
    assert len(asked) == len(written) == 2, "it can be asked for again"


def test_tab_leaves_the_table_of_references(viewer: Any, dock: Any, qtbot: Any) -> None:
    dock.look.tabs.setCurrentWidget(dock.look.tabs.references)
    table = dock.look.tabs.references._table
    table.setFocus()
    QTest.keyClick(table, Qt.Key.Key_Tab)
    assert dock.focusWidget() is not table
    assert table.currentRow() <= 0


def test_pixels_without_values_are_said_to_have_none(
    viewer: Any, dock: Any, stack: SpectralStack, add_stack: Any, wait: Any
) -> None:
    data = stack.data.copy()
    data[:, 5, 9] = np.nan
    viewer.layers.selection.active = add_stack(stack.with_data(data))
    viewer.cursor.position = (0, 0.25, 0.45)
    wait(lambda: "cursor has no values here" in dock.view.message.text())
    far = nx.Spectrum("far", [500.0, 510.0, 520.0, 530.0], [0, 0, 1, 1])
    workspace_of(viewer).references.remove([s.name for s in workspace_of(viewer).references.spectra])
    workspace_of(viewer).references.add([far])
    assert "no common energies" in workspace_of(viewer).references.reason("far")
    workspace_of(viewer).references.set_checked("far", True)
    viewer.cursor.position = (0, 0.5, 0.45)
    wait(lambda: "far is not shown: it shares no energies with the stack" in dock.view.message.text())


def test_load_opens_the_folder_of_the_stack(
    viewer: Any, dock: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    monkeypatch.setattr("napari_xanes.gui.dialogs._last_folders", [])
    name = "napari_xanes.gui.dialogs.QFileDialog.getOpenFileNames"
    monkeypatch.setattr(name, lambda *arguments: asked.append(arguments[2]) or ([], ""))
    dock.look.tabs.references._load_button.click()
    viewer.layers[0].metadata["xanes"]["source"] = {"path": str(tmp_path / "scan.h5")}
    dock.look.tabs.references._load_button.click()
    assert asked == ["", str(tmp_path)]


@pytest.mark.parametrize(
    ("energies", "library"),
    [((845, 880), "ni-l23"), ((700, 740), "fe-l23"), ((630, 660), "mn-l23"), ((280, 320), "mn-l23")],
)
def test_the_map_dock_offers_the_library_of_the_edge(
    viewer: Any, add_stack: Any, rng: Any, energies: tuple[int, int], library: str
) -> None:
    values = rng.random((20, 4, 5), np.float32)
    add_stack(SpectralStack(values, np.linspace(*energies, 20), "optical_depth"))
    method_panel = viewer.window.add_plugin_dock_widget("napari-xanes", "Map")[1].method_panel
    method_panel.methods.setCurrentIndex(method_panel.methods.findData("match_library"))
    box = method_panel.form().field("library").widget
    assert box.currentText() == library
    box.setCurrentText("co-l23")
    box.activated.emit(box.currentIndex())
    viewer.layers.selection.active = add_stack(SpectralStack(values, np.linspace(845, 880, 20), "optical_depth"))
    assert method_panel.form().values()["library"] == "co-l23"


def test_maps_of_an_l_edge_open_on_the_charge(viewer: Any, add_stack: Any, rng: Any) -> None:
    add_stack()
    values = rng.random((24, 32), np.float32)
    charge = ParameterMap((values > 0.5).astype(np.uint8) + 2, labels={2: "Ni2+", 3: "Ni3+"})
    maps = MapSet({"ten_dq": ParameterMap(values, "eV", values / 10), "charge": charge})
    run = workspace_of(viewer).runs.add(maps)
    assert [layer.metadata["xanes"]["map"] for layer in viewer.layers[1:]] == ["charge"]
    workspace_of(viewer).runs.all_as_layers(run)
    assert {layer.name.split(" · ")[0] for layer in viewer.layers[1:]} == {"10Dq (eV)", "10Dq ± σ (eV)", "charge"}
    results = viewer.window.add_plugin_dock_widget("napari-xanes", "Map")[1].results
    assert [radio.text() for radio in results.maps_group.buttons() if radio.isChecked()] == ["charge"]
    assert [radio.text() for radio in results.maps_group.buttons()] == ["10Dq", "charge"]
