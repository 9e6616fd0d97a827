"""Projects in one file: what a window holds comes back, and what is missing is said."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

import napari_xanes as nx
from napari_xanes import io
from napari_xanes.history import Source, Step
from napari_xanes.io.project_file import holds_project, read_project, write_project
from napari_xanes.project import Project, ProjectLayer


@pytest.fixture(scope="module")
def depth() -> nx.SpectralStack:
    return nx.ops.optical_depth(nx.sample.nmc_ni_k(size=16).stack)


@pytest.fixture(scope="module")
def maps(depth: nx.SpectralStack) -> nx.MapSet:
    return nx.maps.edge_energy(depth)


def project_of(*layers: ProjectLayer) -> Project:
    return Project(layers)


def test_every_kind_of_layer_comes_back(tmp_path: Path, depth: nx.SpectralStack, maps: nx.MapSet) -> None:
    labels = np.zeros((16, 16), np.int32)
    labels[3:7, 4:9] = 2
    corners = [np.array([[1.0, 2.0], [5.0, 2.0], [5.0, 8.0]]), np.array([[0.0, 0.0], [3.0, 3.0]])]
    path = tmp_path / "project.h5"
    reference = nx.Spectrum("NiO", depth.energy, np.linspace(0, 1, depth.energy.size), 2.0, metadata={"k": [1, 2]})
    settings = {"draft": [Step("normalize_edge", {"e0": 8343.5})], "pins": [{"place": (1.0, 2.0)}], "chosen": 1}
    write_project(
        Project(
            [
                ProjectLayer("particle", depth, {"visible": False, "contrast_limits": [0.0, 1.5]}),
                ProjectLayer("edges", maps, {"shown": "edge_energy"}),
                ProjectLayer("regions", labels),
                ProjectLayer("line", corners, {"shape_type": ["polygon", "line"]}),
            ],
            [reference],
            settings,
        ),
        path,
    )
    read = read_project(path)
    stack, found_maps, found_labels, shapes = (layer.value for layer in read.layers)
    assert isinstance(stack, nx.SpectralStack)
    assert isinstance(found_maps, nx.MapSet)
    np.testing.assert_array_equal(stack.data, depth.data)
    assert (stack.history, stack.source, stack.quantity) == (depth.history, depth.source, depth.quantity)
    assert stack.pixel_size == depth.pixel_size
    assert list(found_maps) == list(maps)
    for name in maps:
        np.testing.assert_array_equal(found_maps[name].data, maps[name].data)
    np.testing.assert_array_equal(found_labels, labels)
    for found, given in zip(shapes, corners, strict=True):
        np.testing.assert_array_equal(found, given)
    assert read.layers[0].settings == {"visible": False, "contrast_limits": [0.0, 1.5]}
    assert [layer.name for layer in read.layers] == ["particle", "edges", "regions", "line"]
    (found_reference,) = read.references
    assert (found_reference.name, found_reference.valence) == ("NiO", 2.0)
    np.testing.assert_array_equal(found_reference.mu, reference.mu)
    assert read.settings == settings
    assert read.notes == ()


def test_an_empty_project_comes_back_empty(tmp_path: Path) -> None:
    write_project(Project(), tmp_path / "empty.h5")
    assert read_project(tmp_path / "empty.h5").layers == ()


def test_a_large_stack_stays_in_the_project(tmp_path: Path, depth: nx.SpectralStack) -> None:
    path = tmp_path / "project.h5"
    write_project(project_of(ProjectLayer("particle", depth)), path)
    (layer,) = read_project(path, memory_limit=1000).layers
    assert isinstance(layer.value, nx.SpectralStack)
    assert layer.value.is_lazy
    np.testing.assert_array_equal(np.asarray(layer.value.data), depth.data)


@pytest.fixture
def by_reference(tmp_path: Path, depth: nx.SpectralStack) -> Path:
    """A project beside the file of its stack, in a folder of its own."""
    folder = tmp_path / "beamtime"
    folder.mkdir()
    nx.write(depth, folder / "scan.h5")
    stack = nx.read(folder / "scan.h5")
    # A file of our own keeps the source of what is in it; here the file itself is what the layer shows.
    source = Source(str((folder / "scan.h5").resolve()), io.fingerprint(folder / "scan.h5"))
    assert stack.shape == depth.shape
    write_project(project_of(ProjectLayer("scan", source)), folder / "project.h5")
    return folder


def test_a_stack_in_its_own_file_is_read_again(by_reference: Path, depth: nx.SpectralStack) -> None:
    (layer,) = read_project(by_reference / "project.h5").layers
    assert isinstance(layer.value, nx.SpectralStack)
    np.testing.assert_array_equal(layer.value.data, depth.data)
    assert (by_reference / "project.h5").stat().st_size < 100_000


def test_a_folder_can_be_moved(by_reference: Path, tmp_path: Path) -> None:
    shutil.move(by_reference, tmp_path / "elsewhere")
    read = read_project(tmp_path / "elsewhere" / "project.h5")
    assert len(read.layers) == 1
    assert read.notes == ()


def test_a_missing_file_is_named_and_all_else_opens(by_reference: Path, depth: nx.SpectralStack) -> None:
    project = read_project(by_reference / "project.h5")
    source = Source(str(by_reference / "gone.h5"))
    write_project(project_of(ProjectLayer("lost", source), *project.layers), by_reference / "two.h5")
    read = read_project(by_reference / "two.h5")
    assert [layer.name for layer in read.layers] == ["scan"]
    assert "'lost' is left out" in read.notes[0]
    assert "gone.h5" in read.notes[0]


def test_a_file_outside_the_folder_is_named(by_reference: Path, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    shutil.copy(by_reference / "project.h5", tmp_path / "other" / "project.h5")
    (note,) = read_project(tmp_path / "other" / "project.h5").notes
    assert "outside the folder of the project" in note


def test_a_changed_file_is_said(by_reference: Path, depth: nx.SpectralStack) -> None:
    nx.write(depth.with_data(depth.data + 1), by_reference / "scan.h5")
    notes = read_project(by_reference / "project.h5").notes
    assert any("has changed since the project was saved" in note for note in notes)


def test_a_failed_write_leaves_the_project_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "project.h5"
    write_project(Project(settings={"chosen": 1}), path)
    with pytest.raises(TypeError):
        write_project(Project(settings={"chosen": object()}), path)
    assert read_project(path).settings == {"chosen": 1}
    assert [file.name for file in tmp_path.iterdir()] == ["project.h5"]


def test_other_files_are_no_projects(tmp_path: Path, depth: nx.SpectralStack) -> None:
    nx.write(depth, tmp_path / "stack.h5")
    (tmp_path / "text.h5").write_text("no HDF5")
    for name in ("stack.h5", "text.h5"):
        assert not holds_project(tmp_path / name)
        with pytest.raises(ValueError, match=f"{name}.*not a project"):
            read_project(tmp_path / name)
    assert not holds_project(tmp_path / "missing.h5")
    write_project(project_of(ProjectLayer("particle", depth)), tmp_path / "project.h5")
    assert holds_project(tmp_path / "project.h5")
    with pytest.raises(ValueError, match=r"project\.h5"):
        nx.read(tmp_path / "project.h5")


BROKEN = [
    {"layers": 3}, {"layers": [3]}, {"layers": [{"name": "a", "kind": "stack", "settings": {}}]},
    {"layers": [{"name": "a", "kind": "stack", "settings": {}, "group": "nowhere"}]},
    {"layers": [{"name": "a", "kind": "stack", "settings": {}, "group": "/project"}]},
    {"layers": [{"name": "a", "kind": "unknown", "settings": {}}]}, {"layers": [{"kind": "labels"}]},
    {"layers": [{"name": "a", "kind": "labels", "settings": {}, "value": [[0.5]]}]},
    {"layers": [{"name": "a", "kind": "shapes", "settings": {}, "value": [1]}]},
    {"layers": [{"name": "a", "kind": "file", "settings": {}, "source": 1}]},
    {"layers": [{"name": "a", "kind": "file", "settings": {}, "source": {"path": "x", "reading": {"eval": 1}}}]},
    {"references": [{"name": "no spectrum"}]}, {"references": {"a": 1}}, {"settings": [1]},
    {"settings": {"a": {"__array__": "nowhere"}}},
]  # fmt: skip


SAID = BROKEN[10:11]
"""A layer whose own file can't be read is left out, and the notes say so."""


