"""Regions and detectors of one file, opened as separate layers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from napari_xanes import MapSet, ParameterMap, SpectralStack
from napari_xanes.gui.prepare.dock import PrepareDock
from napari_xanes.gui.prepare.stack_selector import StackSelector


@pytest.fixture
def two_detectors(tmp_path: Path) -> Path:
    path = tmp_path / "scan.hdf5"
    with h5py.File(path, "w") as file:
        entry = file.create_group("entry1")
        entry.attrs["NX_class"] = "NXentry"
        entry["definition"] = "NXstxm"
        for i, name in enumerate(("counter0", "counter1")):
            group = entry.create_group(name)
            group.attrs.update(NX_class="NXdata", signal="data", axes=["energy", "sample_y", "sample_x"])
            group["data"] = np.full((4, 5, 6), 10.0 * (i + 1), np.float32)
            group["energy"] = np.array([700.0, 701, 702, 703])
            group["energy"].attrs["units"] = "eV"
            group["sample_y"], group["sample_x"] = np.arange(5.0), np.arange(6.0)
            group["stxm_scan_type"] = "sample image stack"
    return path


def test_another_detector_is_opened_as_a_second_layer(viewer: Any, two_detectors: Path, wait: Any) -> None:
    viewer.open(two_detectors, plugin="napari-xanes")
    dock = PrepareDock(viewer)
    row = dock.stack_selector
    assert [row.names.itemText(i) for i in range(row.names.count())] == ["entry1/counter0", "entry1/counter1"]
    assert not row.isHidden()
    row.names.setCurrentIndex(1)
    row.open_button.click()
    wait(lambda: not row.job.running and len(viewer.layers) == 2)
    assert viewer.layers[1].data.max() == 20
    assert "counter1" in viewer.layers[1].name


def test_repeats_are_opened_one_by_one(viewer: Any, tmp_path: Path, wait: Any) -> None:
    data = np.arange(6, dtype=np.float32)[:, None, None] * np.ones((6, 4, 5), np.float32)
    np.savez(tmp_path / "scan.npz", data=data, energy=[700, 701, 702, 700, 701, 702])
    viewer.open(tmp_path / "scan.npz", plugin="napari-xanes")
    dock = PrepareDock(viewer)
    row = dock.stack_selector
    assert (row.isHidden(), row.names.isHidden(), row.repeats.currentText()) == (False, True, "mean of 2")
    np.testing.assert_array_equal(viewer.layers[0].data[:, 0, 0], [1.5, 2.5, 3.5])
    row.repeats.setCurrentText("repeat 2")
    row.open_button.click()
    wait(lambda: not row.job.running and len(viewer.layers) == 2)
    np.testing.assert_array_equal(viewer.layers[1].data[:, 0, 0], [3, 4, 5])
    assert viewer.layers[1].name.endswith("repeat 2")


def test_a_file_of_one_stack_needs_no_choice(viewer: Any, add_stack: Any, stack: SpectralStack) -> None:
    add_stack(stack)
    assert PrepareDock(viewer).stack_selector.isHidden()


@pytest.mark.window
def test_row_is_never_a_separate_window(
    viewer: Any, two_detectors: Path, wait: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[bool] = []
    monkeypatch.setattr(StackSelector, "showEvent", lambda row, event: shown.append(row.isWindow()))
    viewer.open(two_detectors, plugin="napari-xanes")
    viewer.window.add_plugin_dock_widget("napari-xanes", "Prepare")
    wait(lambda: shown)
    assert not any(shown)


def test_a_stack_that_is_chosen_is_not_covered_by_others(viewer: Any, stack: SpectralStack, add_stack: Any) -> None:
    dock = viewer.window.add_plugin_dock_widget("napari-xanes", "XANES")[1]
    box, runs = dock.row.stack_box, dock.workspace.runs
    below, above = add_stack(), add_stack(name="above")
    shown = {"valence": ParameterMap(np.ones((24, 32)))}
    own, other = (runs.layer_of(runs.add(MapSet(shown, metadata={"name": one.name}), one)) for one in (below, above))
    regions = viewer.add_labels(np.ones((24, 32), np.uint8), name="regions")
    below.visible = False
    box.setCurrentIndex(box.findText(below.name))
    assert viewer.layers.selection.active is below
    assert [layer.visible for layer in (below, above, own, other, regions)] == [True, False, True, False, True]
    box.setCurrentIndex(box.findText("above"))
    assert above.visible
    assert below.visible, "it is covered, and hides nothing"
