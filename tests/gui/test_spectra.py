"""The Spectra dock in a real window.

Longer than 300 lines because it tests one dock, and its curves, pins and lazy reading depend on each other.
"""

from __future__ import annotations

import threading

import dask.array as da
import numpy as np
import pytest
from qtpy.QtCore import QObject
from tests.gui.pressing import press_key

from napari_xanes import SpectralStack, Spectrum
from napari_xanes.gui.pixels import tiles
from napari_xanes.gui.spectra import SpectraDock
from napari_xanes.gui.spectra.curves import with_unit
from napari_xanes.gui.state.fit import FitCurve
from napari_xanes.gui.state.workspace import workspace_of


@pytest.fixture
def dock(viewer):
    dock = SpectraDock(viewer)
    viewer.window.add_dock_widget(dock, name="Spectra", area="right")
    return dock


def curve(dock, name):
    return next((c for c in dock.view.plot.curves if c.name.startswith(name)), None)


@pytest.fixture
def point_at(viewer, dock, wait):
    """Put the cursor over a pixel (y, x) of a layer, and wait for its spectrum."""

    def point(layer, *pixel):
        received = [dock.workspace.cursor.index]
        dock.workspace.cursor.spectrum_ready.connect(lambda index, values: received.append(index))
        viewer.cursor.position = tuple(layer.data_to_world((0, *pixel)))
        wait(lambda: pixel in received)

    return point


def test_cursor_shows_the_pixel_under_it(viewer, dock, add_stack, point_at, stack, wait):
    layer = add_stack()
    point_at(layer, 5, 9)
    np.testing.assert_allclose(curve(dock, "cursor").values, stack.data[:, 5, 9])
    np.testing.assert_array_equal(curve(dock, "cursor").energy, stack.energy)
    assert dock.view.readout.text().startswith("x 0.45 y 0.25 µm · ")
    assert f"{stack.energy[0]:.1f} eV · OD " in dock.view.readout.text() or " eV · OD " in dock.view.readout.text()
    viewer.cursor.position = (0.0, 99.0, 99.0)
    wait(lambda: curve(dock, "cursor") is None)


def test_fast_moves_end_at_the_last_pixel(viewer, dock, add_stack, stack, wait):
    layer = add_stack()
    for x in range(30):
        viewer.cursor.position = tuple(layer.data_to_world((0, 3, x)))
    wait(lambda: dock.workspace.cursor.index == (3, 29))
    np.testing.assert_allclose(curve(dock, "cursor").values, stack.data[:, 3, 29])


def test_box_average_and_gaps(viewer, dock, add_stack, point_at, stack, wait):
    data = stack.data.copy()
    data[4, 8:13, 8:13] = np.nan
    data[6, 10, 10] = np.nan
    layer = add_stack(stack.with_data(data))
    dock.row.box.setValue(3)
    point_at(layer, 10, 10)
    expected = np.nanmean(np.delete(data, 4, 0)[:, 9:12, 9:12], axis=(1, 2))
    np.testing.assert_allclose(np.delete(curve(dock, "cursor").values, 4), expected, rtol=1e-5)
    assert np.isnan(curve(dock, "cursor").values[4])
    dock.row.box.setValue(5)
    point_at(layer, 0, 0)
    np.testing.assert_allclose(curve(dock, "cursor").values, data[:, :3, :3].mean((1, 2)), rtol=1e-5)
    dock.row.box.lineEdit().setText("8")
    dock.row.box.interpretText()
    assert dock.row.box.value() == 9


def test_scaled_translated_and_reordered(viewer, dock, add_stack, point_at, stack, wait):
    layer = add_stack(scale=(1, 0.5, 0.25), translate=(0, -3, 7))
    point_at(layer, 20, 30)
    viewer.dims.order = (0, 2, 1)
    point_at(layer, 2, 31)
    np.testing.assert_allclose(curve(dock, "cursor").values, stack.data[:, 2, 31])


def test_a_volume_shows_the_slice_in_view(viewer, dock, add_stack, stack, wait):
    volume = np.stack([stack.data, stack.data * 2, stack.data * 3], axis=1)
    layer = add_stack(SpectralStack(volume, stack.energy, "optical_depth", 0.05))
    viewer.dims.set_current_step(1, 2)
    viewer.cursor.position = (0, viewer.dims.point[1], 0.2, 0.3)
    wait(lambda: dock.workspace.cursor.index == (2, 4, 6))
    np.testing.assert_allclose(curve(dock, "cursor").values, volume[:, 2, 4, 6])
    dock.look.tabs.regions.brush()
    viewer.layers[-1].data[2, 3:5, 3:5] = 1
    viewer.layers[-1].refresh()
    wait(lambda: curve(dock, "region 1") is not None)
    np.testing.assert_allclose(curve(dock, "region 1").values, volume[:, 2, 3:5, 3:5].mean((1, 2)), rtol=1e-5)
    assert layer in viewer.layers


