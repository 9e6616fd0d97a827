"""The Denoise dock in a real window.

Longer than 300 lines because all tests share one cleaned stack, which takes seconds to make.
"""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QPushButton

import napari_xanes as nx
from napari_xanes import SpectralStack, Spectrum
from napari_xanes.denoising.network.cleaning import WEIGHTS
from napari_xanes.gui.denoising import DenoiseDock
from napari_xanes.gui.denoising.compare import BeforeAfter
from napari_xanes.gui.denoising.overlay import in_view
from napari_xanes.gui.denoising.results import device_text
from napari_xanes.gui.layers import stack_of
from napari_xanes.gui.pixels import tiles
from napari_xanes.gui.state.workspace import workspace_of
from napari_xanes.gui.wording import time_left
from napari_xanes.noise import AmountNoise
from napari_xanes.sample import nmc_ni_k

SIZE = 48
PIXEL = 0.04  # µm


@pytest.fixture(scope="module")
def counts() -> SpectralStack:
    return nmc_ni_k(size=SIZE, photons=800).stack


@pytest.fixture
def dock(viewer: Any) -> DenoiseDock:
    dock = viewer.window.add_plugin_dock_widget("napari-xanes", "Denoise")[1]
    dock.method_panel.form().field("noise").set("tv")
    return dock


@pytest.fixture
def layer(dock: DenoiseDock, add_stack: Any, counts: SpectralStack) -> Any:
    return add_stack(nx.ops.optical_depth(counts))


def run(dock: DenoiseDock, wait: Any) -> None:
    dock.method_panel.start()
    wait(lambda: not dock.method_panel.job.running and not dock.companions_pending)


def names(viewer: Any) -> list[str]:
    return [layer.name for layer in viewer.layers]


def test_empty_state_says_what_to_do(viewer: Any, dock: DenoiseDock) -> None:
    assert "Drop a stack here" in dock.method_panel._note.text()
    assert not dock.preview_button.isEnabled()
    assert "Preview here or Run" in dock.report.text()
    assert dock.compare.isHidden()


def test_a_run_gives_the_cleaned_stack_and_hidden_companions(
    viewer: Any, dock: DenoiseDock, layer: Any, wait: Any
) -> None:
    run(dock, wait)
    result = viewer.layers.selection.active
    assert result.name == "denoised · NMC particle, Ni K-edge"
    expected = nx.run(stack_of(result).history[-1:], stack_of(layer))
    np.testing.assert_allclose(result.data, expected.data, atol=1e-5)
    hidden = {item.name: item for item in viewer.layers if not item.visible}
    background = hidden["removed background · NMC particle, Ni K-edge"]
    assert not isinstance(background.data, np.ndarray)
    np.testing.assert_allclose(background.data, expected.metadata["denoise"]["background"], atol=1e-5)
    (maps_run,) = workspace_of(viewer).runs
    shown = maps_run.maps["fraction Ni4+ model"].mask
    assert 0.1 < shown.mean() < 0.9
    # Two runs can differ in the last digits, which depend on the addresses of the arrays in memory.
    sigma = maps_run.maps["fraction Ni4+ model"].sigma
    np.testing.assert_allclose(sigma[shown], expected.metadata["denoise"]["fraction_sigma"][1][shown], rtol=1e-4)
    assert {"fraction Ni2+ model", "edge_jump"} <= set(maps_run.maps)
    assert {name.split(" · ")[0] for name in hidden} == {"removed background", "fraction Ni2+ model"}
    assert maps_run.source is result
    assert dock.method_panel.stacks.layer() is result, "all docks have the same stack"
    assert "is denoised already" in dock.method_panel._note.text()
    assert not dock.method_panel.run_button.isEnabled()
    dock.method_panel._note.original_button.click()
    assert viewer.layers.selection.active is layer
    assert dock.method_panel.run_button.isEnabled()
    assert dock.method_panel._note.original_button.isHidden()


