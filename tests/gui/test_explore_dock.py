"""The Explore step: run a method, and use what it finds as references and regions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qtpy.QtCore import QPointF, Qt
from qtpy.QtTest import QTest

from napari_xanes import Recipe, SpectralStack, Step
from napari_xanes.gui.exploring import ExploreDock
from napari_xanes.gui.exploring.evidence import Scree
from napari_xanes.gui.exploring.plane import MOST_POINTS, Plane, axes_of
from napari_xanes.gui.exploring.plots import ScreePlot
from napari_xanes.gui.exploring.scatter import ScatterPlot
from napari_xanes.gui.files.recipes import take_recipe
from napari_xanes.gui.layers import stack_to_layer
from napari_xanes.gui.maps import MapDock
from napari_xanes.gui.state.workspace import workspace_of
from napari_xanes.maps import ESTIMATORS
from napari_xanes.parameter_map import MapSet, ParameterMap

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


def shown(dock: Any, viewer: Any, wait: Any, method: str) -> Any:
    data, keywords, _ = stack_to_layer(two_phases())
    viewer.add_image(data, **keywords)
    dock.method_panel.choose(method)
    QTest.mouseClick(dock.method_panel.run_button, Qt.MouseButton.LeftButton)
    wait(lambda: workspace_of(viewer).runs.chosen is not None and not dock.method_panel.job.running)
    dock.method_panel.show_tab("found")
    return workspace_of(viewer).runs.chosen.maps


def test_scree_plot_shows_what_rises_above_chance(viewer: Any, wait: Any) -> None:
    dock = ExploreDock(viewer)
    viewer.window.add_dock_widget(dock)
    maps = shown(dock, viewer, wait, "components")
    scree = dock.found.scree
    assert scree.isVisible()
    assert dock.found.spectra.isVisible()
    x, log_y = scree.curve.getData()
    assert x.tolist() == list(range(1, 31))
    np.testing.assert_allclose(10**log_y, maps.metadata["eigenvalues"], rtol=1e-6)
    assert scree.chance.value() == pytest.approx(np.log10(maps.metadata["limit"]))
    assert ((log_y > scree.chance.value()).sum()) == 2  # the two phases
    background = scree._colours.background
    filled = [brush.color().name() != background for brush in scree.curve.opts["symbolBrush"]]
    assert filled == [True] * 2 + [False] * 28
    assert scree.getViewBox().viewRange()[0] == [0.5, 12.5]


def test_found_spectra_have_the_band_of_their_method(viewer: Any, wait: Any) -> None:
    dock = ExploreDock(viewer)
    viewer.window.add_dock_widget(dock)
    maps = shown(dock, viewer, wait, "cluster")
    plot = dock.found.spectra
    assert not dock.found.scree.isVisible()
    assert "standard deviation of the pixels" in dock.found.legend.text()
    for line, band, spectrum in zip(plot.lines, plot.bands, maps.metadata["spectra"], strict=True):
        np.testing.assert_allclose(line.getData()[1], spectrum.mu)
        top = spectrum.mu + spectrum.metadata["standard_deviation"]
        np.testing.assert_allclose(band.getData()[1][: top.size], top)
        assert spectrum.name in dock.found.legend.text()
    maps = shown(dock, viewer, wait, "unmix")
    wait(lambda: "range of the spectra that fit as well" in dock.found.legend.text())
    maps = workspace_of(viewer).runs.chosen.maps
    for band, one in zip(plot.bands, maps.metadata["ambiguity"], strict=True):
        np.testing.assert_allclose(band.getData()[1][: one["high"].size], one["high"])


def test_small_phases_are_told_in_words_with_their_spectrum(viewer: Any, wait: Any) -> None:
    dock = ExploreDock(viewer)
    viewer.window.add_dock_widget(dock)
    stack = two_phases()
    stack.data[:, 20:24, 10:14] += 0.5 * np.exp(-(((ENERGY - 8370) / 6) ** 2))[:, None, None].astype(np.float32)
    for one, words in ((stack, "phase 1: 16 pixels"), (two_phases(), "no small phase")):
        data, keywords, _ = stack_to_layer(one)
        viewer.add_image(data, **keywords)
        dock.method_panel.choose("small_phases")
        before = len(workspace_of(viewer).runs)
        dock.method_panel.start()
        wait(lambda before=before: len(workspace_of(viewer).runs) > before and not dock.method_panel.job.running)
        wait(lambda words=words: words in dock.found.words.text())
        for button in (dock.found.references_button, dock.found.regions_button):
            assert button.isEnabled() == ("phase 1" in words)


def test_plots_follow_the_theme_and_the_chosen_run(viewer: Any, wait: Any) -> None:
    dock = ExploreDock(viewer)
    viewer.window.add_dock_widget(dock)
    shown(dock, viewer, wait, "cluster")
    plot, runs = dock.found.spectra, workspace_of(viewer).runs
    dark = plot.lines[0].opts["pen"].color().name(), plot.backgroundBrush().color().name()
    viewer.theme = "light"
    light = plot.lines[0].opts["pen"].color().name(), plot.backgroundBrush().color().name()
    assert light[0] != dark[0]
    assert light[1] != dark[1]
    assert light[0] in dock.found.legend.text()
    runs.delete(runs.chosen)
    assert not plot.isVisible()
    assert not dock.found.legend.isVisible()
    assert "Nothing is found yet" in dock.found.words.text()


def test_eigenvalues_of_zero_leave_a_gap_in_the_scree_plot() -> None:
    plot = ScreePlot()
    plot.show_scree(Scree(np.array([100.0, 1.0, 0.0]), 1.5, 1))
    assert np.isnan(plot.curve.getData()[1][2])
    np.testing.assert_allclose(plot.getViewBox().viewRange()[1], (-0.2, 2.2), atol=0.05)


def draw_around(qtbot: Any, plot: ScatterPlot, corners: Any) -> None:
    """Draw a lasso with the mouse through corners in the units of the axes."""

    def at(corner: Any) -> Any:
        return plot.mapFromScene(plot.lasso.mapViewToScene(QPointF(*corner)))

    qtbot.mouseMove(plot.viewport(), at(corners[0]))
    qtbot.mousePress(plot.viewport(), Qt.MouseButton.LeftButton, pos=at(corners[0]))
    for corner in (*corners, corners[0], corners[0]):
        qtbot.wait(30)  # pyqtgraph leaves out moves that follow at once
        qtbot.mouseMove(plot.viewport(), at(corner))
    qtbot.mouseRelease(plot.viewport(), Qt.MouseButton.LeftButton, pos=at(corners[0]))


def test_a_lasso_makes_a_label_and_a_region_lights_up(viewer: Any, wait: Any, qtbot: Any) -> None:
    dock = ExploreDock(viewer)
    viewer.window.add_dock_widget(dock)
    maps = shown(dock, viewer, wait, "components")
    dock.method_panel.show_tab("scatter")
    scatter, plot = dock.scatter, dock.scatter.plot
    assert [box.currentText() for box in scatter.axes] == ["score_1", "score_2"]
    assert "1024 of 1024 pixels are drawn" in scatter.readout.text()
    QTest.mouseClick(scatter.lasso_button, Qt.MouseButton.LeftButton)
    (x0, x1), (y0, y1) = plot.lasso.viewRange()
    plot.grab()  # the axes take their place
    draw_around(qtbot, plot, ((x0, 0), (x1, 0), (x1, y1), (x0, y1)))  # where the second score is positive
    wait(lambda: "scatter selection" in viewer.layers)
    selected = viewer.layers["scatter selection"].data == 1
    score = maps["score_2"].data
    far = abs(score) > 0.05 * (y1 - y0)
    np.testing.assert_array_equal(selected[far], score[far] > 0)
    assert 0.4 < selected.mean() < 0.6  # one of the two halves
    wait(lambda: sum(len(item.getData()[0]) for item in plot.regions) == selected.sum())
    assert (plot.regions[0].getData()[1] > -0.05 * (y1 - y0)).all()
    viewer.layers.remove("scatter selection")
    wait(lambda: not plot.regions)
    brushed = np.zeros((32, 32), np.uint8)
    brushed[3:5, 10:16] = 1
    viewer.add_labels(brushed, name="brushed")
    wait(lambda: [len(item.getData()[0]) for item in plot.regions] == [12])
    np.testing.assert_allclose(
        np.sort(plot.regions[0].getData()[0]), np.sort(maps["score_1"].data[3:5, 10:16].ravel()), rtol=1e-6
    )


def test_scatter_says_what_it_needs(viewer: Any, wait: Any, errors: list[str]) -> None:
    dock = ExploreDock(viewer)
    viewer.window.add_dock_widget(dock)
    dock.method_panel.show_tab("scatter")
    assert "Run a method with two maps" in dock.scatter.readout.text()
    assert not dock.scatter.lasso_button.isEnabled()
    shown(dock, viewer, wait, "components")
    dock.method_panel.show_tab("scatter")
    dock.scatter.axes[1].setCurrentText("score_1")
    np.testing.assert_array_equal(*dock.scatter.plot.points.getData())
    dock.scatter.plot.lasso.drawn.emit(np.array([(1e5, 1e5), (2e5, 1e5), (2e5, 2e5)]))
    wait(lambda: errors)
    assert "No pixel lies inside the lasso" in errors[0]
    viewer.layers.remove(viewer.layers["two · optical depth"])
    dock.scatter.plot.lasso.drawn.emit(np.array([(-100.0, -100), (100, -100), (100, 100)]))
    wait(lambda: len(errors) == 2)
    assert "The stack of this run is not in the viewer" in errors[1]


def test_a_plane_draws_some_pixels_and_selects_all() -> None:
    rng = np.random.default_rng(1)
    values = rng.uniform(0, 1, (2, 3, 120, 100)).astype(np.float32)
    mask = values[0] > 0.1
    maps = MapSet({"a": ParameterMap(values[0], mask=mask), "b": ParameterMap(values[1])})
    plane = Plane.of(maps, *axes_of(maps))
    sample = plane.sample()
    assert sample.shape == (MOST_POINTS, 2)
    np.testing.assert_array_equal(sample, plane.sample())
    inside = plane.inside(np.array([(0.0, 0.0), (0.5, 0.0), (0.5, 0.5), (0.0, 0.5)]))
    np.testing.assert_array_equal(inside, mask & (values < 0.5).all(axis=0))
    pixels = np.zeros((120, 100), dtype=bool)
    pixels[4, :20] = True
    expected = values[:, 2, 4, :20][:, mask[2, 4, :20]].T
    np.testing.assert_array_equal(plane.of_region(pixels, (2,)), expected)


def test_dock_stays_within_its_least_size(viewer: Any, wait: Any) -> None:
    dock = ExploreDock(viewer)
    viewer.window.add_dock_widget(dock)
    shown(dock, viewer, wait, "components")
    assert dock.minimumSizeHint().width() <= 340
    assert dock.minimumSizeHint().height() <= 540
    for page in (dock.found, dock.scatter):
        assert page.minimumSizeHint().width() <= 290  # the dock, less its margins, frame and scroll bar


def methods_of(dock: Any) -> list[str]:
    return [dock.method_panel.methods.itemData(i) for i in range(dock.method_panel.methods.count())]


def test_each_estimator_is_in_one_list(viewer: Any) -> None:
    exploring, mapping = methods_of(ExploreDock(viewer)), methods_of(MapDock(viewer))
    assert exploring[:3] == ["components", "cluster", "unmix"]
    assert sorted(exploring + mapping) == sorted(ESTIMATORS)


@pytest.mark.parametrize(("name", "place"), [("cluster", "Explore"), ("fit_references", "Map")])
def test_a_recipe_opens_the_step_that_has_its_estimator(
    viewer: Any, add_stack: Any, tmp_path: Path, name: str, place: str
) -> None:
    add_stack()
    workspace = workspace_of(viewer)
    docks = {"Map": MapDock(viewer), "Explore": ExploreDock(viewer)}
    before = {step: dock.method_panel.methods.currentData() for step, dock in docks.items()}
    Recipe([Step(name, {"energy": (8330.0, 8360.0)})]).save(tmp_path / "recipe.yaml")
    take_recipe(tmp_path / "recipe.yaml", viewer)
    assert workspace.step.name == place
    for step, dock in docks.items():
        assert dock.method_panel.methods.currentData() == (name if step == place else before[step])
    assert docks[place].method_panel.form().values()["energy"] == (8330.0, 8360.0)


def test_an_estimator_of_a_recipe_waits_for_its_panel(viewer: Any, add_stack: Any, tmp_path: Path) -> None:
    add_stack()
    Recipe([Step("unmix")]).save(tmp_path / "recipe.yaml")
    take_recipe(tmp_path / "recipe.yaml", viewer)
    assert MapDock(viewer).method_panel.methods.currentData() == "fit_references"
    assert ExploreDock(viewer).method_panel.methods.currentData() == "unmix"
    assert ExploreDock(viewer).method_panel.methods.currentData() == "components"
