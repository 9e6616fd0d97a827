"""A window that is saved as a project comes back as it was."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.gui.plain_viewer import PlainViewer

import napari_xanes as nx
from napari_xanes import SpectralStack, Spectrum
from napari_xanes.draft import Draft
from napari_xanes.gui.layers import stack_of, stack_to_layer
from napari_xanes.gui.map_layers import Shown
from napari_xanes.gui.pixels.areas import new_labels, new_shapes
from napari_xanes.gui.pixels.region_changes import hide_region, is_hidden, rename_region
from napari_xanes.gui.places import Place
from napari_xanes.gui.projects.session import ProjectSession, session_of
from napari_xanes.gui.state.workspace import workspace_of
from napari_xanes.history import Step


@pytest.fixture
def scan(stack: SpectralStack, tmp_path: Path) -> Path:
    """Return a file of a stack that is read as the files of others are: it has a source."""
    import tifffile

    path = tmp_path / "scan.tif"
    tifffile.imwrite(path, stack.data)
    np.savetxt(tmp_path / "scan.txt", stack.energy)
    return path


@pytest.fixture
def filled(viewer: Any, scan: Path, stack: SpectralStack) -> Any:
    """Return the viewer with a stack in a file, one that was made of it, two runs, regions, and images of others."""
    workspace = workspace_of(viewer)
    read = nx.read(scan, energies=scan.with_suffix(".txt"), quantity="optical_depth", pixel_size=0.05)
    raw = viewer.add_image(stack_to_layer(read)[0], **stack_to_layer(read)[1])
    made = nx.ops.denoise_pca(read, components=2)
    data, keywords, _ = stack_to_layer(made)
    viewer.add_image(data, **keywords | {"opacity": 0.5, "visible": False, "contrast_limits": (0.1, 0.7)})
    references = [
        Spectrum("low", stack.energy, stack.data[:, 0, 0], 2.0),
        Spectrum("high", stack.energy, stack.data[:, 3, 4]),
    ]
    workspace.references.add([Spectrum("gone", stack.energy, stack.data[:, 1, 1]), *references])
    workspace.references.remove(["gone"])
    workspace.references.set_checked("high", False)
    maps = nx.maps.fit_references(read, references=references)
    first, second = workspace.runs.add(nx.maps.edge_energy(read), raw), workspace.runs.add(maps, raw)
    workspace.runs.rename(first, "my edges")
    workspace.runs.show(second, Shown("low", "sigma"))
    workspace.runs.as_layer(first)
    labels = new_labels(viewer, raw)
    labels.data[3:7, 4:9] = 2
    rename_region(labels, 2, "rim")
    hide_region(labels, 2, True)
    shapes = new_shapes(viewer, raw)
    shapes.add_polygons([np.array([[1.0, 2.0], [8.0, 2.0], [8.0, 9.0]])], edge_color="#cc79a7")
    viewer.add_image(
        np.random.default_rng(1).random((5, 6)).astype(np.float32), name="photo", colormap="fire", gamma=0.7
    )
    viewer.add_points([[1.0, 2.0], [3.0, 4.0]], name="marks", size=3, face_color="red")
    draft = Draft.of([Step("crop", {"energy": [8320, 8400]}), Step("bin")]).switched(1, False)
    workspace.recipe.restore(raw, raw, draft)
    for y in (0.1, 0.3, 0.5):
        workspace.pins.add(Place((y, 0.2), width=0.05))
    workspace.pins.remove([2])
    workspace.pins.change(3, name="rim", visible=False)
    viewer.layers.selection.active = raw
    viewer.dims.set_current_step(0, 7)
    viewer.scene.camera.zoom, viewer.scene.camera.center = 3.5, (0.0, 0.6, 0.7)
    workspace.cursor.box, workspace.step.name, workspace.shown.as_depth = 3, "Map", False
    return viewer


def told(viewer: Any) -> dict[str, Any]:
    """Return what a window shows, as plain values that can be compared."""
    workspace = workspace_of(viewer)
    layers = list(viewer.layers)
    look = ("name", "visible", "opacity", "blending", "scale", "translate")
    return {
        "layers": [
            (layer._type_string, *(str(getattr(layer, name)) for name in look), str(layer.units)) for layer in layers
        ],
        "colours": [
            (str(one.colormap.name), np.round(one.contrast_limits, 6).tolist(), one.gamma, one.colorbar.visible)
            for one in layers
            if one._type_string == "image"
        ],
        "runs": [(run.number, run.title, run.shown, layers.index(run.source)) for run in workspace.runs],
        "chosen run": workspace.runs.chosen.number,
        "chosen stack": layers.index(workspace.stacks.layer),
        "active": layers.index(viewer.layers.selection.active),
        "step": viewer.dims.current_step,
        "camera": (viewer.scene.camera.zoom, viewer.scene.camera.center),
        "box": workspace.cursor.box,
        "dock step": workspace.step.name,
        "as depth": workspace.shown.as_depth,
        "references": [
            (one.name, one.valence, workspace.references.is_checked(one.name), workspace.references.colour(one.name))
            for one in workspace.references.spectra
        ],
        "pins": [(one.number, one.place, one.name, one.colour, one.visible) for one in workspace.pins.pins],
        "recipes": [(layers.index(one), recipe.draft) for one, recipe in workspace.recipe.all() if recipe.draft],
    }


def saved(viewer: Any, path: Path, wait: Any, *, copy_stacks: bool = False) -> ProjectSession:
    session, done = session_of(viewer), []
    session.saved.connect(done.append)
    session.failed.connect(done.append)
    session.save(path, copy_stacks=copy_stacks)
    wait(lambda: done)
    assert done == [path]
    return session


def opened(path: Path, wait: Any) -> tuple[Any, ProjectSession]:
    viewer, done = PlainViewer(), []
    session = session_of(viewer)
    session.opened.connect(done.append)
    session.failed.connect(done.append)
    session.open(path)
    wait(lambda: done)
    assert done[0] is session.restoring
    return viewer, session


@pytest.mark.parametrize("copy_stacks", [False, True], ids=["by reference", "copied"])
def test_the_same_window_comes_back(filled: Any, wait: Any, tmp_path: Path, copy_stacks: bool) -> None:
    path = tmp_path / "project.h5"
    before = told(filled)
    saved(filled, path, wait, copy_stacks=copy_stacks)
    assert told(filled) == before
    viewer, session = opened(path, wait)
    after = told(viewer)
    for key, value in before.items():
        assert after[key] == value, key
    assert session.restoring.notes == []
    for old, new in zip(filled.layers, viewer.layers, strict=True):
        if old._type_string in ("image", "labels"):
            np.testing.assert_array_equal(new.data, old.data)
        for name in ("edge_color", "face_color", "size"):
            if hasattr(old, name):
                np.testing.assert_array_equal(getattr(new, name), getattr(old, name))
    stacks = [stack_of(layer) for layer in list(viewer.layers)[:2]]
    assert [step.name for step in stacks[1].history] == ["denoise_pca"]
    assert stacks[0].source.path == str(tmp_path / "scan.tif")
    names = [layer.metadata["xanes"]["names"] for layer in viewer.layers if layer.name.startswith("regions")]
    assert names == [{2: "rim"}]
    assert [is_hidden(layer, 2) for layer in viewer.layers if layer.name.startswith("regions")] == [True]
    viewer.close()


def test_what_is_read_again_is_small(filled: Any, wait: Any, tmp_path: Path) -> None:
    sizes = []
    for copy_stacks in (False, True):
        saved(filled, tmp_path / "project.h5", wait, copy_stacks=copy_stacks)
        sizes.append((tmp_path / "project.h5").stat().st_size)
    assert sizes[1] - sizes[0] >= filled.layers[0].data.nbytes


def test_a_missing_file_is_named_and_can_be_pointed_at(filled: Any, wait: Any, tmp_path: Path) -> None:
    before = told(filled)
    saved(filled, tmp_path / "project.h5", wait)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    for name in ("scan.tif", "scan.txt"):
        shutil.move(tmp_path / name, elsewhere / name)
    viewer, session = opened(tmp_path / "project.h5", wait)
    restoring = session.restoring
    (missing,) = restoring.missing
    assert missing.name == filled.layers[0].name
    assert any("scan.tif" in note and "left out" in note for note in restoring.notes)
    assert [layer.name for layer in viewer.layers] == [layer.name for layer in filled.layers][1:]
    found: list[Any] = []
    for signal in (session.found, session.failed):
        signal.connect(found.append)
    session.find(missing, elsewhere / "scan.tif")
    wait(lambda: found)
    assert found == [missing]
    assert [layer.name for layer in viewer.layers] == [layer.name for layer in filled.layers]
    np.testing.assert_array_equal(viewer.layers[0].data, filled.layers[0].data)
    after = told(viewer)
    for key in ("layers", "runs", "recipes", "chosen stack"):
        assert after[key] == before[key], key
    viewer.close()


def test_a_project_is_saved_over_itself_although_its_stacks_lie_in_it(
    filled: Any, wait: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, values = tmp_path / "project.h5", np.array(filled.layers[1].data)
    saved(filled, path, wait, copy_stacks=True)
    from napari_xanes.gui.settings import Settings

    monkeypatch.setattr("napari_xanes.gui.projects.session.settings", lambda: Settings(0.0, 0, "viridis", 0))
    viewer, _ = opened(path, wait)
    assert not isinstance(viewer.layers[1].data, np.ndarray)
    for _ in range(2):
        saved(viewer, path, wait, copy_stacks=True)
        np.testing.assert_array_equal(np.asarray(viewer.layers[1].data), values)
    viewer.layers[1].name = "renamed"
    saved(viewer, path, wait, copy_stacks=True)
    again, _ = opened(path, wait)
    assert again.layers[1].name == "renamed"
    np.testing.assert_array_equal(np.asarray(again.layers[1].data), values)
    again.close()
    viewer.close()


def test_data_are_not_replaced_by_a_project(filled: Any, tmp_path: Path) -> None:
    content = (tmp_path / "scan.tif").read_bytes()
    with pytest.raises(ValueError, match=r"scan.tif holds the data of '.*'.*choose another name"):
        session_of(filled).save(tmp_path / "scan.tif", copy_stacks=True)
    (tmp_path / "notes.h5").write_text("mine")
    with pytest.raises(ValueError, match=r"notes.h5 is there already and is no project"):
        session_of(filled).save(tmp_path / "notes.h5", copy_stacks=True)
    assert (tmp_path / "scan.tif").read_bytes() == content
    assert (tmp_path / "notes.h5").read_text() == "mine"


def test_cancelling_leaves_the_project_as_it_was(filled: Any, wait: Any, tmp_path: Path) -> None:
    path = tmp_path / "project.h5"
    saved(filled, path, wait)
    content = path.read_bytes()
    session, ended = session_of(filled), []
    session.job.ended.connect(lambda: ended.append(1))
    session.save(path, copy_stacks=True)
    session.job.cancel()
    wait(lambda: ended)
    assert path.read_bytes() == content
    assert [one.name for one in tmp_path.glob(".*")] == []


def test_a_project_beside_other_layers_keeps_them(filled: Any, wait: Any, tmp_path: Path) -> None:
    saved(filled, tmp_path / "project.h5", wait)
    viewer, session = opened(tmp_path / "project.h5", wait)
    n_layers, n_runs = len(viewer.layers), len(workspace_of(viewer).runs)
    done: list[Any] = []
    session.opened.connect(done.append)
    session.open(tmp_path / "project.h5")
    wait(lambda: done)
    assert len(viewer.layers) == 2 * n_layers - 1, "one layer marks all pins"
    assert [run.number for run in workspace_of(viewer).runs] == list(range(1, 2 * n_runs + 1))
    assert len({run.group for run in workspace_of(viewer).runs}) == 2 * n_runs
    viewer.close()
