"""What most users want, done with as few actions as the window promises, and with the numbers of Python."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.gui.user import User

import napari_xanes as nx
from napari_xanes import MapSet, Recipe, SpectralStack, Spectrum, Step
from napari_xanes.gui.layers import stack_of
from napari_xanes.gui.map_layers import Shown
from napari_xanes.gui.prepare import PrepareDock
from napari_xanes.gui.spectra.look import LookPanel
from napari_xanes.gui.state.workspace import workspace_of
from napari_xanes.named_files import with_named_files
from napari_xanes.sample import mn_oxides_l, nmc_ni_k

pytestmark = pytest.mark.window


@pytest.fixture
def user(viewer: Any, wait: Any) -> User:
    """Return the user of a window with the XANES dock, which is open from the start."""
    viewer.window._qt_window.resize(1300, 720)
    dock = viewer.window.add_plugin_dock_widget("napari-xanes", "XANES")[1]
    wait(dock.isVisible)
    return User(viewer, dock, wait)


@pytest.fixture
def nickel(tmp_path: Path) -> tuple[Path, Path]:
    """Return the file of a stack of counts, and that of its references."""
    stack = nmc_ni_k(size=32, photons=3000).stack
    metadata = dict(stack.metadata)
    nx.write(metadata.pop("references"), tmp_path / "references.csv")
    counts = SpectralStack(stack.data, stack.energy, "counts", stack.pixel_size, metadata=metadata)
    nx.write(counts, tmp_path / "scan.h5")
    return tmp_path / "scan.h5", tmp_path / "references.csv"


def drifting(path: Path, *, seed: int = 0) -> Path:
    """Write a stack of counts whose sample moves by whole pixels, between flats that stay."""
    stack = nmc_ni_k(size=64, photons=6000, seed=seed).stack
    metadata = {name: value for name, value in stack.metadata.items() if name != "references"}
    flat, dark = (np.asarray(metadata[name], float) for name in ("flat", "dark"))
    transmission = (stack.data - dark) / (flat - dark)
    walk = np.random.default_rng(seed).integers(-1, 2, (stack.energy.size, 2)).cumsum(axis=0).clip(-4, 4)
    moved = [np.roll(frame, tuple(move), (0, 1)) for frame, move in zip(transmission, walk, strict=True)]
    counts = (np.array(moved) * (flat - dark) + dark).astype(np.float32)
    nx.write(SpectralStack(counts, stack.energy, "counts", stack.pixel_size, metadata=metadata), path)
    return path


def panel_is_done(user: User, panel: Any) -> Any:
    user.wait(lambda: not panel.method_panel.job.running)
    return panel


def maps_shown(user: User) -> tuple[MapSet, dict[str, np.ndarray]]:
    """Return the maps of the latest run, and what its layer shows of each."""
    runs = workspace_of(user.viewer).runs
    *_, run = runs
    return run.maps, {name: np.asarray(runs.show(run, Shown(name)).data) for name in run.maps}


def agree(user: User, expected: MapSet) -> None:
    maps, shown = maps_shown(user)
    assert set(maps) == set(expected)
    for name, one in expected.items():
        np.testing.assert_allclose(shown[name], one.valid(), rtol=2e-4, atol=1e-5, err_msg=name)
        if one.sigma is not None:
            np.testing.assert_allclose(maps[name].sigma, one.sigma, rtol=1e-3, atol=1e-5, err_msg=f"± {name}")


def test_the_spectrum_of_a_region_takes_three_actions(user: User, nickel: tuple[Path, Path]) -> None:
    user.drop(nickel[0])
    (layer,) = user.viewer.layers
    user.press(user.dock.panel("Look").findChild(LookPanel).tabs.regions.brush_button)
    user.stroke(layer, (10, 10), (16, 20), (22, 16))
    tracker = user.dock.workspace.regions
    mask = np.asarray(user.viewer.layers[-1].data) == 1
    assert mask.sum() > 50
    user.wait(lambda: tracker.regions and tracker.regions[0].pixels == mask.sum())
    assert len(user.actions) == 3, user.actions
    (region,) = tracker.regions
    depth = nx.ops.optical_depth(nx.read(nickel[0]))
    np.testing.assert_allclose(region.measured.mean, depth.data[:, mask].mean(axis=1), rtol=1e-4)
    assert region.name in {curve.name for curve in user.dock.view.plot.curves}


def test_optical_depth_takes_one_action(user: User, nickel: tuple[Path, Path]) -> None:
    user.drop(nickel[0])
    (layer,) = user.viewer.layers
    user.hover(layer, 16, 18)
    cursor = user.dock.workspace.cursor
    user.wait(lambda: cursor.index == (16, 18) and cursor.spectrum is not None)
    assert len(user.actions) == 1, user.actions
    depth = nx.ops.optical_depth(nx.read(nickel[0]))
    np.testing.assert_allclose(user.dock.view.curves.cursor.values, depth.data[:, 16, 18], rtol=1e-4)
    assert user.dock.view.label() == "optical depth (OD)"


def test_a_valence_map_takes_four_actions(user: User, nickel: tuple[Path, Path]) -> None:
    user.drop(nickel[0])
    user.drop(nickel[1])
    panel = user.step("Map")
    user.press(panel.method_panel.run_button)
    panel_is_done(user, panel)
    assert len(user.actions) == 4, user.actions
    agree(user, nx.maps.fit_references(nx.ops.optical_depth(nx.read(nickel[0])), references=nx.read_spectra(nickel[1])))


def test_a_denoised_valence_map_takes_six_actions(user: User, nickel: tuple[Path, Path]) -> None:
    user.drop(nickel[0])
    user.drop(nickel[1])
    cleaning = user.step("Clean")
    user.press(cleaning.method_panel.run_button)
    user.wait(lambda: not cleaning.method_panel.job.running and not cleaning.companions_pending)
    mapping = user.step("Map")
    user.press(mapping.method_panel.run_button)
    panel_is_done(user, mapping)
    assert len(user.actions) == 6, user.actions
    references = nx.read_spectra(nickel[1])
    cleaned = nx.ops.denoise(nx.ops.optical_depth(nx.read(nickel[0])), references=references)
    agree(user, nx.maps.fit_references(cleaned, references=references))


def test_a_map_of_charge_and_10dq_takes_four_actions(user: User, tmp_path: Path) -> None:
    nx.write(mn_oxides_l(size=24).stack, tmp_path / "scan.h5")
    user.drop(tmp_path / "scan.h5")
    panel = user.step("Map")
    user.choose(panel.method_panel.methods, "match_library")
    user.press(panel.method_panel.run_button)
    panel_is_done(user, panel)
    assert len(user.actions) == 4, user.actions
    depth = nx.ops.optical_depth(nx.read(tmp_path / "scan.h5"))
    maps, _ = maps_shown(user)
    assert {"charge", "ten_dq"} <= set(maps)
    agree(user, nx.maps.match_library(depth, **panel.method_panel.form().values()))


def prepared_and_mapped(user: User, *steps: str) -> None:
    """Apply the steps that Prepare proposes, one after the other, and map the result."""
    panel = user.step("Prepare").findChild(PrepareDock).panel
    for name in steps:
        user.wait(lambda name=name: panel.apply_button.text() == f"Apply {name}")
        user.press(panel.apply_button)
        user.wait(lambda: not panel.job.running)
    mapping = user.step("Map")
    user.press(mapping.method_panel.run_button)
    panel_is_done(user, mapping)


def test_a_drifting_series_is_aligned_and_mapped_in_seven_actions(
    user: User, nickel: tuple[Path, Path], tmp_path: Path
) -> None:
    path = drifting(tmp_path / "moving.h5")
    user.drop(path)
    user.drop(nickel[1])
    prepared_and_mapped(user, "optical depth", "align")
    assert len(user.actions) == 7, user.actions
    aligned = nx.ops.align(nx.ops.optical_depth(nx.read(path)))
    agree(user, nx.maps.fit_references(aligned, references=nx.read_spectra(nickel[1])))


def test_a_measured_series_is_aligned_and_mapped_in_seven_actions(user: User, real_data: Path) -> None:
    stack_file, reference_file = (real_data / "hxn_fe_k" / name for name in ("test_stack.tiff", "test_ref_athena.nor"))
    user.drop(stack_file)
    user.drop(reference_file)
    prepared_and_mapped(user, "align")  # it is absorption already
    assert len(user.actions) <= 7, user.actions
    aligned = nx.ops.align(nx.read(stack_file))
    agree(user, nx.maps.fit_references(aligned, references=nx.read_spectra(reference_file)))


def test_a_recipe_is_replayed_on_another_stack_in_three_actions(
    user: User, nickel: tuple[Path, Path], tmp_path: Path, add_stack: Any
) -> None:
    references = nx.read_spectra(nickel[1])
    user.dock.workspace.references.add([Spectrum("of another sample", references[0].energy, references[0].mu)])
    steps = [Step("optical_depth"), Step("crop", {"energy": [8300.0, 8440.0]}), Step("smooth", {"pixels": 1.0})]
    made = Step("fit_references", {"references": references, "nonnegative": False})
    first = nx.read(nickel[0])
    Recipe(with_named_files(nx.run([*steps, made], first).history)).save(tmp_path / "recipe.yaml")
    second = drifting(tmp_path / "second.h5", seed=5)
    user.drop(second)
    user.drop(tmp_path / "recipe.yaml")
    panel = user.dock.panel("Map")
    user.wait(panel.isVisible)
    user.press(panel.method_panel.run_button)
    panel_is_done(user, panel)
    assert len(user.actions) == 3, user.actions
    agree(user, nx.run(Recipe.load(tmp_path / "recipe.yaml"), nx.read(second)))
    counts, prepared, *_ = user.viewer.layers
    assert not counts.visible
    assert [step.name for step in stack_of(prepared).history] == ["optical_depth", "crop", "smooth"]
    recipe = user.dock.workspace.recipe
    assert recipe.current.result is prepared
    assert recipe.current.up_to_date, "Prepare knows that its steps were carried out"
    user.viewer.layers.selection.active = counts
    assert not recipe.waiting()