@pytest.mark.parametrize("change", BROKEN, ids=lambda change: json.dumps(change)[:50])
def test_damage_is_refused_with_the_name_of_the_file(tmp_path: Path, change: dict[str, object]) -> None:
    path = tmp_path / "project.h5"
    write_project(Project(), path)
    with h5py.File(path, "r+") as file:
        contents = {"layers": [], "references": [], "settings": {}, **change}
        del file["project/contents"]
        file["project/contents"] = json.dumps(contents)
    if change in SAID:
        project = read_project(path)
        assert len(project.notes) == 1
        assert project.layers == ()
    else:
        with pytest.raises(ValueError, match=r"project\.h5"):
            read_project(path)


@pytest.mark.parametrize(
    "value",
    [np.zeros((2, 2, 3, 4, 5), int), np.zeros((4, 5)), np.zeros(4, int), [np.zeros(3)], [[1.0, 2.0]], None],
    ids=["five axes", "floats", "one axis", "a point", "a list", "none"],
)
def test_what_could_not_be_read_again_is_not_written(tmp_path: Path, value: Any) -> None:
    path = tmp_path / "project.h5"
    write_project(project_of(ProjectLayer("regions", np.ones((4, 5), int))), path)
    with pytest.raises(ValueError, match="'odd' .* no project can hold it"):
        write_project(project_of(ProjectLayer("odd", value)), path)
    assert [layer.name for layer in read_project(path).layers] == ["regions"]
