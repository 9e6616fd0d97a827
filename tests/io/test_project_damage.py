"""Damaged projects: cut short, with wrong types or huge shapes, they are refused with a reason and little memory."""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

import napari_xanes as nx
from napari_xanes.io.project_file import holds_project, project_contents, read_project, read_stored, write_project
from napari_xanes.progress import Cancelled
from napari_xanes.project import Picture, Places, Project, ProjectLayer


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("projects") / "project.h5"
    stack = nx.SpectralStack(np.ones((4, 8, 8), np.float32), [8330, 8340, 8350, 8360], "optical_depth")
    maps = nx.maps.edge_energy(nx.ops.optical_depth(nx.sample.nmc_ni_k(size=8).stack))
    layers = [
        ProjectLayer("stack", stack),
        ProjectLayer("value", maps),
        ProjectLayer("sigma", maps),
        ProjectLayer("photo", Picture(np.arange(20.0).reshape(4, 5))),
        ProjectLayer("marks", Places(np.array([[1.0, 2.0]]))),
        ProjectLayer("labels", np.ones((8, 8), int)),
        ProjectLayer("shapes", [np.array([[0.0, 0.0], [1.0, 1.0]])]),
    ]
    spectrum = nx.Spectrum("NiO", [8330, 8340], [0.0, 1.0])
    write_project(Project(layers, [spectrum], {"pins": [{"energy": np.arange(3.0)}]}), path)
    return path


def test_layers_share_the_maps_of_a_run(whole: Path) -> None:
    read = read_project(whole)
    assert read.layers[1].value is read.layers[2].value
    picture, places = read.layers[3].value, read.layers[4].value
    assert isinstance(picture, Picture)
    assert isinstance(places, Places)
    np.testing.assert_array_equal(picture.data, np.arange(20.0).reshape(4, 5))
    np.testing.assert_array_equal(places.data, [[1.0, 2.0]])
    with h5py.File(whole) as file:
        assert [name for name in file["project"] if name.startswith("layer_")] == [
            "layer_000",
            "layer_001",
            "layer_003",
        ]


def test_contents_are_told_without_reading_them(whole: Path) -> None:
    contents = project_contents(whole)
    assert [layer["name"] for layer in contents["layers"]][:3] == ["stack", "value", "sigma"]
    assert contents["references"] == ["NiO"]
    assert contents["settings"] == ["pins"]


def test_stored_layers_stay_in_the_file(whole: Path) -> None:
    (layer,) = read_stored(whole, [0]).values()
    assert isinstance(layer.value, nx.SpectralStack)
    assert layer.value.is_lazy


def test_writing_can_be_cancelled_within_a_stack(tmp_path: Path) -> None:
    said: list[float] = []

    def stop(done: float, message: str) -> None:
        said.append(done)
        if len(said) == 3:
            raise Cancelled

    stack = nx.SpectralStack(np.zeros((40, 1000, 1000), np.float32), np.arange(8300.0, 8340.0), "optical_depth")
    with pytest.raises(Cancelled):
        write_project(Project([ProjectLayer("large", stack)]), tmp_path / "project.h5", progress=stop)
    assert said == sorted(said)
    assert list(tmp_path.iterdir()) == []


def test_files_that_were_cut_short_are_refused(whole: Path, tmp_path: Path) -> None:
    content, path = whole.read_bytes(), tmp_path / "cut.h5"
    for length in range(0, len(content) - 1, len(content) // 23):
        path.write_bytes(content[:length])
        with pytest.raises((OSError, ValueError), match=r"cut\.h5"):
            read_project(path)


def test_flipped_bytes_end_in_a_reason_or_a_project(whole: Path, tmp_path: Path) -> None:
    content, path, rng = whole.read_bytes(), tmp_path / "flipped.h5", np.random.default_rng(16)
    begin = content.index(b'{"layers"')  # the list of contents; other damage of HDF5 is tested with its readers
    for _ in range(60):
        damaged = bytearray(content)
        for place in rng.integers(begin, begin + 2000, 3):
            damaged[int(place)] = int(rng.integers(256))
        path.write_bytes(bytes(damaged))
        for read in (read_project, project_contents):
            assert "flipped.h5" in _reason(read, path)


def _reason(read: Callable[[Path], Any], path: Path) -> str:
    try:
        read(path)
    except (OSError, ValueError) as error:
        return str(error)
    return path.name


HUGE: list[Any] = [
    {"layers": [{"name": "a", "kind": "picture", "settings": {}, "array": "huge"}]},
    {"layers": [{"name": "a", "kind": "labels", "settings": {}, "value": {"__array__": "huge"}}]},
    {"layers": [{"name": "a", "kind": "places", "settings": {}, "value": {"__array__": "huge"}}]},
    {"layers": [{"name": "a", "kind": "picture", "settings": {}}]},
    {"layers": [{"name": "a", "kind": "picture", "settings": {}, "array": "../.."}]},
    {"layers": [{"name": "a", "kind": "maps", "settings": {}, "group": "layer_000"}]},
    {"layers": [{"name": "a", "kind": "stack", "settings": {}, "group": "layer_001"}]},
    {"settings": {"a": {"__array__": "huge"}}},
    {"settings": {"a": {"__spectrum__": {"name": "x"}}}},
]


@pytest.mark.parametrize("change", HUGE, ids=lambda change: json.dumps(change)[:60])
def test_huge_and_wrong_values_take_no_memory(whole: Path, tmp_path: Path, change: dict[str, Any]) -> None:
    path = tmp_path / "project.h5"
    path.write_bytes(whole.read_bytes())
    with h5py.File(path, "r+") as file:
        root = file["project"]
        for group in (root, root["arrays"]):
            group.create_dataset("huge", (1 << 18, 1 << 18), "i4", chunks=(64, 64), compression="gzip")
        contents = {"layers": [], "references": [], "settings": {}, **change}
        del root["contents"]
        root["contents"] = json.dumps(contents)
    tracemalloc.start()
    with pytest.raises(ValueError, match=r"project\.h5"):
        read_project(path)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 50_000_000


def test_deep_contents_are_refused(whole: Path, tmp_path: Path) -> None:
    path = tmp_path / "deep.h5"
    path.write_bytes(whole.read_bytes())
    with h5py.File(path, "r+") as file:
        del file["project/contents"]
        file["project/contents"] = (
            '{"layers": [], "references": [], "settings": {"a": ' + "[" * 5000 + "]" * 5000 + "}}"
        )
    with pytest.raises(ValueError, match=r"deep\.h5"):
        read_project(path)
    assert holds_project(path)
