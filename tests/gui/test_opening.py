"""Several files dropped at once: parts of one stack, or separate stacks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from napari.components import ViewerModel
from qtpy.QtWidgets import QWidget
from tests.io.zeiss.xrm_files import aps

import napari_xanes as nx
from napari_xanes.gui.files import readers
from napari_xanes.gui.files.drop_target import DropTarget


def names(folder: Path, pattern: str = "*") -> list[str]:
    return sorted(map(str, folder.glob(pattern)))


def test_files_of_a_series_dropped_onto_a_dock_are_one_stack(viewer: Any, tmp_path: Path) -> None:
    widget = QWidget()
    DropTarget(widget, viewer).open(names(aps(tmp_path)))
    assert [layer.data.shape for layer in viewer.layers] == [(3, 4, 5)]


def test_files_of_a_series_dropped_one_by_one_open_it_once(
    viewer: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("napari.current_viewer", lambda: viewer)
    files = names(aps(tmp_path))
    viewer.open(files, plugin="napari-xanes")
    assert [layer.data.shape for layer in viewer.layers] == [(3, 4, 5)]
    assert f"{Path(files[-1]).name} is part of {viewer.layers[0].name}" in viewer.status
    viewer.layers.clear()
    viewer.open(files[:2], plugin="napari-xanes")
    assert len(viewer.layers) == 1, "a series that was closed opens again"


def test_a_dock_looks_for_an_open_series_in_its_own_viewer(
    viewer: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    current = ViewerModel()
    monkeypatch.setattr("napari.current_viewer", lambda: current)
    files = names(aps(tmp_path))
    target = DropTarget(QWidget(), viewer)
    target.open(files)
    target.open(files[:1])
    assert [layer.data.shape for layer in viewer.layers] == [(3, 4, 5)]
    assert "which is open already" in viewer.status
    assert "is part of" not in current.status


def test_another_series_in_the_same_folder_opens_too(
    viewer: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("napari.current_viewer", lambda: viewer)
    aps(tmp_path)
    aps(tmp_path, stem="fov08")
    viewer.open(names(tmp_path, "fov*"), plugin="napari-xanes")
    assert len(viewer.layers) == 2


def test_independent_stacks_are_opened_separately(viewer: Any, tmp_path: Path) -> None:
    for name in "ab":
        np.savez(tmp_path / f"{name}.npz", data=np.ones((3, 4, 5)), energy=[7100, 7110, 7120])
    maps = nx.MapSet({"jump": nx.ParameterMap(np.ones((4, 5)))})
    nx.write(maps, tmp_path / "maps.h5")
    DropTarget(QWidget(), viewer).open(names(tmp_path))
    assert sorted(layer.data.ndim for layer in viewer.layers) == [2, 3, 3]


def test_images_and_their_energies_dropped_together(viewer: Any, tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "scan.tif", np.ones((3, 4, 5), np.float32), photometric="minisblack")
    (tmp_path / "measured.txt").write_text("7100\n7110\n7120\n")
    DropTarget(QWidget(), viewer).open([str(tmp_path / "scan.tif"), str(tmp_path / "measured.txt")])
    assert [layer.data.shape for layer in viewer.layers] == [(3, 4, 5)]
    np.testing.assert_array_equal(viewer.layers[0].metadata["xanes"]["energy_eV"], [7100, 7110, 7120])


def test_missing_files_are_reported(viewer: Any, tmp_path: Path, errors: list[str]) -> None:
    DropTarget(QWidget(), viewer).open([str(tmp_path / "a.h5"), str(tmp_path / "b.h5")])
    assert len(errors) == 1
    assert "a.h5" in errors[0]
    assert not viewer.layers


def test_unreadable_files_are_reported_together(viewer: Any, tmp_path: Path, errors: list[str]) -> None:
    for i in range(10):
        (tmp_path / f"{i}.h5").write_bytes(b"no HDF5")
    np.savez(tmp_path / "a.npz", data=np.ones((3, 4, 5)), energy=[7100, 7110, 7120])
    DropTarget(QWidget(), viewer).open(names(tmp_path))
    assert len(viewer.layers) == 1
    (message,) = errors
    assert message.splitlines()[0].endswith("(0.h5)")
    assert message.endswith("and 2 more")


def test_photos_among_the_files_are_left_to_napari(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "photo.tif", np.ones((4, 5), np.uint8))
    np.savez(tmp_path / "a.npz", data=np.ones((3, 4, 5)), energy=[7100, 7110, 7120])
    assert readers.get_reader(names(tmp_path)) is None
    assert readers.get_reader([str(tmp_path / "photo.tif")]) is None


def test_a_stack_saved_as_zarr_opens_unchanged(viewer: Any, add_stack: Any, tmp_path: Path) -> None:
    layer = add_stack()
    viewer.layers.save(str(tmp_path / "stack.zarr"), plugin="napari-xanes")
    viewer.layers.clear()
    viewer.open(tmp_path / "stack.zarr", plugin="napari-xanes")
    np.testing.assert_array_equal(viewer.layers[0].data, layer.data)
    assert viewer.layers[0].metadata["xanes"]["quantity"] == layer.metadata["xanes"]["quantity"]
