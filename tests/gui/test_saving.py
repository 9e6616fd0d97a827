"""Several layers saved at once: each goes to its own file, or nothing is written."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from napari.layers import _layer_actions as actions
from npe2 import PluginManager

import napari_xanes as nx
from napari_xanes import MapSet, ParameterMap, SpectralStack
from napari_xanes.gui.files import save_command
from napari_xanes.gui.state.workspace import workspace_of


@pytest.fixture
def maps(rng: np.random.Generator) -> MapSet:
    values = rng.random((24, 32), np.float32)
    phases = ParameterMap((values > 0.5).astype(np.uint8) + 1, labels={1: "a", 2: "b"})
    maps = {"valence": ParameterMap(values, "1", values / 10), "phase": phases}
    return MapSet(maps, pixel_size=(0.05, 0.05), metadata={"name": "particle"})


@pytest.fixture
def everything(viewer: Any, add_stack: Any, maps: MapSet) -> Any:
    """Return the viewer with a stack, two runs of maps, labels and shapes, all selected."""
    place = {"scale": (0.05, 0.05), "units": ("um", "um")}
    add_stack()
    workspace_of(viewer).runs.add(maps)
    workspace_of(viewer).runs.add(maps)
    labels = np.zeros((24, 32), np.uint8)
    labels[4:12, 6:16] = 3
    viewer.add_labels(labels, name="grains", **place)
    corners = np.array([[4, 6], [4, 15], [11, 15], [11, 6]], float)
    viewer.add_shapes([corners], shape_type="polygon", name="drawn", **place)
    viewer.add_image(np.ones((5, 6), np.float32), name="photo")
    viewer.layers.selection = set(viewer.layers)
    return viewer


def test_each_thing_goes_to_its_own_file(
    everything: Any, stack: SpectralStack, maps: MapSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    monkeypatch.setattr("napari_xanes.gui.files.writers.show_info", told.append)
    written = everything.layers.save(str(tmp_path / "scan.h5"), selected=True, plugin="napari-xanes")
    names = ["particle_optical_depth.h5", "maps_of_particle.h5", "maps_of_particle_2.h5"]
    names += ["grains.tif", "drawn.csv", "photo.tif"]
    assert sorted(written) == sorted(str(tmp_path / f"scan_{name}") for name in names)
    assert sorted(map(str, tmp_path.iterdir())) == sorted(written)
    assert all(Path(path).name in told[0] for path in written)
    np.testing.assert_array_equal(nx.read(tmp_path / "scan_particle_optical_depth.h5").data, stack.data)
    for name in names[1:3]:
        restored = nx.read_maps(tmp_path / f"scan_{name}")
        assert set(restored) == {"valence", "phase"}
        np.testing.assert_array_equal(restored["valence"].sigma, maps["valence"].sigma)
    everything.layers.clear()
    everything.open([str(tmp_path / "scan_particle_optical_depth.h5")], plugin="napari-xanes")
    for name in ("grains.tif", "drawn.csv"):
        everything.open(str(tmp_path / f"scan_{name}"), plugin="napari")
    image, labels, shapes = everything.layers
    assert np.argwhere(np.asarray(labels.data) == 3).min(axis=0).tolist() == [4, 6]
    from napari_xanes.gui.pixels.masks import mask_of

    expected = np.zeros((24, 32), bool)
    expected[4:12, 6:16] = True
    np.testing.assert_array_equal(mask_of(shapes, image), expected)


def test_nothing_is_written_where_a_file_is_there_already(everything: Any, tmp_path: Path) -> None:
    (tmp_path / "scan_grains.tif").write_bytes(b"mine")
    with pytest.raises(OSError, match=r"scan_grains.tif: there already, and nothing was written"):
        everything.layers.save(str(tmp_path / "scan.h5"), selected=True, plugin="napari-xanes")
    assert [path.name for path in tmp_path.iterdir()] == ["scan_grains.tif"]


@pytest.mark.parametrize("suffix", [".csv", "", ".png"])
def test_nothing_is_written_where_a_suffix_holds_no_stack(everything: Any, tmp_path: Path, suffix: str) -> None:
    from napari_xanes.gui.files.writers import write_layers

    layers = [everything.layers[name].as_layer_data_tuple() for name in ("grains", "particle · optical depth")]
    with pytest.raises(OSError, match="stack can't be written with the suffix"):
        write_layers(str(tmp_path / f"scan{suffix}"), layers)
    assert not list(tmp_path.iterdir())


def test_a_failure_names_what_was_written_before_it(
    everything: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from napari_xanes.gui.files import writers

    def full(*_: Any) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(writers.io, "write", full)
    layers = [everything.layers[name].as_layer_data_tuple() for name in ("grains", "particle · optical depth")]
    with pytest.raises(OSError, match="can't be written, scan_grains.tif was written before it: disk full"):
        writers.write_layers(str(tmp_path / "scan.h5"), layers)
    assert [path.name for path in tmp_path.iterdir()] == ["scan_grains.tif"]


def test_two_stacks_are_two_files(viewer: Any, add_stack: Any, stack: SpectralStack, tmp_path: Path) -> None:
    add_stack()
    add_stack(stack.with_data(stack.data * 2))
    written = viewer.layers.save(str(tmp_path / "both.nxs"), plugin="napari-xanes")
    first, second = (nx.read(path) for path in written)
    np.testing.assert_array_equal(second.data, 2 * first.data)


def test_what_a_suffix_can_not_hold_is_refused(viewer: Any, add_stack: Any, tmp_path: Path) -> None:
    layer = add_stack()
    viewer.layers.selection.active = layer
    actions._project(viewer.layers, axis=0, mode="max")
    projection = viewer.layers[-1]
    with pytest.raises(OSError, match=r"is neither a stack nor a map, which \.h5 is for; save it as \.tif"):
        projection.save(str(tmp_path / "max.h5"), plugin="napari-xanes")
    assert not list(tmp_path.iterdir())
    assert projection.save(str(tmp_path / "max.tif"), plugin="napari-xanes") == [str(tmp_path / "max.tif")]


def test_the_manifest_offers_the_writer_for_every_mix() -> None:
    manager = PluginManager.instance()
    manager.discover()
    for kinds in (["image", "image"], ["image", "labels"], ["image", "shapes", "labels", "labels"], ["image"] * 9):
        offered = [writer.command for writer in manager.iter_compatible_writers(kinds)]
        assert "napari-xanes.write_layers" in offered, kinds


@pytest.mark.parametrize("suffix", [".h5", ".tif", ".zarr", ".csv"])
def test_our_own_dialog_saves_the_selected_layer(
    viewer: Any, add_stack: Any, stack: SpectralStack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str
) -> None:
    layer, asked = add_stack(), []
    viewer.layers.selection.active = layer
    target = str(tmp_path / f"saved{suffix}")
    monkeypatch.setattr("napari.current_viewer", lambda: viewer)
    dialog = "napari_xanes.gui.dialogs.QFileDialog.getSaveFileName"
    monkeypatch.setattr(dialog, lambda *arguments: asked.append(arguments) or (target, ""))
    save_command.save_selected()
    assert Path(asked[0][2]).name == "particle.h5"
    assert asked[0][3].startswith("HDF5")
    if suffix == ".csv":
        assert nx.read_spectra(target)[0].name == "all pixels"
    else:
        np.testing.assert_array_equal(nx.read(target).energy, stack.energy)


def test_our_own_dialog_says_why_nothing_was_saved(
    viewer: Any, add_stack: Any, tmp_path: Path, errors: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("napari_xanes.gui.files.save_command.show_error", errors.append)
    monkeypatch.setattr("napari.current_viewer", lambda: viewer)
    save_command.save_selected()
    assert errors == ["There are no layers to save"]
    viewer.layers.selection.active = add_stack()
    save_command.save(viewer, str(tmp_path / "nowhere" / "x.h5"), only_selected=True)
    assert "Not saved" in errors[1]
    assert "nowhere" in errors[1]