def test_slider_and_energy_line_stay_in_step(viewer, dock, add_stack, stack, wait):
    add_stack()
    viewer.dims.set_current_step(0, 11)
    assert dock.view.plot.line.value() == pytest.approx(stack.energy[11])
    dock.view.plot.line.setValue(stack.energy[20] + 0.1)
    dock.view.plot.line.sigDragged.emit(dock.view.plot.line)
    assert viewer.dims.current_step[0] == 20
    dock.view.plot.line.sigPositionChangeFinished.emit(dock.view.plot.line)
    assert dock.view.plot.line.value() == pytest.approx(stack.energy[20])
    low, high = dock.view.plot.main.vb.viewRange()[0]
    assert low > 8000  # a line that starts at 0 eV must not be in the range
    assert high - low < 1.1 * np.ptp(stack.energy) + 1 or not dock.view.plot.curves


def test_pins(viewer, dock, add_stack, point_at, stack, wait):
    layer = add_stack()
    point_at(layer, 5, 9)
    press_key(viewer, "P")
    point_at(layer, 6, 10)
    dock.look.pin_button.click()
    np.testing.assert_allclose(curve(dock, "pin 1").values, stack.data[:, 5, 9])
    np.testing.assert_allclose(curve(dock, "pin 2").values, stack.data[:, 6, 10])
    assert dock.look.tabs.pins.list.texts()[0] == "pin 1 · (9, 5) px · (0.45, 0.25) µm"
    dock.look.tabs.pins.list.setCurrentRow(0)
    dock.look.tabs.pins.remove_selected()
    assert curve(dock, "pin 1") is None
    assert curve(dock, "pin 2") is not None
    dock.workspace.pins.clear()
    assert curve(dock, "pin") is None


def test_a_click_pins_but_a_drag_does_not(viewer, dock, add_stack, point_at, wait):
    layer = add_stack()
    point_at(layer, 5, 9)

    class Event:
        button, type = 1, "mouse_press"

    for last, pins in (("mouse_move", 0), ("mouse_release", 1)):
        event = Event()
        press = dock.workspace.pinning.on_press(viewer, event)
        next(press)
        event.type = last
        with pytest.raises(StopIteration):
            next(press)
        assert len(dock.workspace.pins.pins) == pins


def test_lazy_data_are_read_in_a_thread(viewer, dock, add_stack, point_at, stack, settle, monkeypatch):
    monkeypatch.setattr(tiles, "EDGE", 4)
    main, threads = threading.get_ident(), set()

    def block(values):
        if watching:
            threads.add(threading.get_ident())
        return values

    watching = []
    lazy = da.from_array(stack.data, chunks=(30, 8, 8)).map_blocks(block, dtype=np.float32, meta=np.empty((0, 0, 0)))
    layer = add_stack(stack.with_data(lazy))
    settle()
    watching.append(True)
    point_at(layer, 5, 9)
    np.testing.assert_allclose(curve(dock, "cursor").values, stack.data[:, 5, 9])
    assert threads
    assert main not in threads


def test_a_hidden_dock_does_nothing(viewer, dock, add_stack, point_at, wait, settle):
    layer = add_stack()
    point_at(layer, 5, 9)
    settle()
    dock.parentWidget().hide()
    before, shown = dock.view.plot.paint_count, dock.view.plot.curves
    viewer.cursor.position = (0.0, 0.05, 0.05)
    viewer.dims.set_current_step(0, 3)
    viewer.add_labels(np.ones((24, 32), int), scale=(0.05, 0.05))
    settle(150)
    assert dock.view.plot.paint_count == before
    assert dock.view.plot.curves == shown
    assert dock.workspace.cursor.index == (5, 9)
    press_key(viewer, "P")
    assert not dock.workspace.pins.pins
    dock.parentWidget().show()
    wait(lambda: curve(dock, "region 1") is not None)


def test_theme(viewer, dock, add_stack):
    add_stack()
    viewer.theme = "light"
    light = dock.view.plot.backgroundBrush().color().lightness()
    viewer.theme = "dark"
    assert light > 200
    assert dock.view.plot.backgroundBrush().color().lightness() < 80


