from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QApplication, QPushButton, QScrollArea
from tests.gui.preparing import add_step, apply

import napari_xanes as nx
from napari_xanes import MapSet, ParameterMap, Recipe, SpectralStack, Step
from napari_xanes.gui.maps.dock import MapDock
from napari_xanes.gui.maps.fit_overlay import FitOverlay
from napari_xanes.gui.prepare.dock import PrepareDock
from napari_xanes.gui.state.run_fit import pixel_text
from napari_xanes.progress import Cancelled
from napari_xanes.sample import nmc_ni_k


@pytest.fixture
def dock(viewer: Any) -> MapDock:
    return viewer.window.add_plugin_dock_widget("napari-xanes", "Map")[1]


def run(dock: Any, wait: Any) -> None:
    dock.method_panel.start()
    wait(lambda: not dock.method_panel.job.running)


def fits_in(spectra: Any) -> list[Any]:
    return [curve for curve in spectra.view.plot.curves if curve.kind == "fit"]


def button(dock: Any, text: str) -> QPushButton:
    return next(one for one in dock.results.findChildren(QPushButton) if one.text() == text)


def test_empty_state_says_what_to_do(dock: MapDock) -> None:
    assert "Drop a stack here" in dock.method_panel._note.text()
    assert not dock.method_panel.run_button.isEnabled()


def test_three_clicks_give_the_right_map(viewer: Any, dock: MapDock, wait: Any) -> None:
    sample = nmc_ni_k(size=64)
    from napari_xanes.gui.layers import stack_to_layer

    data, keywords, _ = stack_to_layer(sample.stack)
    viewer.add_image(data, **keywords)
    assert "optical depth" in dock.method_panel._note.text()
    run(dock, wait)
    references = sample.stack.metadata["references"]
    values = dock.method_panel.form().values()
    assert [r.name for r in values["references"]] == [r.name for r in references]
    expected = nx.run([Step("optical_depth"), Step("fit_references", values)], sample.stack)
    assert viewer.layers[1].name == "NMC particle, Ni K-edge · optical depth"
    assert dock.method_panel.stacks.layer() is viewer.layers[1]
    layer = next(layer for layer in viewer.layers if layer.name.startswith("valence ·"))
    np.testing.assert_array_equal(layer.data, expected["valence"].valid())
    assert layer.visible
    assert viewer.layers.selection.active is layer
    wait(lambda: "Ni2+ model" in dock.results.legend.text())


@pytest.mark.window
def test_results_fit_a_narrow_dock(viewer: Any, dock: MapDock, wait: Any) -> None:
    from napari_xanes.gui.layers import stack_to_layer

    data, keywords, _ = stack_to_layer(nx.ops.optical_depth(nmc_ni_k(size=32).stack))
    viewer.add_image(data, **keywords)
    dock.method_panel.methods.setCurrentIndex(dock.method_panel.methods.findData("edge_energy"))
    run(dock, wait)
    (area,) = [child for child in dock.findChildren(QScrollArea) if child.isAncestorOf(dock.results)]
    taken = area.verticalScrollBar().sizeHint().width() + dock.width() - area.viewport().width()
    assert area.widget().minimumSizeHint().width() <= dock.minimumSizeHint().width() - taken


def test_results_are_not_shown_for_another_stack(viewer: Any, dock: MapDock, add_stack: Any, wait: Any) -> None:
    layer = add_stack()
    run(dock, wait)
    viewer.cursor.position = tuple(layer.data_to_world((0, 5, 9)))
    wait(lambda: "edge jump" in dock.overlay.text())
    add_stack(name="other")
    wait(lambda: "Move the cursor" in dock.overlay.text())


def test_a_cancelled_run_adds_no_layers(viewer: Any, dock: MapDock, add_stack: Any, wait: Any, settle: Any) -> None:
    add_stack()
    names = [layer.name for layer in viewer.layers]
    dock.method_panel.start()
    dock.method_panel.job.cancel()
    wait(lambda: not dock.method_panel.job.running)
    settle()
    assert [layer.name for layer in viewer.layers] == names
    assert dock.method_panel.run_button.isEnabled()
    assert dock.results.body.isHidden()


def test_a_failure_is_a_notification_and_changes_nothing(
    viewer: Any, dock: MapDock, add_stack: Any, wait: Any, errors: list[str]
) -> None:
    add_stack()
    dock.method_panel.form().field("energy").set((100.0, 200.0))
    run(dock, wait)
    assert len(errors) == 1
    assert "eV" in errors[0]
    assert len(viewer.layers) == 1
    dock.method_panel.form().field("energy").set((8400.0, 200.0))
    dock.method_panel.start()
    assert "must go up" in errors[1]
    assert not dock.method_panel.job.running


def test_results_show_one_map_at_a_time_and_its_sigma(dock: MapDock, viewer: Any, add_stack: Any, wait: Any) -> None:
    add_stack()
    run(dock, wait)
    (layer,) = viewer.layers[1:]
    dock.results.show_map("low")
    assert (layer.metadata["xanes"]["map"], layer.metadata["xanes"]["role"]) == ("low", "value")
    dock.results.role_buttons["sigma"].click()
    assert (layer.metadata["xanes"]["map"], layer.metadata["xanes"]["role"]) == ("low", "sigma")
    assert layer.name.startswith("low ± σ")
    np.testing.assert_array_equal(layer.data, dock.results.maps["low"].sigma)


