"""Volumes (E, Z, Y, X) in every dock: each dock uses the visible slice, and its results have the right position.

Longer than 300 lines because the tests of all docks share one volume.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.gui.preparing import add_step, apply

import napari_xanes as nx
from napari_xanes import SpectralStack
from napari_xanes.gui.denoising import DenoiseDock
from napari_xanes.gui.layers import is_stack, stack_of
from napari_xanes.gui.map_layers import is_map
from napari_xanes.gui.results.saving import save_maps
from napari_xanes.gui.spectra import SpectraDock
from napari_xanes.gui.state.run_fit import pixel_text
from napari_xanes.gui.state.workspace import workspace_of
from napari_xanes.sample import mn_oxides_l, nmc_ni_k

SLICES, SIZE = 3, 48
SCALE = (0.1, 0.04, 0.04)  # µm


@pytest.fixture(scope="module")
def volume() -> SpectralStack:
    """Return counts of three different particles, one behind the other."""
    slices = [nmc_ni_k(seed=z, size=SIZE, photons=2000).stack for z in range(SLICES)]
    known = {name: np.stack([item.metadata[name] for item in slices], axis=-3) for name in ("flat", "dark")}
    metadata = {**slices[0].metadata, **known, "name": "volume"}
    data = np.stack([item.data for item in slices], axis=1)
    return SpectralStack(data, slices[0].energy, "counts", SCALE, metadata=metadata)


@pytest.fixture
def layer(viewer: Any, volume: SpectralStack, tmp_path: Path) -> Any:
    """Return the layer of the volume, opened as a user opens it."""
    nx.write(volume, tmp_path / "volume.h5")
    (layer,) = viewer.open(str(tmp_path / "volume.h5"), plugin="napari-xanes")
    return layer


@pytest.fixture
def spectra(viewer: Any) -> SpectraDock:
    dock: SpectraDock = viewer.window.add_plugin_dock_widget("napari-xanes", "Spectra")[1]
    dock.workspace.shown.as_depth = False  # the tests compare with the counts
    return dock


def look_at(viewer: Any, layer: Any, index: tuple[int, int, int, int]) -> None:
    """Move the sliders and the mouse to (e, z, y, x)."""
    world = layer.data_to_world(index)
    viewer.dims.set_point(range(4), world)
    viewer.cursor.position = tuple(world)


def go_to_slice(viewer: Any, layer: Any, z: int) -> None:
    viewer.dims.set_point(1, float(layer.data_to_world((0, z, 0, 0))[1]))


def run(dock: Any, wait: Any, method: str | None = None) -> None:
    if method:
        dock.method_panel.methods.setCurrentIndex(dock.method_panel.methods.findData(method))
    dock.method_panel.start()
    wait(lambda: not dock.method_panel.job.running)


def test_cursor_and_pins_use_the_visible_slice(
    viewer: Any, layer: Any, spectra: SpectraDock, volume: SpectralStack, wait: Any
) -> None:
    look_at(viewer, layer, (7, 2, 20, 25))
    wait(lambda: np.array_equal(spectra.view.curves.cursor_values, volume.data[:, 2, 20, 25]))
    assert "x 1 y 0.8 z 0.2 µm · 8312.0 eV" in spectra.view.readout.text()
    go_to_slice(viewer, layer, 1)  # the mouse does not move
    wait(lambda: np.array_equal(spectra.view.curves.cursor_values, volume.data[:, 1, 20, 25]))
    spectra.row.box.setValue(3)
    wait(lambda: np.allclose(spectra.view.curves.cursor_values, volume.data[:, 1, 19:22, 24:27].mean(axis=(-2, -1))))
    spectra.workspace.pinning.pin()
    (found,) = workspace_of(viewer).pin_spectra.spectra
    assert spectra.look.tabs.pins.list.texts() == ["pin 1 · (25, 20, 1) px · (1, 0.8, 0.1) µm"]
    np.testing.assert_allclose(found.curve.values, volume.data[:, 1, 19:22, 24:27].mean(axis=(-2, -1)), rtol=1e-5)


@pytest.mark.parametrize("deep", [True, False])
def test_regions_are_measured_in_the_visible_slice(
    viewer: Any, layer: Any, spectra: SpectraDock, volume: SpectralStack, wait: Any, tmp_path: Path, deep: bool
) -> None:
    look_at(viewer, layer, (7, 2, 20, 25))
    if deep:
        spectra.look.tabs.regions.brush()
    else:
        viewer.add_labels(np.zeros((SIZE, SIZE), np.uint8), scale=layer.scale[-2:], units=layer.units[-2:])
    labels = viewer.layers[-1]
    labels.data[(2, slice(10, 20), slice(5, 15)) if deep else (slice(10, 20), slice(5, 15))] = 1
    labels.events.paint(value=[])
    wait(lambda: spectra.look.tabs.regions.texts() == ["region 1 · 100 px"])

    def mean(z: int) -> Any:
        return volume.data[:, z, 10:20, 5:15].mean(axis=(-2, -1), dtype=np.float64)

    np.testing.assert_allclose(spectra.workspace.regions.regions[0].mean, mean(2), rtol=1e-5)
    spectra.look.export_button.save(tmp_path / "spectra.csv")
    column = (tmp_path / "spectra.csv").read_text().splitlines()[0].split(",").index("region 1 · counts")
    exported = np.genfromtxt(tmp_path / "spectra.csv", delimiter=",", skip_header=1)[:, column]
    np.testing.assert_allclose(exported[np.isfinite(exported)], mean(2), rtol=1e-5)

    go_to_slice(viewer, layer, 0)
    if deep:
        wait(lambda: spectra.look.tabs.regions.texts() == [])
        assert "in this slice" in spectra.look.tabs.regions._empty.text()
    else:
        wait(lambda: np.allclose(spectra.workspace.regions.regions[0].mean, mean(0), rtol=1e-5))


def test_new_napari_labels_use_the_visible_slice(
    viewer: Any, layer: Any, spectra: SpectraDock, volume: SpectralStack, wait: Any
) -> None:
    look_at(viewer, layer, (7, 2, 20, 25))
    viewer._new_labels()
    labels = viewer.layers[-1]
    labels.data[7, 2, 10:20, 5:15] = 1
    labels.events.paint(value=[])
    wait(lambda: spectra.look.tabs.regions.texts() == ["region 1 · 100 px"])
    expected = volume.data[:, 2, 10:20, 5:15].mean(axis=(-2, -1), dtype=np.float64)
    np.testing.assert_allclose(spectra.workspace.regions.regions[0].mean, expected, rtol=1e-5)
    go_to_slice(viewer, layer, 0)
    wait(lambda: spectra.look.tabs.regions.texts() == [])


def test_an_area_drawn_in_a_slice_belongs_to_it(
    viewer: Any, layer: Any, spectra: SpectraDock, volume: SpectralStack, wait: Any
) -> None:
    from napari_xanes.gui.pixels.masks import mask_of

    corners = np.array([(0, 2, y, x) for y, x in ((10, 5), (10, 14), (19, 14), (19, 5))], dtype=float)
    look_at(viewer, layer, (7, 2, 20, 25))
    shapes = viewer.add_shapes([corners], ndim=4, scale=layer.scale, units=layer.units)
    wait(lambda: spectra.look.tabs.regions.texts() == ["shape 1 · 100 px"])
    expected = np.zeros(volume.shape[1:], dtype=bool)
    expected[2, 10:20, 5:15] = True
    np.testing.assert_array_equal(mask_of(shapes, layer), expected)
    go_to_slice(viewer, layer, 1)
    wait(lambda: spectra.look.tabs.regions.texts() == [])


def test_a_drawn_area_in_other_units_covers_the_same_pixels(viewer: Any, layer: Any) -> None:
    from napari_xanes.gui.pixels.masks import mask_of

    corners = np.array([(10, 5), (10, 14), (19, 14), (19, 5)]) * 0.04
    shapes = viewer.add_shapes([corners], units=layer.units[-2:])  # in µm, not in the stack's pixels
    expected = np.zeros((SIZE, SIZE), dtype=bool)
    expected[10:20, 5:15] = True
    np.testing.assert_array_equal(mask_of(shapes, layer), expected)


@pytest.mark.parametrize("deep", [True, False])
def test_i0_of_a_brushed_region(viewer: Any, layer: Any, volume: SpectralStack, wait: Any, deep: bool) -> None:
    dock = viewer.window.add_plugin_dock_widget("napari-xanes", "Prepare")[1]
    marked = np.zeros(volume.shape[1:] if deep else (SIZE, SIZE), np.uint8)
    marked[(1, slice(0, 6), slice(0, 6)) if deep else (slice(0, 6), slice(0, 6))] = 1
    viewer.add_labels(marked, scale=SCALE[-marked.ndim :], units=layer.units[-marked.ndim :], name="air")
    viewer.layers.selection.active = layer
    add_step(dock, "optical_depth").field("i0").widget.setCurrentText("region: air")
    apply(dock, wait)
    dark = volume.metadata["dark"]
    inside = (volume.data - dark)[:, 1:2, :6, :6] if deep else (volume.data - dark)[:, :, :6, :6]
    i0 = inside.mean(axis=(1, 2, 3), dtype=np.float64)
    result = viewer.layers.selection.active
    expected = -np.log((volume.data - dark) / i0[:, None, None, None])
    np.testing.assert_allclose(result.data, expected, rtol=1e-3, atol=1e-4)
    assert tuple(result.scale) == (1, *SCALE)
    assert tuple(result.axis_labels) == ("energy", "z", "y", "x")


def test_crop_to_a_brushed_region_keeps_all_slices(viewer: Any, layer: Any, volume: SpectralStack, wait: Any) -> None:
    dock = viewer.window.add_plugin_dock_widget("napari-xanes", "Prepare")[1]
    marked = np.zeros(volume.shape[1:], np.uint8)
    marked[1, 10:30, 5:45] = 1
    viewer.add_labels(marked, scale=SCALE, units=layer.units[1:], name="part")
    viewer.layers.selection.active = layer
    add_step(dock, "crop").field("region").widget.setCurrentText("region: part")
    apply(dock, wait)
    result = stack_of(viewer.layers.selection.active)
    np.testing.assert_array_equal(result.data, volume.data[..., 10:30, 5:45])
    np.testing.assert_array_equal(result.metadata["flat"], volume.metadata["flat"][..., 10:30, 5:45])


@pytest.mark.parametrize("estimator", ["fit_references", "edge_energy"])
def test_maps_of_a_volume(
    viewer: Any, layer: Any, spectra: SpectraDock, volume: SpectralStack, wait: Any, tmp_path: Path, estimator: str
) -> None:
    dock = viewer.window.add_plugin_dock_widget("napari-xanes", "Map")[1]
    run(dock, wait, estimator)
    maps = [item for item in viewer.layers if is_map(item)]
    assert maps
    for item in maps:
        assert item.data.shape == volume.shape[1:]
        assert tuple(item.scale) == SCALE
        assert tuple(item.axis_labels) == ("z", "y", "x")
        assert [str(unit) for unit in item.units] == ["micrometer"] * 3
    shown = spectra.workspace.stacks.layer
    assert shown is not layer
    depth = nx.ops.optical_depth(volume)
    method = nx.maps.ESTIMATORS[estimator]
    flat = [
        method.apply(_slice(depth, z), nx.Step(estimator, history.parameters, history.state))
        for history in [dock.results.maps.history[-1]]
        for z in range(SLICES)
    ]
    for name, whole in dock.results.maps.items():
        for z in range(SLICES):
            np.testing.assert_allclose(whole.data[z], flat[z][name].data, rtol=2e-4, atol=2e-5, err_msg=name)

    look_at(viewer, shown, (7, 2, 24, 24))
    made = dock.results.run_list.selected()[0]
    wait(lambda: dock.overlay.text() == pixel_text(made.maps, (2, 24, 24), made.shown.map))
    assert "edge jump" in dock.overlay.text()
    if estimator == "fit_references":
        (fit,) = (item for item in spectra.view.plot.curves if item.kind == "fit")
        np.testing.assert_allclose(fit.values, depth.data[:, 2, 24, 24], atol=0.1)
    for suffix in ("h5", "tif"):
        save_maps(dock.results.maps, str(tmp_path / f"maps.{suffix}"))
        reopened = viewer.open(str(tmp_path / f"maps.{suffix}"), plugin="napari-xanes")
        by_name = {item.name: item for item in maps}
        for item in reopened:
            # napari adds a number to a name that is already used
            before = by_name[item.name.rsplit(" [", 1)[0]]
            np.testing.assert_allclose(item.data, before.data, rtol=1e-6, err_msg=item.name)
            np.testing.assert_allclose(item.scale, before.scale)
            assert tuple(item.axis_labels) == ("z", "y", "x")


def _slice(stack: SpectralStack, z: int) -> SpectralStack:
    from napari_xanes.ops.slices import slices_of

    return slices_of(stack, z)


def test_a_run_uses_the_stack_selected_at_its_start(viewer: Any, layer: Any, volume: SpectralStack, wait: Any) -> None:
    """The selection can change during the run."""
    dock = viewer.window.add_plugin_dock_widget("napari-xanes", "Map")[1]
    other = viewer.add_image(layer.data * 2, **{"metadata": layer.metadata, "scale": layer.scale, "name": "other"})
    viewer.layers.selection.active = layer
    dock.method_panel.start()
    viewer.layers.selection.active = other
    wait(lambda: not dock.method_panel.job.running)
    assert not layer.visible, "its absorption took its place"
    assert other.visible
    assert dock._runs.chosen.source.name == "volume · optical depth"


@pytest.fixture
def denoise(viewer: Any) -> DenoiseDock:
    dock: DenoiseDock = viewer.window.add_plugin_dock_widget("napari-xanes", "Denoise")[1]
    dock.method_panel.form().field("noise").set("tv")
    return dock


def test_preview_uses_the_visible_slice(
    viewer: Any, layer: Any, denoise: DenoiseDock, volume: SpectralStack, wait: Any
) -> None:
    go_to_slice(viewer, layer, 2)
    denoise.preview()
    wait(lambda: not denoise.method_panel.job.running)
    preview = next(item for item in viewer.layers if item.name == "denoised preview")
    assert preview.data.shape == (volume.energy.size, 1, SIZE, SIZE)
    assert tuple(preview.translate) == (0, 2 * SCALE[0], 0, 0)
    depth = nx.ops.optical_depth(volume).data[:, 2]
    assert np.abs(preview.data[:, 0] - depth).mean() < 0.03
    assert "slice" not in denoise.report.text()
    before = next(item for item in denoise.compare.plot.curves if item.name == "before")
    np.testing.assert_allclose(before.values, depth[:, SIZE // 2, SIZE // 2], rtol=1e-5)


def test_a_cleaned_volume_is_compared_in_the_visible_slice(
    viewer: Any, layer: Any, denoise: DenoiseDock, volume: SpectralStack, wait: Any
) -> None:
    look_at(viewer, layer, (7, 2, SIZE // 2, SIZE // 2))
    run(denoise, wait)
    wait(lambda: not denoise.companions_pending)
    cleaned = viewer.layers.selection.active
    assert cleaned.data.shape == volume.shape
    depth = nx.ops.optical_depth(volume).data
    curves = {item.name: item for item in denoise.compare.plot.curves}
    np.testing.assert_allclose(curves["before"].values, depth[:, 2, SIZE // 2, SIZE // 2], rtol=1e-5)
    np.testing.assert_allclose(curves["after ± σ"].values, cleaned.data[:, 2, SIZE // 2, SIZE // 2], rtol=1e-5)
    assert denoise.report.text().count("Maps were cleaned") == 1, "what all slices say is said once"
    look_at(viewer, cleaned, (7, 0, 10, 30))
    wait(lambda: np.allclose(denoise.compare.plot.curves[0].values, depth[:, 0, 10, 30], rtol=1e-5))
    denoise.compare.slider.setValue(100)
    cover = next(item for item in viewer.layers if item.name == "before")
    np.testing.assert_array_equal(cover.data, depth[..., : SIZE // 2])
    for item in viewer.layers:
        assert item.data.shape[-3] == SLICES, item.name
        assert tuple(item.scale[-3:]) == SCALE, item.name


def test_a_volume_without_references_asks_for_them_before_any_computation(
    viewer: Any, layer: Any, denoise: DenoiseDock, errors: list[str]
) -> None:
    from napari_xanes.gui.state.workspace import workspace_of

    for item in workspace_of(viewer).references.spectra:
        workspace_of(viewer).references.set_checked(item.name, False)
    denoise.method_panel.start()
    assert not denoise.method_panel.job.running
    assert "give references" in errors[0]
    assert "border" in denoise.method_panel.form().field("references").widget.styleSheet()
    assert [item.name for item in viewer.layers] == [layer.name]


@pytest.fixture
def oxides() -> SpectralStack:
    slices = [mn_oxides_l(seed=z, size=24).stack for z in range(SLICES)]
    data = np.stack([item.data for item in slices], axis=1)
    return nx.ops.optical_depth(
        SpectralStack(data, slices[0].energy, "counts", SCALE, metadata={**slices[0].metadata, "name": "oxides"}),
        i0=(0, 2, 0, 24),
    )


def test_a_library_is_matched_and_embedded_slice_by_slice(
    viewer: Any, add_stack: Any, oxides: SpectralStack, wait: Any
) -> None:
    layer = add_stack(oxides)
    mapping = viewer.window.add_plugin_dock_widget("napari-xanes", "Map")[1]
    mapping.method_panel.methods.setCurrentIndex(mapping.method_panel.methods.findData("match_library"))
    mapping.method_panel.form().fill({"offset": 0.0, "broadening": 0.3})
    run(mapping, wait)
    charge = mapping.results.maps["charge"]
    assert charge.data.shape == oxides.shape[1:]
    viewer.layers.selection.active = layer
    dock = viewer.window.add_plugin_dock_widget("napari-xanes", "Embedding")[1]
    dock.method.setCurrentText("PCA")
    dock.start()
    wait(lambda: dock.picture is not None)
    assert dock.picture.pixels.shape == (*oxides.shape[1:], 2)
    z, y, x = np.argwhere(charge.mask & np.isfinite(dock.picture.pixels[..., 0]))[-1]
    look_at(viewer, layer, (7, z, y, x))
    wait(lambda: f"here: {charge.labels[int(charge.data[z, y, x])]}" in dock.readout.text())
    inside = np.zeros(oxides.shape[1:], dtype=bool)
    inside[2, 5:9, 5:9] = True
    dock._label((dock.picture, layer), inside)
    selection = next(item for item in viewer.layers if item.name == "embedding selection")
    np.testing.assert_array_equal(selection.data, inside)
    assert tuple(selection.scale) == SCALE


def test_a_recipe_from_a_volume_replays(viewer: Any, layer: Any, volume: SpectralStack, wait: Any) -> None:
    dock = viewer.window.add_plugin_dock_widget("napari-xanes", "Map")[1]
    run(dock, wait, "fit_references")
    maps = dock.results.maps
    repeated = nx.run(nx.Recipe.from_yaml(nx.Recipe(maps.history).to_yaml(exact=True)), volume)
    for name, item in maps.items():
        np.testing.assert_allclose(repeated[name].data, item.data, rtol=1e-5, atol=1e-6, err_msg=name)
    assert {item.data.ndim for item in viewer.layers if is_stack(item)} == {4}


def test_3d_view_explains_that_it_has_no_cursor(viewer: Any, layer: Any, spectra: SpectraDock, wait: Any) -> None:
    look_at(viewer, layer, (7, 2, 20, 25))
    wait(lambda: "y 0.8" in spectra.view.readout.text())
    viewer.dims.ndisplay = 3
    viewer.cursor.position = (7, 0.1, 0.4, 0.4)
    wait(lambda: "3D view" in spectra.view.readout.text())
    assert not spectra.look.pin_button.isEnabled()


def test_display_limits_of_a_volume_cover_all_slices(layer: Any, volume: SpectralStack) -> None:
    low, high = layer.contrast_limits
    np.testing.assert_allclose((low, high), np.percentile(volume.data, (0.5, 99.5)), rtol=0.05)