def test_modes(viewer, dock, add_stack, point_at, stack, wait):
    layer = add_stack()
    point_at(layer, 5, 9)
    wait(lambda: curve(dock, "low") is not None)
    low, cursor = curve(dock, "low"), curve(dock, "cursor")
    assert np.abs(low.values - cursor.values).max() < 0.06
    dock.look.mode.setCurrentText("derivative")
    np.testing.assert_allclose(
        curve(dock, "cursor").values, np.gradient(stack.data[:, 5, 9].astype(float), stack.energy)
    )
    assert "OD/eV" in dock.view.plot.main.getAxis("left").labelText
    dock.look.mode.setCurrentText("normalized")
    assert curve(dock, "cursor") is not None


def test_failed_normalization_is_reported(viewer, dock, add_stack, point_at, stack, wait):
    flat = SpectralStack(np.ones((4, 5, 6), np.float32), [8000, 8001, 8002, 8003], "counts")
    layer = add_stack(flat)
    dock.look.mode.setCurrentText("normalized")
    point_at(layer, 2, 2)
    wait(lambda: dock.view.message.text())
    assert "shown as measured" in dock.view.message.text()


def test_references_of_the_layer_are_shown(viewer, dock, add_stack, stack, wait):
    references = workspace_of(viewer).references
    add_stack()
    assert [s.name for s in references.spectra] == ["low", "high"]
    references.set_valence("high", 3.0)
    assert references.spectra[1].valence == 3.0
    references.set_checked("low", False)
    assert [s.name for s in references.checked] == ["high"]
    assert curve(dock, "low") is None
    references.remove(["low"])
    add_stack(name="again")
    assert [s.name for s in references.spectra] == ["high"]
    with pytest.raises(ValueError, match="empty"):
        references.rename("high", " ")


def test_references_are_not_drawn_over_counts(viewer, dock, add_stack, stack, wait):
    add_stack(SpectralStack(1e3 * np.exp(-stack.data), stack.energy, "counts", 0.05, metadata=dict(stack.metadata)))
    wait(lambda: "optical depth" in dock.view.message.text())
    assert curve(dock, "low") is None
    assert len(workspace_of(viewer).references.spectra) == 2


def test_the_plot_shows_the_fit_of_the_workspace(viewer, dock, add_stack, stack):
    add_stack()
    fit, panel, other = workspace_of(viewer).fit, QObject(), QObject()
    fit.show(panel, [FitCurve("fit", stack.energy, stack.data[:, 0, 0])], (stack.energy, np.zeros(30)))
    assert curve(dock, "fit") is not None
    assert dock.view.plot.lower.isVisible()
    fit.clear(other)
    assert curve(dock, "fit") is not None
    fit.clear(panel)
    assert curve(dock, "fit") is None
    assert not dock.view.plot.lower.isVisible()


def test_the_residual_of_all_pixels_does_not_flatten_the_spectra(viewer, dock, add_stack, point_at, stack, wait):
    data = (stack.data * 0.05 + 0.9).astype(np.float32)
    layer = add_stack(SpectralStack(data, stack.energy, "optical_depth", 0.05))
    point_at(layer, 5, 9)
    wait(lambda: curve(dock, "cursor") is not None)
    fit, panel, plot = workspace_of(viewer).fit, QObject(), dock.view.plot
    shared = FitCurve("residual of all pixels", stack.energy, np.linspace(-0.2, 0.2, 30), "residual")
    fit.show(panel, [FitCurve("fit", stack.energy, data[:, 5, 9]), shared], (stack.energy, np.full(30, 0.01)))
    assert curve(dock, shared.name) is not None
    (item,) = (plot._items[key] for key, one in plot._curves.items() if one.kind == "residual")
    assert item in plot.lower.items
    assert item not in plot.main.items
    assert plot.main.vb.viewRange()[1][0] > 0.8
    assert plot.lower.vb.viewRange()[1][1] >= 0.2
    dock.look.mode.setCurrentText("normalized")
    assert "residual" not in dock.view.message.text()
    fit.clear(panel)
    assert item not in plot.lower.items


def test_layers_come_and_go(viewer, dock, add_stack, point_at, stack, wait):
    assert dock.view.pages.currentIndex() == 1
    first = add_stack()
    assert dock.view.pages.currentIndex() == 0
    point_at(first, 5, 9)
    second = add_stack(SpectralStack(np.ones((3, 4, 5)), [700, 710, 720], "counts"))
    wait(lambda: curve(dock, "cursor") is None or curve(dock, "cursor").values.size == 3)
    assert dock.row.stack_box.count() == 2
    dock.row.stack_box.setCurrentIndex(1)
    assert viewer.layers.selection.active is first
    viewer.layers.remove(first)
    assert dock.workspace.stacks.layer is second
    viewer.layers.remove(second)
    assert dock.view.pages.currentIndex() == 0, "the references of the first stack are still there"
    assert [c.kind for c in dock.view.plot.curves] == ["reference", "reference"]
    references = dock.workspace.references
    references.remove([spectrum.name for spectrum in references.spectra])
    assert dock.view.pages.currentIndex() == 1