def test_recipe_and_script_repeat_the_run(
    dock: MapDock, viewer: Any, add_stack: Any, stack: SpectralStack, wait: Any, tmp_path: Path, monkeypatch: Any
) -> None:
    add_stack()
    run(dock, wait)
    from qtpy.QtWidgets import QFileDialog

    target = tmp_path / "recipe.yaml"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *a, **k: (str(target), ""))
    button(dock, "recipe…").click()
    repeated = nx.run(Recipe.load(target), stack)
    np.testing.assert_array_equal(repeated["edge_jump"].valid(), dock.results.maps["edge_jump"].valid())
    button(dock, "as Python").click()
    assert "nx.Step('fit_references'" in QApplication.clipboard().text()


@pytest.mark.window
def test_names_from_a_file_are_no_markup(viewer: Any, wait: Any) -> None:
    from napari_xanes.gui.results.panel import ResultsPanel
    from napari_xanes.gui.state.workspace import workspace_of

    labels = {1: "<img src='file:///etc/hosts'>"}
    one = ParameterMap(np.ones((2, 2), np.uint8), labels=labels)
    workspace_of(viewer).runs.add(MapSet({"<b>x": one}, metadata={"warnings": ["<i>careful</i>"]}))
    results = ResultsPanel(viewer)
    wait(lambda: "&lt;img" in results.legend.text())
    assert "<b>&lt;b&gt;x</b>" in results.legend.text()
    assert results.warnings.label.text() == "• <i>careful</i>"
    assert results.warnings.label.textFormat() == Qt.TextFormat.PlainText


def test_the_values_under_the_cursor_do_not_fill_the_panel(viewer: Any) -> None:
    maps = MapSet({f"score_{i}": ParameterMap(np.full((2, 2), i, np.float32), "OD") for i in range(36)})
    text = pixel_text(maps, (0, 1), "score_7")
    assert text.startswith("score 7 7 OD · score 0 0 OD")
    assert text.endswith(" · score 4 4 OD · and 30 more")


def test_what_is_below_the_values_does_not_move_with_the_cursor(viewer: Any, qtbot: Any) -> None:
    overlay = FitOverlay(viewer)
    qtbot.addWidget(overlay)
    overlay.resize(300, 20)
    overlay.setText("a value with its error " * 8)
    height = overlay.minimumHeight()
    assert height > 3 * overlay.fontMetrics().height()
    overlay.setText("masked")
    assert overlay.minimumHeight() == height


def test_closing_the_window_stops_the_work(viewer: Any, dock: MapDock, wait: Any) -> None:
    stopped = threading.Event()

    def work(progress: Any) -> None:
        try:
            while True:
                progress(0.5, "working")
                time.sleep(0.01)
        except Cancelled:
            stopped.set()

    dock.method_panel.job.start(work, "endless")
    viewer.close()
    wait(stopped.is_set)


def test_prepare_adds_a_new_stack(viewer: Any, add_stack: Any, stack: SpectralStack, wait: Any) -> None:
    add_stack()
    dock: PrepareDock = viewer.window.add_plugin_dock_widget("napari-xanes", "Prepare")[1]
    add_step(dock, "crop", energy=(float(stack.energy[3]), float(stack.energy[9])))
    apply(dock, wait)
    assert len(viewer.layers) == 2
    assert viewer.layers[1].data.shape[0] == 7
    assert viewer.layers[0].data.shape[0] == 30
    assert dock.panel.steps.item(0).text().startswith("1  crop: energy ")


def test_references_of_another_edge_are_not_used(viewer: Any, dock: MapDock, add_stack: Any, errors: list[str]) -> None:
    from napari_xanes.gui.state.workspace import workspace_of

    add_stack()
    references = workspace_of(viewer).references
    references.add([nx.Spectrum("Fe", [7100.0, 7120.0, 7150.0], [0.0, 1.0, 1.0])])
    assert [s.name for s in dock.method_panel.form().values()["references"]] == ["low", "high"]
    references.remove(["low", "high"])
    dock.method_panel.start()
    assert "o ticked reference covers" in errors[0]


def test_fit_is_drawn_over_the_spectrum(viewer: Any, dock: MapDock, add_stack: Any, wait: Any) -> None:
    from napari_xanes.maps.references import fitted_spectrum

    spectra = viewer.window.add_plugin_dock_widget("napari-xanes", "Spectra")[1]
    layer = add_stack()
    run(dock, wait)
    maps = dock.results.maps
    viewer.cursor.position = (3, 10 * 0.05, 20 * 0.05)
    wait(lambda: "±" in dock.overlay.text())
    (fit,) = fits_in(spectra)
    name, energy, mu = fit.name, fit.energy, fit.values
    assert name == "fit"
    expected = fitted_spectrum(maps, (10, 20))
    np.testing.assert_allclose(mu, expected.mu)
    np.testing.assert_allclose(energy, expected.energy)
    # How many digits are shown depends on the error.
    assert f"low {maps['low'].data[10, 20]:.6f}"[:8] in dock.overlay.text()
    viewer.layers.remove(layer)
    viewer.cursor.position = (3, 11 * 0.05, 20 * 0.05)
    wait(lambda: not fits_in(spectra))
