"""A working copy is offered above the plot, once, where spectra are slow."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest

import napari_xanes as nx
from napari_xanes import io
from napari_xanes.gui.copies.offer import CopyOffer
from napari_xanes.gui.copies.repeated import from_copy
from napari_xanes.gui.layers import stack_of, stack_to_layer
from napari_xanes.gui.spectra import SpectraDock
from napari_xanes.gui.state.stack_version import VersionCheck
from napari_xanes.io.copied_frames import has_slow_source, is_copied

SHAPE = (5, 32, 40)


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NAPARI_XANES_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("napari_xanes.io.copied_frames.MOST_PIXELS", 32 * 32)


@pytest.fixture
def counts() -> np.ndarray:
    return np.random.default_rng(5).integers(100, 4000, SHAPE).astype(np.uint16)


@pytest.fixture
def path(tmp_path: Path, counts: np.ndarray) -> Path:
    with h5py.File(tmp_path / "scan.h5", "w") as file:
        file.create_dataset("exchange/data", data=counts, chunks=(1, *SHAPE[1:]), compression="gzip")
        file.create_dataset("exchange/data_white", data=counts + 5000, chunks=(1, *SHAPE[1:]), compression="gzip")
        file["exchange/energy"] = 8330.0 + np.arange(SHAPE[0])
    return tmp_path / "scan.h5"


@pytest.fixture
def shown(viewer: Any) -> Any:
    """Return a function that opens a file lazily with the Spectra dock, and returns the layer and the offer."""
    dock: SpectraDock = viewer.window.add_plugin_dock_widget("napari-xanes", "Spectra")[1]

    def show(path: Path) -> tuple[Any, CopyOffer]:
        data, keywords, _ = stack_to_layer(io.read(path, memory_limit=0))
        return viewer.add_image(data, **keywords), dock.copy_offer

    return show


def look_at(viewer: Any, layer: Any, y: int, x: int) -> None:
    viewer.cursor.position = tuple(layer.data_to_world((0, y, x)))


def press(button: Any) -> None:
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)


def test_the_copy_takes_the_place_of_the_file(
    viewer: Any, shown: Any, path: Path, counts: np.ndarray, wait: Any
) -> None:
    layer, offer = shown(path)
    assert not offer.isVisible(), "nothing is asked before a spectrum is"
    look_at(viewer, layer, 10, 10)
    wait(offer.isVisible)
    assert "all 5 frames of scan.h5" in offer.label.text()
    press(offer.copy_button)
    wait(lambda: not offer.job.running and not offer.isVisible())
    assert [Path(copy.source).name for copy in io.working_copies()] == ["scan.h5"]
    assert is_copied(stack_of(layer))
    np.testing.assert_array_equal(np.asarray(layer.data), counts)
    np.testing.assert_array_equal(np.asarray(layer.metadata["xanes"]["metadata"]["flat"]), counts + 5000)


def test_nobody_is_asked_again(viewer: Any, shown: Any, path: Path, wait: Any, settle: Any) -> None:
    layer, offer = shown(path)
    look_at(viewer, layer, 10, 10)
    wait(offer.isVisible)
    press(offer.decline_button)
    assert not offer.isVisible()
    look_at(viewer, layer, 12, 12)
    settle()
    assert not offer.isVisible()
    viewer.layers.clear()
    layer, _ = shown(path)
    look_at(viewer, layer, 10, 10)
    settle()
    assert not offer.isVisible(), "neither is the user of the next window"
    assert io.working_copies() == []


def test_a_cancelled_copy_leaves_the_question(
    viewer: Any, shown: Any, path: Path, wait: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    going_on = threading.Event()

    def slow(stack: Any, *, progress: Any) -> Any:
        while True:
            progress(0.5, "writing frames")
            going_on.wait(0.01)

    monkeypatch.setattr("napari_xanes.gui.copies.repeated.working_copy", slow)
    layer, offer = shown(path)
    look_at(viewer, layer, 10, 10)
    wait(offer.isVisible)
    press(offer.copy_button)
    wait(lambda: offer.bar.value() == 50)
    assert offer.cancel_button.isVisible()
    assert not offer.copy_button.isVisible()
    press(offer.cancel_button)
    wait(lambda: not offer.job.running)
    assert offer.copy_button.isVisible()
    assert not offer.cancel_button.isVisible()


def test_a_full_disk_is_told_with_the_way_out(
    viewer: Any, shown: Any, path: Path, wait: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NAPARI_XANES_CACHE_GB", "0.00001")
    layer, offer = shown(path)
    look_at(viewer, layer, 10, 10)
    wait(offer.isVisible)
    press(offer.copy_button)
    wait(lambda: "NAPARI_XANES_CACHE_GB" in offer.label.text())
    assert offer.copy_button.isVisible()
    assert not is_copied(io.read(path, memory_limit=0))


def test_stacks_that_are_quick_are_not_asked_about(
    viewer: Any, shown: Any, path: Path, add_stack: Any, settle: Any, wait: Any
) -> None:
    slow, offer = shown(path)
    quick = add_stack()
    look_at(viewer, quick, 3, 3)
    settle()
    assert not offer.isVisible()
    viewer.layers.selection.active = slow
    look_at(viewer, slow, 10, 10)
    wait(offer.isVisible)
    viewer.layers.selection.active = quick
    assert not offer.isVisible()


@pytest.fixture
def still_cursor(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(CopyOffer, "_on_pixel", lambda self, layer, index: None)


def test_it_is_asked_before_a_map_is_made(
    viewer: Any, still_cursor: None, shown: Any, path: Path, wait: Any, settle: Any
) -> None:
    layer, offer = shown(path)
    settle()
    assert not offer.isVisible()
    offer._workspace.step.name = "Map"
    wait(offer.isVisible)
    press(offer.decline_button)
    offer._workspace.step.name = "Prepare"
    settle()
    assert not offer.isVisible()
    assert stack_of(layer).is_lazy


@pytest.mark.parametrize("name", ["Map", "Prepare", "Denoise"])
def test_a_dock_that_stands_alone_asks_too(viewer: Any, path: Path, name: str, wait: Any, settle: Any) -> None:
    dock = viewer.window.add_plugin_dock_widget("napari-xanes", name)[1]
    (offer,) = dock.findChildren(CopyOffer)
    settle()
    assert not offer.isVisible()
    data, keywords, _ = stack_to_layer(io.read(path, memory_limit=0))
    layer = viewer.add_image(data, **keywords)
    wait(offer.isVisible)
    press(offer.copy_button)
    wait(lambda: not offer.job.running and not offer.isVisible())
    assert is_copied(stack_of(layer))


def test_one_dock_asks_and_the_answer_serves_all(
    viewer: Any, still_cursor: None, shown: Any, path: Path, wait: Any, settle: Any
) -> None:
    dock = viewer.window.add_plugin_dock_widget("napari-xanes", "Map")[1]
    (alone,) = dock.findChildren(CopyOffer)
    _layer, above_plot = shown(path)
    wait(lambda: alone.isVisible() or above_plot.isVisible())
    above_plot._workspace.step.name = "Map"
    settle()
    assert [alone.isVisible(), above_plot.isVisible()].count(True) == 1
    press((alone if alone.isVisible() else above_plot).decline_button)
    settle()
    assert alone.isHidden()
    assert above_plot.isHidden()


def test_a_dock_that_is_not_seen_keeps_no_question_that_was_answered(
    viewer: Any, still_cursor: None, shown: Any, path: Path, wait: Any
) -> None:
    container, dock = viewer.window.add_plugin_dock_widget("napari-xanes", "Map")
    (behind,) = dock.findChildren(CopyOffer)
    container.hide()
    _layer, offer = shown(path)
    wait(lambda: not behind.isHidden())
    offer._workspace.step.name = "Map"
    wait(offer.isVisible)
    press(offer.copy_button)
    assert behind.isHidden()
    wait(lambda: not offer.job.running and not offer.isVisible())


def test_what_steps_made_of_the_file_is_read_from_the_copy_too(
    viewer: Any, shown: Any, path: Path, counts: np.ndarray, wait: Any
) -> None:
    """The runs that were made from it before still belong to it."""
    layer, offer = shown(path)
    depth = nx.ops.optical_depth(stack_of(layer))
    expected = np.asarray(depth.data)
    data, keywords, _ = stack_to_layer(depth, name="depth")
    made = viewer.add_image(data, **keywords)
    checks = [VersionCheck(layer), VersionCheck(made)]
    look_at(viewer, made, 10, 10)
    wait(offer.isVisible)
    press(offer.copy_button)
    wait(lambda: not offer.job.running and not offer.isVisible())
    assert made.data is not data
    np.testing.assert_array_equal(np.asarray(made.data), expected)
    np.testing.assert_array_equal(np.asarray(layer.data), counts)
    for one, check in zip((layer, made), checks, strict=True):
        assert not has_slow_source(stack_of(one))
        assert check.holds(one), "a run says 'the stack has changed'"
    made.data = made.data + 1
    assert not checks[1].holds(made)


def test_steps_on_a_file_that_changed_get_no_copy(tmp_path: Path, path: Path, counts: np.ndarray) -> None:
    depth = nx.ops.optical_depth(io.read(path, memory_limit=0))
    with h5py.File(path, "r+") as file:
        file["exchange/more"] = counts
    with pytest.raises(OSError, match="open it again"):
        from_copy(depth)
    assert io.working_copies() == []
