"""Spectra of counts are shown as optical depth where flats exist: edges point up."""

from __future__ import annotations

from typing import Any

import dask.array as da
import numpy as np
import pytest
from qtpy.QtCore import Qt

from napari_xanes import SpectralStack
from napari_xanes.gui.pixels.areas import new_labels
from napari_xanes.gui.pixels.depth import DepthOfCounts
from napari_xanes.gui.places import place_at
from napari_xanes.gui.spectra import SpectraDock
from napari_xanes.ops import optical_depth


@pytest.fixture
def counts(stack: SpectralStack, rng: np.random.Generator) -> SpectralStack:
    """Return counts of the stack with flats, a dark and exposures."""
    flat = rng.uniform(800, 1200, stack.shape)
    dark = rng.uniform(10, 20, stack.shape[1:])
    data = dark + 2 * (flat - dark) * np.exp(-stack.data)
    data[3, 5, 9] = 0
    metadata = {"name": "scan", "flat": flat, "dark": dark, "exposure": 2.0, "flat_exposure": 1.0}
    return SpectralStack(data.astype(np.float32), stack.energy, "counts", 0.05, metadata=metadata)


def curves(dock: SpectraDock) -> dict[str, Any]:
    return {curve.kind: curve for curve in dock.view.plot.curves}


@pytest.mark.parametrize("kind", ["flats", "one flat", "I0", "transmission", "volume"])
def test_the_values_are_those_of_the_operation(counts: SpectralStack, stack: SpectralStack, kind: str) -> None:
    known = dict(counts.metadata)
    if kind == "one flat":
        known["flat"] = known["flat"][0]
    if kind == "I0":
        known["i0"] = np.linspace(900, 1100, 30)
        del known["flat"]
    measured = SpectralStack(counts.data, counts.energy, "counts", 0.05, metadata=known)
    if kind == "transmission":
        measured = SpectralStack(np.exp(-stack.data), stack.energy, "transmission", 0.05)
    if kind == "volume":
        known |= {"flat": np.stack([known["flat"]] * 2, axis=1), "dark": np.stack([known["dark"]] * 2)}
        measured = SpectralStack(np.stack([counts.data] * 2, axis=1), counts.energy, "counts", metadata=known)
    depth, read = np.asarray(optical_depth(measured, gain=0.0).data), DepthOfCounts(measured)
    box = (1,) * (measured.data.ndim - 3) + np.s_[4:7, 8:11]
    np.testing.assert_array_equal(read[(slice(None), *box)], depth[(slice(None), *box)])
    np.testing.assert_array_equal(read[(slice(4, 9), *box)], depth[(slice(4, 9), *box)])


def test_what_is_no_counts_or_has_no_flats_is_refused(stack: SpectralStack) -> None:
    with pytest.raises(ValueError, match="holds optical depth"):
        DepthOfCounts(stack)
    with pytest.raises(ValueError, match="neither flats nor I0"):
        DepthOfCounts(SpectralStack(stack.data, stack.energy, "counts"))
    with pytest.raises(ValueError, match="the flat has shape"):
        DepthOfCounts(SpectralStack(stack.data, stack.energy, "counts", metadata={"flat": np.ones((3, 3))}))


@pytest.mark.parametrize("lazy", [False, True])
def test_counts_are_shown_as_optical_depth_and_back(
    viewer: Any, add_stack: Any, counts: SpectralStack, wait: Any, qtbot: Any, lazy: bool
) -> None:
    dock: SpectraDock = viewer.window.add_plugin_dock_widget("napari-xanes", "Spectra")[1]
    viewer.window.resize(340, 560)
    depth = np.asarray(optical_depth(counts, gain=0.0).data)
    data = da.from_array(counts.data, chunks=(30, 12, 32)) if lazy else counts.data
    layer = add_stack(counts.with_data(data))
    labels = new_labels(viewer, layer)
    labels.data[2:8, 3:9] = 1
    labels.refresh()
    dock.workspace.pins.add(place_at(layer, (20, 30)))
    viewer.cursor.position = tuple(layer.data_to_world((0, 6, 10)))
    wait(lambda: {"cursor", "region", "pin"} <= curves(dock).keys())
    np.testing.assert_allclose(curves(dock)["cursor"].values, depth[:, 6, 10], rtol=1e-6)
    np.testing.assert_allclose(curves(dock)["pin"].values, depth[:, 20, 30], rtol=1e-6)
    np.testing.assert_allclose(curves(dock)["region"].values, np.nanmean(depth[:, 2:8, 3:9], axis=(1, 2)), rtol=1e-4)
    assert "OD " in dock.view.readout.text()
    assert "OD" in dock.view.plot.main.getAxis("left").labelText
    assert [dock.look.mode.itemText(row) for row in range(2)] == ["optical depth", "as measured"]
    dock.look.mode.setFocus()
    qtbot.keyClick(dock.look.mode, Qt.Key.Key_Down)
    wait(lambda: {"cursor", "region", "pin"} <= curves(dock).keys() and curves(dock)["region"].values.mean() > 10)
    np.testing.assert_allclose(curves(dock)["cursor"].values, counts.data[:, 6, 10])
    np.testing.assert_allclose(curves(dock)["pin"].values, counts.data[:, 20, 30])
    assert " counts" in dock.view.readout.text()
    assert "counts" in dock.view.plot.main.getAxis("left").labelText


def test_counts_without_flats_stay_counts(
    viewer: Any, add_stack: Any, counts: SpectralStack, wait: Any, stack: SpectralStack
) -> None:
    dock: SpectraDock = viewer.window.add_plugin_dock_widget("napari-xanes", "Spectra")[1]
    plain = SpectralStack(counts.data, counts.energy, "counts", 0.05, metadata={"name": "scan"})
    layer = add_stack(plain)
    viewer.cursor.position = tuple(layer.data_to_world((0, 6, 10)))
    wait(lambda: "cursor" in curves(dock))
    np.testing.assert_allclose(curves(dock)["cursor"].values, plain.data[:, 6, 10])
    assert dock.look.mode.itemText(0) == "as measured"
    layer.metadata = {"xanes": {**layer.metadata["xanes"], "metadata": dict(counts.metadata)}}  # as the card does
    wait(lambda: "cursor" in curves(dock) and curves(dock)["cursor"].values[0] < 10)
    assert dock.look.mode.currentText() == "optical depth"
