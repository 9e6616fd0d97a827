from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import napari_xanes as nx
from napari_xanes import MapSet, SpectralStack, Spectrum
from napari_xanes.gui.files import readers, writers
from napari_xanes.gui.layers import stack_of
from napari_xanes.gui.map_layers import maps_of, maps_to_layers
from napari_xanes.gui.state.workspace import workspace_of


@pytest.fixture
def maps(depth_stack: SpectralStack, references: list[Spectrum]) -> MapSet:
    return nx.maps.fit_references(depth_stack, references=references, slope=True)


def test_stack_to_layer_and_back_is_unchanged(add_stack: Any, stack: SpectralStack) -> None:
    layer = add_stack()
    restored = stack_of(layer)
    assert np.shares_memory(restored.data, stack.data)
    np.testing.assert_array_equal(restored.energy, stack.energy)
    assert (restored.quantity, restored.pixel_size, restored.name) == (stack.quantity, stack.pixel_size, "particle")
    assert tuple(layer.scale) == (1, 0.05, 0.05)
    assert [str(unit) for unit in layer.units] == ["pixel", "micrometer", "micrometer"]
    assert tuple(layer.axis_labels) == ("energy", "y", "x")


def test_maps_become_layers_with_units_masks_and_hidden_companions(viewer: Any, maps: MapSet) -> None:
    runs = workspace_of(viewer).runs
    run = runs.add(maps)
    runs.all_as_layers(run)
    layers = {layer.name.split(" · ")[0]: layer for layer in viewer.layers}
    assert [layer.name for layer in viewer.layers if layer.visible] == ["valence · mixture"]
    assert "edge_jump (OD)" in layers
    assert "valence ± σ" in layers
    assert layers["dominant"].__class__.__name__ == "Labels"
    assert viewer.layers[-1] is layers["valence"] is runs.layer_of(run)
    assert tuple(layers["valence"].scale) == (0.05, 0.05)


def test_masked_pixels_have_no_colour(depth_stack: SpectralStack, references: list[Spectrum]) -> None:
    data = depth_stack.data.copy()
    data[:, 0, 0] = np.nan
    data[:, 1, 1] = 0.001
    maps = nx.maps.fit_references(depth_stack.with_data(data), references=references)
    for values, keywords, _ in maps_to_layers(maps):
        corner = values[(0, 1), (0, 1)]
        assert (corner == 0).all() if keywords["metadata"]["xanes"]["labels"] else np.isnan(corner).all()


def test_maps_to_layers_and_back_are_unchanged(maps: MapSet) -> None:
    restored = maps_of([maps_to_layers(maps)[0][1]["metadata"]["xanes"]])
    assert set(restored) == set(maps)
    for name, parameter_map in maps.items():
        np.testing.assert_array_equal(restored[name].data, parameter_map.data)
    assert restored.history == maps.history


def test_maps_of_two_runs_are_not_mixed(maps: MapSet) -> None:
    metas = [layer[1]["metadata"]["xanes"] for run in range(2) for layer in maps_to_layers(maps)]
    with pytest.raises(ValueError, match="different runs"):
        maps_of(metas)


@pytest.mark.parametrize("suffix", [".h5", ".nxs", ".tif"])
def test_layers_saved_by_napari_can_be_read_again(
    viewer: Any, add_stack: Any, maps: MapSet, wait: Any, tmp_path: Path, suffix: str
) -> None:
    layer = add_stack()
    target = tmp_path / f"stack{suffix}"
    assert layer.save(str(target), plugin="napari-xanes") == [str(target)]
    viewer.layers.clear()
    (reopened,) = viewer.open(str(target), plugin="napari-xanes")
    np.testing.assert_array_equal(reopened.data, layer.data)
    np.testing.assert_array_equal(reopened.metadata["xanes"]["energy_eV"], layer.metadata["xanes"]["energy_eV"])
    assert tuple(reopened.scale) == tuple(layer.scale)

    viewer.layers.clear()
    workspace_of(viewer).runs.add(maps)
    (added,) = viewer.layers
    target = tmp_path / f"maps{suffix}"
    viewer.layers.save(str(target), plugin="napari-xanes")
    viewer.layers.clear()
    assert len(workspace_of(viewer).runs) == 0
    (reopened,) = viewer.open(str(target), plugin="napari-xanes")
    assert reopened.name == added.name
    wait(lambda: reopened.colorbar.visible)
    (run,) = workspace_of(viewer).runs
    restored = run.maps
    assert set(restored) == set(maps)
    assert restored.history == maps.history
    np.testing.assert_array_equal(restored["valence"].data, maps["valence"].data)
    np.testing.assert_array_equal(restored["valence"].sigma, maps["valence"].sigma)


