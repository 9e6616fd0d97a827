"""The Explore step: run a method, and use what it finds as references and regions."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest

from napari_xanes import SpectralStack, Spectrum
from napari_xanes.gui.exploring import ExploreDock
from napari_xanes.gui.exploring.evidence import ERROR, Scree, curves_of, scree_of
from napari_xanes.gui.exploring.plots import FoundPlot, ScreePlot
from napari_xanes.gui.layers import stack_to_layer
from napari_xanes.gui.state.workspace import workspace_of
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


def test_spectra_without_errors_or_with_gaps_are_drawn() -> None:
    mu = np.array([1.0, np.nan, 2.0, 3.0])
    maps = MapSet(
        {"score_1": ParameterMap(np.ones((2, 2), np.float32))},
        metadata={"spectra": [Spectrum("a", np.arange(4.0) + 8300, mu)]},
    )
    curves, bands = curves_of(maps)
    assert np.isnan(curves[0].low).all()
    assert bands == ERROR
    assert scree_of(maps) is None
    plot = FoundPlot()
    plot.show_curves(curves)
    assert plot.bands[0].getData()[1] is None or plot.bands[0].getData()[1].size == 0
    assert plot.lines[0].getData()[1][3] == 3.0


def test_eigenvalues_of_zero_leave_a_gap_in_the_scree_plot() -> None:
    plot = ScreePlot()
    plot.show_scree(Scree(np.array([100.0, 1.0, 0.0]), 1.5, 1))
    assert np.isnan(plot.curve.getData()[1][2])
    np.testing.assert_allclose(plot.getViewBox().viewRange()[1], (-0.2, 2.2), atol=0.05)


def test_dock_stays_within_its_least_size(viewer: Any, wait: Any) -> None:
    dock = ExploreDock(viewer)
    viewer.window.add_dock_widget(dock)
    shown(dock, viewer, wait, "components")
    assert dock.minimumSizeHint().width() <= 340
    assert dock.minimumSizeHint().height() <= 540
    assert dock.found.minimumSizeHint().width() <= 330


def test_steps_of_recipes_stay_with_the_map_step(viewer: Any) -> None:
    dock = ExploreDock(viewer)
    methods = [dock.method_panel.methods.itemData(i) for i in range(dock.method_panel.methods.count())]
    assert methods[:3] == ["components", "cluster", "unmix"]