def test_the_report_is_shown_with_the_device(viewer: Any, dock: DenoiseDock, layer: Any, wait: Any) -> None:
    dock.method_panel.form().fill({"device": "cpu"})
    run(dock, wait)
    report = viewer.layers.selection.active.metadata["xanes"]["metadata"]["denoise"]["report"]
    lines = dock.report.text().split("\n")
    assert lines[:-1] == [f"• {line}" for line in report["text"]]
    assert "guided total variation" in dock.report.text()
    assert lines[-1] == "• Computed on the processor (CPU)."


def test_a_graphics_card_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "Card 1")
    assert device_text("auto") == "Computed on the graphics card (GPU), Card 1."
    assert "CPU" in device_text("cpu")


@pytest.mark.skipif(not WEIGHTS.exists(), reason="no trained weights")
def test_the_network_cleans_counts(viewer: Any, dock: DenoiseDock, add_stack: Any, counts: Any, wait: Any) -> None:
    layer = add_stack(counts)
    dock.method_panel.form().fill({"noise": "auto"})
    assert "First: optical depth" in dock.method_panel._note.text()
    run(dock, wait)
    assert "trained network" in dock.report.text()
    before = viewer.layers[1]
    assert before.name == "NMC particle, Ni K-edge · optical depth"
    assert not layer.visible
    result = viewer.layers.selection.active
    assert [step.name for step in stack_of(result).history] == ["optical_depth", "denoise"]
    truth = nmc_ni_k(size=SIZE, photons=1e7).stack
    clean = nx.ops.optical_depth(truth).data
    assert np.std(result.data - clean) < 0.4 * np.std(before.data - clean)