def test_region_spectra_are_saved(viewer: Any, add_stack: Any, stack: SpectralStack, tmp_path: Path) -> None:
    add_stack()
    labels = np.zeros((24, 32), int)
    labels[2:5, 3:9] = 1
    labels[10:20, 3:9] = 4
    viewer.add_labels(labels, name="region", scale=(0.05, 0.05))
    viewer.layers.save(str(tmp_path / "regions.csv"), plugin="napari-xanes")
    first, fourth = nx.read_spectra(tmp_path / "regions.csv")
    assert [first.name, fourth.name] == ["region 1", "region 4"]
    assert first.metadata["normalized"] is False
    assert first.metadata["quantity"] == "optical_depth"
    np.testing.assert_allclose(first.mu, stack.data[:, 2:5, 3:9].mean(axis=(1, 2)), rtol=1e-5)
    spread = stack.data[:, 10:20, 3:9].std(axis=(1, 2))
    np.testing.assert_allclose(fourth.metadata["standard_deviation"], spread, rtol=1e-4)
    np.testing.assert_allclose(fourth.sigma, spread / np.sqrt(60), rtol=1e-4)
    assert fourth.metadata["n_pixels"] == 60


def test_drawn_regions_are_saved_too(viewer: Any, add_stack: Any, stack: SpectralStack, tmp_path: Path) -> None:
    add_stack()
    corners = np.array([[1.5, 2.5], [1.5, 8.5], [4.5, 8.5], [4.5, 2.5]])
    viewer.add_shapes([corners], shape_type="polygon", name="drawn", scale=(0.05, 0.05))
    viewer.layers.save(str(tmp_path / "regions.xdi"), plugin="napari-xanes")
    (drawn,) = nx.read_spectra(tmp_path / "regions.xdi")
    np.testing.assert_allclose(drawn.mu, stack.data[:, 2:5, 3:9].mean(axis=(1, 2)), rtol=1e-4)


def test_a_file_dropped_onto_a_dock_opens(viewer: Any, stack: SpectralStack, tmp_path: Path, errors: list[str]) -> None:
    from qtpy.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
    from qtpy.QtGui import QDragEnterEvent, QDropEvent
    from qtpy.QtWidgets import QApplication

    nx.write(stack, tmp_path / "stack.h5")
    (tmp_path / "notes.h5").write_text("no stack")
    dock = viewer.window.add_plugin_dock_widget("napari-xanes", "Map")[1]
    for name in ("stack.h5", "notes.h5"):
        data = QMimeData()
        data.setUrls([QUrl.fromLocalFile(str(tmp_path / name))])
        keys = (Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier)
        enter = QDragEnterEvent(QPoint(9, 9), Qt.DropAction.CopyAction, data, *keys)
        QApplication.sendEvent(dock, enter)
        assert enter.isAccepted()
        QApplication.sendEvent(dock, QDropEvent(QPointF(9, 9), Qt.DropAction.CopyAction, data, *keys))
    assert [layer.metadata["xanes"]["kind"] for layer in viewer.layers] == ["stack"]
    assert len(errors) == 1
    assert "notes.h5" in errors[0]


def test_an_ordinary_image_is_left_to_napari(viewer: Any, tmp_path: Path) -> None:
    import tifffile

    tifffile.imwrite(tmp_path / "photo.tif", np.zeros((5, 8, 8), np.uint8))
    assert readers.get_reader(str(tmp_path / "photo.tif")) is None
    image = viewer.add_image(np.arange(12.0).reshape(3, 4), name="plain")
    data, meta, _ = image.as_layer_data_tuple()
    assert writers.write_layer(str(tmp_path / "plain.tif"), data, meta) == [str(tmp_path / "plain.tif")]
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "plain.tif"), data)


def test_an_unwritable_target_changes_no_layers_or_files(add_stack: Any, tmp_path: Path) -> None:
    layer = add_stack()
    before = layer.data.copy()
    with pytest.raises(OSError, match="nowhere"):
        layer.save(str(tmp_path / "nowhere" / "stack.h5"), plugin="napari-xanes")
    assert list(tmp_path.iterdir()) == []
    np.testing.assert_array_equal(layer.data, before)