def test_references_are_drawn_without_a_stack(viewer, dock, add_stack):
    energy = np.arange(8300.0, 8400.0)
    dock.workspace.references.add([Spectrum("NiO", energy, 2 + np.arctan(energy - 8345))])
    plot = dock.view.plot
    assert dock.view.pages.currentIndex() == 0
    assert [c.name for c in plot.curves] == ["NiO"]
    (left, right), (low, high) = plot.main.vb.viewRange()
    assert left < 8305 < 8395 < right
    assert low < 0.6 < 3.4 < high
    assert plot.main.getAxis("left").labelText == "absorption (a.u.)"
    assert "drop a stack here" in dock.view.readout.text()
    dock.workspace.references.set_checked("NiO", False)
    assert dock.view.pages.currentIndex() == 1
    add_stack()
    assert dock.view.pages.currentIndex() == 0
    assert "drop a stack" not in dock.view.readout.text()


def test_neighbouring_pixels_of_lazy_data_are_shown_at_once(viewer, dock, add_stack, point_at, stack, wait):
    layer = add_stack(stack.with_data(da.from_array(stack.data, chunks=(30, 8, 8))))
    point_at(layer, 5, 9)
    wait(lambda: dock.workspace.cursor._tiles.spectrum((5, 9), 1) is not None)
    received = []
    dock.workspace.cursor.spectrum_ready.connect(lambda index, values: received.append((index, values)))
    viewer.cursor.position = tuple(layer.data_to_world((0, 6, 11)))
    wait(lambda: dock.workspace.cursor.index == (6, 11))
    assert received[-1][0] == (6, 11)
    np.testing.assert_allclose(received[-1][1], stack.data[:, 6, 11])


def test_a_late_spectrum_does_not_replace_a_newer_one(viewer, dock, add_stack, stack, wait, settle, monkeypatch):
    monkeypatch.setattr(tiles, "EDGE", 8)
    hold = threading.Event()

    def slow(values):
        if armed:
            hold.wait(30)
        return values

    armed = []
    data = da.from_array(stack.data, chunks=(30, 8, 8)).map_blocks(slow, dtype=np.float32, meta=np.empty((0, 0, 0)))
    layer = add_stack(stack.with_data(data))
    viewer.cursor.position = tuple(layer.data_to_world((0, 1, 1)))
    wait(lambda: curve(dock, "cursor") is not None)
    armed.append(True)
    viewer.cursor.position = tuple(layer.data_to_world((0, 20, 20)))
    wait(lambda: dock.workspace.cursor.index == (20, 20))
    viewer.cursor.position = tuple(layer.data_to_world((0, 2, 2)))
    wait(lambda: dock.workspace.cursor.index == (2, 2))
    hold.set()
    wait(lambda: dock.workspace.cursor._tiles.spectrum((20, 20), 1) is not None)
    settle(100)
    np.testing.assert_allclose(curve(dock, "cursor").values, stack.data[:, 2, 2])


@pytest.mark.window
def test_closing_while_data_are_read(viewer, dock, add_stack, stack, wait, monkeypatch):
    monkeypatch.setattr(tiles, "EDGE", 4)
    started, hold = threading.Event(), threading.Event()

    def slow(values):
        if armed:
            started.set()
            hold.wait(30)
        return values

    armed = []
    lazy = da.from_array(stack.data, chunks=(30, 8, 8)).map_blocks(slow, dtype=np.float32, meta=np.empty((0, 0, 0)))
    layer = add_stack(stack.with_data(lazy))
    wait(lambda: dock.view.seen.live)
    armed.append(True)
    viewer.cursor.position = tuple(layer.data_to_world((0, 20, 20)))
    wait(started.is_set)
    viewer.close()
    hold.set()
    wait(lambda: not dock.view.seen.live)


@pytest.mark.parametrize(("value", "said"), [(22982.0, "22982 counts"), (389.25, "389.2 counts"), (np.nan, "no value")])
def test_counts_are_written_out(value, said):
    assert with_unit(value, "counts").startswith(said)


def test_a_single_energy_says_that_there_is_no_curve(viewer, dock, add_stack):
    add_stack(SpectralStack(np.ones((1, 4, 5), np.float32), [8350], "counts"))
    assert "one energy" in dock.view.message.text()
    add_stack(SpectralStack(np.ones((2, 4, 5), np.float32), [8350, 8360], "counts"))
    assert dock.view.message.isHidden()