@pytest.mark.window
def test_the_swipe_shows_before_on_the_left(viewer: Any, dock: DenoiseDock, layer: Any, wait: Any, settle: Any) -> None:
    run(dock, wait)
    result = viewer.layers.selection.active
    viewer.dims.set_current_step(0, 5)
    for item in (layer, result):
        item.contrast_limits = (-0.2, 0.6)
    number = len(viewer.layers)
    settle()
    after = viewer.screenshot(flash=False).astype(int)
    dock.compare.slider.setValue(100)
    settle()
    half = viewer.screenshot(flash=False).astype(int)
    cover = viewer.layers["before"]
    assert viewer.layers.index(cover) == viewer.layers.index(result) + 1
    np.testing.assert_array_equal(cover.data, layer.data[..., : SIZE // 2])
    assert cover.contrast_limits == result.contrast_limits == [-0.2, 0.6]
    changed = np.abs(half - after).sum(axis=(0, 2)) > 0
    middle = changed.size // 2
    assert changed[:middle].any()
    assert not changed[middle + 2 :].any()
    dock.compare.slider.setValue(200)
    settle()
    whole = viewer.screenshot(flash=False)
    result.visible = False
    viewer.layers["before"].visible = False
    settle()
    np.testing.assert_array_equal(whole, viewer.screenshot(flash=False), "all of it is as before")
    dock.compare.slider.setValue(0)
    assert len(viewer.layers) == number
    assert viewer.layers.selection.active is result


@pytest.mark.window
def test_a_key_switches_between_before_and_after(
    viewer: Any, dock: DenoiseDock, layer: Any, wait: Any, qtbot: Any
) -> None:
    run(dock, wait)
    canvas = viewer.window._qt_viewer.canvas.native
    qtbot.keyClick(canvas, Qt.Key.Key_B)
    assert viewer.layers["before"].data.shape == layer.data.shape
    qtbot.keyClick(canvas, Qt.Key.Key_B)
    assert "before" not in names(viewer)
    dock.parent().hide()
    qtbot.keyClick(canvas, Qt.Key.Key_B)
    assert dock.compare.slider.value() == 0


def test_hiding_the_dock_shows_the_whole_image(viewer: Any, dock: DenoiseDock, layer: Any, wait: Any) -> None:
    run(dock, wait)
    dock.compare.slider.setValue(100)
    dock.parent().hide()
    assert "before" not in names(viewer)
    dock.parent().show()
    wait(lambda: "before" in names(viewer))
    viewer.layers.remove("denoised · NMC particle, Ni K-edge")
    assert "before" not in names(viewer)
    assert dock.compare.isHidden()


@pytest.mark.parametrize("lazy", [False, True])
def test_both_spectra_under_the_cursor_with_the_band(
    lazy: bool, viewer: Any, dock: DenoiseDock, add_stack: Any, counts: SpectralStack, wait: Any
) -> None:
    import dask.array as da

    stack = nx.ops.optical_depth(counts)
    stack = stack.with_data(da.from_array(stack.data, chunks=(8, 16, 16)) if lazy else stack.data)
    add_stack(stack)
    run(dock, wait)
    result = viewer.layers.selection.active
    assert isinstance(result.data, np.ndarray) is not lazy
    viewer.cursor.position = (3, 24 * PIXEL, 20 * PIXEL)
    expected = np.asarray(result.data[:, 24, 20])

    def drawn() -> dict[str, Any]:
        return {curve.name: curve for curve in dock.compare.plot.curves}

    wait(lambda: "after ± σ" in drawn() and np.allclose(drawn()["after ± σ"].values, expected))
    np.testing.assert_allclose(drawn()["before"].values, np.asarray(stack.data[:, 24, 20]), rtol=1e-6)
    noise = stack_of(result).noise
    assert isinstance(noise, AmountNoise)
    factors = noise.factors[:, :, 24, 20]
    covariance = np.einsum("en,nm,km,fk->ef", noise.columns, factors, factors, noise.columns)
    np.testing.assert_allclose(drawn()["after ± σ"].spread, np.sqrt(np.diag(covariance)), rtol=1e-4)
    dock.compare.slider.setValue(100)
    np.testing.assert_allclose(viewer.layers["before"].data, stack.data[..., : SIZE // 2])
    assert dock.compare.plot.line.value() == pytest.approx(stack.energy[viewer.dims.current_step[0]])


@pytest.mark.window
def test_only_a_part_of_a_zoomed_image_is_in_view(viewer: Any, add_stack: Any, wait: Any) -> None:
    layer = add_stack(SpectralStack(np.ones((3, 64, 64), np.float32), [700.0, 710.0, 720.0], "counts", PIXEL))
    viewer.scene.camera.center = (0, 1.4, 1.5)
    viewer.scene.camera.zoom *= 2
    wait(lambda: layer.corner_pixels[0, 1] > 0)
    y0, y1, _, _ = in_view(layer)
    assert 48 <= y1 - y0 < 64


def test_a_preview_covers_the_visible_part_and_is_removed(
    viewer: Any, dock: DenoiseDock, add_stack: Any, wait: Any
) -> None:
    layer = add_stack(nmc_ni_k(size=64, photons=800).stack)
    layer.corner_pixels = np.array([(0, 10, 8), (0, 59, 63)])  # the values that a zoomed canvas sets
    y0, y1, x0, x1 = in_view(layer)
    assert 48 <= y1 - y0 < 64
    for _ in range(2):
        dock.preview()
        wait(lambda: not dock.method_panel.job.running)
        assert len(viewer.layers) == 2
        preview = viewer.layers["denoised preview"]
    assert preview.data.shape[1:] == (y1 - y0, x1 - x0)
    np.testing.assert_allclose(preview.translate[1:], (y0 * PIXEL, x0 * PIXEL))
    assert viewer.layers.selection.active is layer
    assert f"Preview of {x1 - x0} × {y1 - y0} pixels" in dock.report.text()
    assert "the errors are the expected ones" in dock.report.text()
    dock.compare.slider.setValue(200)
    depth = nx.ops.optical_depth(nx.ops.crop(stack_of(layer), region=(y0, y1, x0, x1)))
    np.testing.assert_allclose(viewer.layers["before"].data, depth.data)
    np.testing.assert_allclose(viewer.layers["before"].translate, preview.translate)
    run(dock, wait)
    assert "denoised preview" not in names(viewer)
    assert viewer.layers["before"].data.shape[1:] == (64, 64)


def test_a_preview_is_never_too_small_nor_too_large(viewer: Any, add_stack: Any) -> None:
    layer = add_stack(SpectralStack(np.ones((3, 600, 700), np.float32), [700.0, 710.0, 720.0], "optical_depth"))
    for corners, box in (
        (((0, 0), (599, 699)), (172, 428, 222, 478)),
        (((595, 690), (599, 699)), (552, 600, 652, 700)),
        (((10, 300), (109, 449)), (10, 110, 300, 450)),
    ):
        layer.corner_pixels = np.array([(0, *corner) for corner in corners])
        assert in_view(layer) == box


def test_unexplained_features_can_be_shown(viewer: Any, dock: DenoiseDock, add_stack: Any, wait: Any) -> None:
    stack = nx.ops.optical_depth(nmc_ni_k(size=64, photons=4000).stack)
    data = stack.data.copy()
    data[:, 23:39, 25:41] += 0.1 * np.exp(-(((stack.energy - 8333) / 2) ** 2))[:, None, None].astype(np.float32)
    add_stack(stack.with_data(data))
    run(dock, wait)
    (maps_run,) = workspace_of(viewer).runs
    (novelty,) = workspace_of(viewer).runs.layers_of(maps_run)
    assert not novelty.visible
    button = dock.report.findChild(QPushButton)
    button.click()
    assert novelty.visible
    assert novelty.name.startswith("novelty")
    assert viewer.layers[-1] is novelty
    places = np.argwhere(np.isfinite(novelty.data))
    assert len(places)
    assert np.abs(np.median(places, axis=0) - (30.5, 32.5)).max() < 3
    button.click()
    assert not novelty.visible


def test_references_without_valences_are_used(viewer: Any, dock: DenoiseDock, layer: Any) -> None:
    from napari_xanes.gui.state.workspace import workspace_of

    shared = workspace_of(viewer).references
    for spectrum in shared.spectra:
        shared.set_valence(spectrum.name, None)
    form = dock.method_panel.form()
    assert [item.name for item in form.values()["references"]] == ["Ni2+ model", "Ni4+ model"]
    for spectrum in shared.spectra:
        shared.set_checked(spectrum.name, False)
    assert form.values()["references"] is None, "learned from the stack"


def test_energies_that_a_reference_lacks_are_cut_away_first(
    viewer: Any, dock: DenoiseDock, layer: Any, wait: Any, qtbot: Any
) -> None:
    shared, panel = workspace_of(viewer).references, dock.method_panel
    assert panel._note.text() == ""
    (whole, *_), energy = shared.spectra, stack_of(layer).energy
    kept = (whole.energy >= 8300) & (whole.energy <= 8400)
    shared.add([Spectrum("short", whole.energy[kept], whole.mu[kept])])
    low, high = whole.energy[kept][[0, -1]]
    assert panel._note.text() == f"First: crop to {low:g}–{high:g} eV, which all references cover"
    for name in ("Ni2+ model", "Ni4+ model"):
        shared.set_checked(name, False)
    panel.choose("denoise_pca")
    assert panel._note.text() == "", "it uses no references"
    panel.choose("denoise").field("noise").set("tv")
    qtbot.mouseClick(panel.run_button, Qt.MouseButton.LeftButton)
    wait(lambda: not panel.job.running and not dock.companions_pending)
    result = stack_of(viewer.layers.selection.active)
    assert [step.name for step in result.history] == ["optical_depth", "crop", "denoise"]
    np.testing.assert_array_equal(result.energy, energy[(energy >= low) & (energy <= high)])
    shared.set_checked("short", False)
    viewer.layers.selection.active = layer
    assert panel._note.text() == ""


def test_a_cancelled_run_adds_no_layers(viewer: Any, dock: DenoiseDock, layer: Any, wait: Any, settle: Any) -> None:
    for start in (dock.method_panel.start, dock.preview):
        start()
        assert not dock.preview_button.isEnabled()
        dock.method_panel.job.cancel()
        wait(lambda: not dock.method_panel.job.running)
        settle()
        assert list(viewer.layers) == [layer]
        assert dock.preview_button.isEnabled()
        assert dock.compare.isHidden()


def is_seen(widget: Any) -> bool:
    """Return whether no part of a widget is scrolled away or covered."""
    return bool(widget.isVisible() and widget.visibleRegion().boundingRect() == widget.rect())


def test_a_failure_is_a_notification_and_marks_the_field(
    viewer: Any, dock: DenoiseDock, layer: Any, wait: Any, errors: list[str]
) -> None:
    from napari_xanes.gui.state.workspace import workspace_of

    energy = stack_of(layer).energy
    workspace_of(viewer).references.add([Spectrum("short", energy[20:25], np.linspace(0, 1, 5))])
    run(dock, wait)
    assert "'short' covers" in errors[0]
    form = dock.method_panel.form()
    assert "border" in form.field("references").widget.styleSheet()
    assert "crop the stack" in form._problem.text(), "napari cuts its notifications"
    wait(lambda: is_seen(form._problem))
    assert not form.field("noise").widget.styleSheet()
    assert list(viewer.layers) == [layer]
    form.fill({"reference_offset": 9.0})
    dock.method_panel.start()
    assert "out of bounds" in errors[1]
    assert "border" in form.field("reference_offset").widget.styleSheet()
    assert not dock.method_panel.job.running


@pytest.mark.window
def test_window_can_be_closed_during_a_run(viewer: Any, dock: DenoiseDock, layer: Any, wait: Any) -> None:
    run(dock, wait)
    dock.compare.slider.setValue(100)
    dock.method_panel._note.original_button.click()
    dock.method_panel.start()
    before = threading.active_count()
    viewer.close()
    wait(lambda: threading.active_count() <= before)


def test_the_result_can_be_saved_reopened_and_mapped(
    viewer: Any, dock: DenoiseDock, layer: Any, wait: Any, tmp_path: Path
) -> None:
    run(dock, wait)
    result = viewer.layers.selection.active
    result.save(str(tmp_path / "clean.h5"), plugin="napari-xanes")
    viewer.layers.clear()
    (reopened,) = viewer.open(str(tmp_path / "clean.h5"), plugin="napari-xanes")
    assert reopened.name == result.name
    np.testing.assert_array_equal(reopened.data, result.data)
    about, old = (item.metadata["xanes"]["metadata"]["denoise"] for item in (reopened, result))
    assert about["report"] == old["report"]
    np.testing.assert_array_equal(about["fraction_sigma"], old["fraction_sigma"])
    np.testing.assert_allclose(about["background"], old["background"], atol=1e-6)
    maps = viewer.window.add_plugin_dock_widget("napari-xanes", "Map")[1]
    assert maps.method_panel.stacks.layer() is reopened
    maps.method_panel.start()
    wait(lambda: not maps.method_panel.job.running)
    valence = next(item for item in viewer.layers if item.name.startswith("valence ·"))
    truth = nmc_ni_k(size=SIZE).truth["valence"]
    core = nmc_ni_k(size=SIZE).truth["edge_jump"].data > 0.15
    assert np.nanstd((valence.data - truth.data)[core]) < 0.15


def test_remaining_time_is_shown() -> None:
    assert time_left(1.0, 0.5) == time_left(10.0, 0.01) == ""
    assert time_left(10.0, 0.4) == " · 15 s left"
    assert time_left(100.0, 0.2) == " · 7 min left"


def test_a_late_spectrum_does_not_replace_a_newer_one(
    viewer: Any, add_stack: Any, counts: SpectralStack, wait: Any, settle: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tiles, "EDGE", 8)
    depth = nx.ops.optical_depth(counts)
    armed, hold = threading.Event(), threading.Event()

    def slow(values: Any) -> Any:
        if armed.is_set():
            hold.wait(30)
        return values

    chunks = da.from_array(depth.data, chunks=(-1, 8, 8))
    lazy = depth.with_data(chunks.map_blocks(slow, dtype=np.float32, meta=np.empty((0, 0, 0))))
    view = BeforeAfter(viewer)
    viewer.window.add_dock_widget(view)
    view.set_stacks(lazy, lazy, add_stack(lazy))
    wait(lambda: view.plot.curves)
    armed.set()
    view._read((40, 40))
    view._read((25, 25))
    hold.set()
    wait(lambda: view._tiles[1].spectrum((40, 40), 1) is not None)
    settle(100)
    np.testing.assert_allclose(view.plot.curves[0].values, depth.data[:, 25, 25], rtol=1e-5)
