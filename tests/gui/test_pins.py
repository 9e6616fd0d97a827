"""Pins are places: marked on the image, and read on whichever stack is shown.

Longer than 300 lines because marks, list and spectra of pins depend on each other.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import dask.array as da
import numpy as np
import pytest
from napari.layers import Points
from qtpy.QtCore import QPoint, Qt
from qtpy.QtWidgets import QApplication, QLineEdit, QMenu
from tests.gui.plain_viewer import PlainViewer
from tests.gui.pressing import press_key

from napari_xanes import SpectralStack
from napari_xanes.gui.layers import stack_of
from napari_xanes.gui.places import box_of, from_plain, pixel_of, place_at, to_plain
from napari_xanes.gui.prepare.in_place import show_stack
from napari_xanes.gui.spectra import SpectraDock
from napari_xanes.gui.state.workspace import workspace_of
from napari_xanes.ops import bin


@pytest.fixture
def dock(viewer: Any, wait: Any) -> SpectraDock:
    dock: SpectraDock = viewer.window.add_plugin_dock_widget("napari-xanes", "Spectra")[1]
    viewer.window.resize(340, 560)
    viewer.window.activateWindow()
    wait(viewer.window.isActiveWindow)
    return dock


@pytest.fixture
def pin_at(viewer: Any, dock: SpectraDock, wait: Any) -> Callable[..., None]:
    """Put the cursor over a pixel (y, x) of a layer and press P."""

    def pin(layer: Any, *pixel: int) -> None:
        before = len(dock.workspace.pins.pins)
        viewer.cursor.position = tuple(layer.data_to_world((0, *pixel)))
        wait(lambda: dock.workspace.cursor.spectrum is not None and dock.workspace.cursor.spectrum[0] == pixel)
        press_key(viewer, "P")
        assert len(dock.workspace.pins.pins) == before + 1

    return pin


def pinned(dock: SpectraDock) -> dict[str, Any]:
    return {curve.name: curve for curve in dock.view.plot.curves if curve.kind == "pin"}


def marks(viewer: Any) -> Points:
    (layer,) = (layer for layer in viewer.layers if isinstance(layer, Points))
    return layer


def menu_of(widget: Any, qtbot: Any) -> QMenu:
    """Open the menu of a list with the keyboard."""
    widget.setFocus()
    qtbot.keyClick(widget, Qt.Key.Key_F10, Qt.KeyboardModifier.ShiftModifier)
    qtbot.waitUntil(lambda: isinstance(QApplication.activePopupWidget(), QMenu))
    menu = QApplication.activePopupWidget()
    assert isinstance(menu, QMenu)
    return menu


def choose(menu: QMenu, text: str) -> None:
    """Choose a line of a menu as a click does."""
    (action,) = (action for action in menu.actions() if action.text() == text)
    assert action.isEnabled()
    action.trigger()
    menu.close()


def test_a_pin_is_read_again_on_the_stack_that_is_shown(
    viewer: Any, dock: SpectraDock, add_stack: Any, stack: SpectralStack, pin_at: Any
) -> None:
    depth = add_stack()
    pin_at(depth, 5, 9)
    counts = SpectralStack(1000 * np.exp(-stack.data), stack.energy, "counts", 0.05, metadata={"name": "raw"})
    viewer.layers.selection.active = add_stack(counts)
    np.testing.assert_allclose(pinned(dock)["pin 1"].values, counts.data[:, 5, 9])
    assert dock.view.message.text() != "pin 1 not shown: optical depth, the stack is counts"
    viewer.layers.selection.active = depth
    np.testing.assert_allclose(pinned(dock)["pin 1"].values, stack.data[:, 5, 9])


@pytest.mark.parametrize("place", ["nm", "mm", "moved", "binned", "flipped"])
def test_the_place_goes_through_scale_position_and_unit(
    viewer: Any, dock: SpectraDock, add_stack: Any, stack: SpectralStack, pin_at: Any, place: str
) -> None:
    pin_at(add_stack(), 6, 10)
    other = bin(stack, pixels=2) if place == "binned" else stack
    keywords: dict[str, Any] = {
        "nm": {"scale": (1, 50, 50), "units": ("pixel", "nm", "nm")},
        "mm": {"scale": (1, 5e-5, 5e-5), "units": ("pixel", "mm", "mm")},
        "moved": {"translate": (0, 0.1, -0.2)},
        "binned": {"translate": (0, 0.025, 0.025)},
        "flipped": {"scale": (1, -0.05, 0.05), "translate": (0, 23 * 0.05, 0)},
    }[place]
    pixel = {"moved": (4, 14), "binned": (3, 5), "flipped": (17, 10)}.get(place, (6, 10))
    viewer.layers.selection.active = add_stack(other, **keywords)
    np.testing.assert_allclose(pinned(dock)["pin 1"].values, np.asarray(other.data)[:, pixel[0], pixel[1]], rtol=1e-6)
    assert dock.look.tabs.pins.list.texts()[0].startswith(f"pin 1 · ({pixel[1]}, {pixel[0]}) px")


def test_a_box_keeps_its_width_on_the_sample(add_stack: Any, stack: SpectralStack) -> None:
    fine, coarse = add_stack(), add_stack(bin(stack, pixels=3))
    assert [box_of(place_at(fine, (6, 9), box), fine) for box in (1, 3, 5)] == [1, 3, 5]
    assert [box_of(place_at(fine, (6, 9), box), coarse) for box in (1, 3, 9, 11)] == [1, 1, 3, 3]
    assert box_of(place_at(coarse, (2, 3), 1), fine) == 3
    place = place_at(fine, (6, 9), 3)
    assert from_plain(to_plain(place)) == place
    assert pixel_of(place, fine, (24, 32), ()) == (6, 9)
    with pytest.raises(ValueError, match="is no place"):
        from_plain({"point": [1.0], "unit": "um", "width": 1})


def test_the_list_says_what_lies_outside_the_stack(
    viewer: Any, dock: SpectraDock, add_stack: Any, stack: SpectralStack, pin_at: Any
) -> None:
    pin_at(add_stack(), 20, 30)
    small = SpectralStack(stack.data[:, :8, :8], stack.energy, "optical_depth", 0.05, metadata={"name": "corner"})
    viewer.layers.selection.active = add_stack(small)
    assert dock.look.tabs.pins.list.texts() == ["pin 1 · outside corner · optical depth"]
    assert not pinned(dock)
    viewer.layers.selection.active = viewer.layers[0]
    assert list(pinned(dock)) == ["pin 1"]


def test_pins_of_a_stack_are_read_in_the_slice_of_a_volume_that_is_shown(
    viewer: Any, dock: SpectraDock, add_stack: Any, stack: SpectralStack, pin_at: Any, wait: Any
) -> None:
    pin_at(add_stack(), 5, 9)
    data = np.stack([stack.data, 2 * stack.data, 3 * stack.data], axis=1)
    volume = add_stack(SpectralStack(data, stack.energy, "optical_depth", (0.1, 0.05, 0.05)))
    viewer.layers.selection.active = volume
    for z in (0, 2):
        viewer.dims.set_point(1, float(volume.data_to_world((0, z, 0, 0))[1]))
        np.testing.assert_allclose(pinned(dock)["pin 1"].values, (z + 1) * stack.data[:, 5, 9], rtol=1e-6)
        assert dock.look.tabs.pins.list.texts()[0].startswith(f"pin 1 · (9, 5, {z}) px")
    viewer.cursor.position = tuple(volume.data_to_world((0, 2, 3, 4)))
    wait(lambda: dock.workspace.cursor.index == (2, 3, 4))
    dock.look.pin_button.click()
    assert [layer.ndim for layer in viewer.layers if isinstance(layer, Points)] == [2, 3]
    viewer.dims.set_point(1, 0.0)
    np.testing.assert_allclose(pinned(dock)["pin 2"].values, 3 * stack.data[:, 3, 4], rtol=1e-6)
    viewer.layers.selection.active = viewer.layers[0]
    np.testing.assert_allclose(pinned(dock)["pin 2"].values, stack.data[:, 3, 4], rtol=1e-6)


def test_pins_on_lazy_stacks_are_read_in_a_thread_and_together(
    viewer: Any, dock: SpectraDock, add_stack: Any, stack: SpectralStack, pin_at: Any, wait: Any, settle: Any
) -> None:
    first = add_stack()
    pin_at(first, 5, 9)
    pin_at(first, 6, 10)
    main, threads = threading.get_ident(), []

    def block(values: Any) -> Any:
        threads.append(threading.get_ident())
        return 2 * values

    lazy = da.from_array(stack.data, chunks=(30, 24, 32)).map_blocks(block, dtype=np.float32, meta=np.empty((0, 0, 0)))
    dock.parentWidget().hide()
    layer = add_stack(stack.with_data(lazy))
    viewer.layers.selection.active = layer
    wait(lambda: threads)
    viewer.cursor.position = (0, 99, 99)
    settle(200)
    threads.clear()
    dock.parentWidget().show()
    wait(lambda: len(pinned(dock)) == 2)
    np.testing.assert_allclose(pinned(dock)["pin 2"].values, 2 * stack.data[:, 6, 10])
    assert main not in threads
    assert len(threads) <= 2, "once for both pins, and once for the cursor"


def test_marks_follow_the_pins_and_pins_follow_the_marks(
    viewer: Any, dock: SpectraDock, add_stack: Any, stack: SpectralStack, pin_at: Any
) -> None:
    layer = add_stack()
    pin_at(layer, 5, 9)
    pin_at(layer, 6, 10)
    assert viewer.layers.selection.active is layer
    points = marks(viewer)
    np.testing.assert_allclose(points.data, [(5, 9), (6, 10)], atol=1e-6)
    np.testing.assert_allclose(points.scale, (0.05, 0.05))
    assert list(points.text.values) == ["1", "2"]
    assert np.allclose(
        points.face_color[0][:3], [int(pinned(dock)["pin 1"].colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    )
    points.name = "places"
    points._set_drag_start({0}, (5.0, 9.0))  # as a drag in napari's select mode
    points._move({0}, (7.0, 12.0))
    np.testing.assert_allclose(pinned(dock)["pin 1"].values, stack.data[:, 7, 12])
    points.add((2.0, 3.0))
    np.testing.assert_allclose(pinned(dock)["pin 3"].values, stack.data[:, 2, 3])
    points.selected_data = {1}
    points.remove_selected()
    assert list(pinned(dock)) == ["pin 1", "pin 3"]
    assert list(points.text.values) == ["1", "3"]
    viewer.layers.remove(points)
    assert not dock.workspace.pins.pins
    pin_at(layer, 1, 2)
    assert list(marks(viewer).text.values) == ["1"]


def test_marks_stay_on_top_of_new_layers_unless_the_user_moved_them(
    viewer: Any, dock: SpectraDock, add_stack: Any, pin_at: Any, wait: Any, settle: Any
) -> None:
    layer = add_stack()
    pin_at(layer, 5, 9)
    points = marks(viewer)
    viewer.add_image(np.zeros((24, 32)))
    wait(lambda: viewer.layers[-1] is points)
    viewer.layers.move(2, 0)
    newest = viewer.add_image(np.zeros((24, 32)))
    settle()
    assert viewer.layers[-1] is newest


def test_pins_keep_their_pixels_when_the_pixel_size_is_corrected(
    viewer: Any, dock: SpectraDock, add_stack: Any, stack: SpectralStack, pin_at: Any
) -> None:
    layer = add_stack()
    dock.row.box.setValue(3)
    pin_at(layer, 5, 9)
    dock.look.tabs.regions.brush()
    labels = viewer.layers.selection.active
    corrected = SpectralStack(stack.data, stack.energy, "optical_depth", 0.2, metadata={"name": "particle"})
    show_stack(layer, corrected, [other for other in viewer.layers if other is not layer])
    viewer.layers.selection.active = layer
    assert stack_of(layer).pixel_size == (0.2, 0.2)
    np.testing.assert_allclose(labels.scale, (0.2, 0.2))
    assert dock.look.tabs.pins.list.texts() == ["pin 1 · (9, 5) px · (1.8, 1) µm"]
    np.testing.assert_allclose(pinned(dock)["pin 1"].values, stack.data[:, 4:7, 8:11].mean((1, 2)), rtol=1e-6)


def test_pins_are_renamed_hidden_coloured_and_removed_by_mouse_and_keys(
    viewer: Any, dock: SpectraDock, add_stack: Any, stack: SpectralStack, pin_at: Any, qtbot: Any, wait: Any
) -> None:
    layer = add_stack()
    for pixel in ((5, 9), (6, 10), (7, 11)):
        pin_at(layer, *pixel)
    dock.look.tabs.setCurrentWidget(dock.look.tabs.pins)
    listed = dock.look.tabs.pins.list
    listed.setFocus()
    first = listed.visualItemRect(listed.item(0))
    qtbot.mouseClick(listed.viewport(), Qt.MouseButton.LeftButton, pos=first.center())
    qtbot.keyClick(listed, Qt.Key.Key_F2)
    editor = QApplication.focusWidget()
    assert isinstance(editor, QLineEdit)
    assert editor.text() == "pin 1", "the place cannot be edited"
    qtbot.keyClicks(editor, "rim")
    qtbot.keyClick(editor, Qt.Key.Key_Return)
    wait(lambda: list(pinned(dock)) == ["rim", "pin 2", "pin 3"])
    check = first.topLeft() + QPoint(9, first.height() // 2)
    qtbot.mouseClick(listed.viewport(), Qt.MouseButton.LeftButton, pos=check)
    assert list(pinned(dock)) == ["pin 2", "pin 3"]
    assert list(marks(viewer).shown) == [False, True, True]
    choose(menu_of(listed, qtbot), "Show")
    assert list(pinned(dock)) == ["rim", "pin 2", "pin 3"]
    menu = menu_of(listed, qtbot)
    (colours,) = (action.menu() for action in menu.actions() if action.text() == "Colour")
    choose(colours, "vermilion")
    menu.close()
    assert pinned(dock)["rim"].colour == "#D55E00"
    choose(menu_of(listed, qtbot), "As reference")
    added = workspace_of(viewer).references.spectra[-1]
    assert added.name == "rim"
    np.testing.assert_allclose(added.mu, stack.data[:, 5, 9])
    qtbot.keyClick(listed, Qt.Key.Key_Delete)
    assert list(pinned(dock)) == ["pin 2", "pin 3"]
    np.testing.assert_allclose(marks(viewer).data, [(6, 10), (7, 11)], atol=1e-6)


def test_counts_are_no_reference(
    viewer: Any, dock: SpectraDock, add_stack: Any, stack: SpectralStack, pin_at: Any, errors: list[str], qtbot: Any
) -> None:
    counts = SpectralStack(1000 * np.exp(-stack.data), stack.energy, "counts", 0.05, metadata={"name": "raw"})
    pin_at(add_stack(counts), 5, 9)
    dock.look.tabs.setCurrentWidget(dock.look.tabs.pins)
    dock.look.tabs.pins.list.setCurrentRow(0)
    choose(menu_of(dock.look.tabs.pins.list, qtbot), "As reference")
    assert "references are absorption" in errors[0]
    assert not workspace_of(viewer).references.spectra


def test_two_viewers_have_pins_of_their_own(viewer: Any, dock: SpectraDock, add_stack: Any, pin_at: Any) -> None:
    pin_at(add_stack(), 5, 9)
    other = PlainViewer()
    try:
        assert not workspace_of(other).pins.pins
        assert not other.layers
    finally:
        other.close()


@pytest.mark.window
def test_a_click_in_the_image_makes_a_mark(viewer: Any, add_stack: Any, qtbot: Any, wait: Any, settle: Any) -> None:
    layer = add_stack()
    dock = viewer.window.add_plugin_dock_widget("napari-xanes", "XANES")[1]
    viewer.window.resize(1366, 768)
    settle()
    canvas = viewer.window._qt_viewer.canvas.native
    middle = canvas.rect().center()
    qtbot.mouseMove(canvas, middle + QPoint(5, 5))
    qtbot.mouseMove(canvas, middle)
    wait(lambda: dock.workspace.cursor.spectrum is not None)
    index = dock.workspace.cursor.index
    qtbot.mouseClick(canvas, Qt.MouseButton.LeftButton, pos=middle)
    wait(lambda: dock.workspace.pins.pins)
    np.testing.assert_allclose(marks(viewer).data, [index], atol=1e-6)
    assert viewer.layers.selection.active is layer
    picture = viewer.screenshot(flash=False)
    colour = np.array([0, 158, 115])  # of the first pin
    close = (np.abs(picture[..., :3].astype(int) - colour) < 30).all(axis=-1)
    rows, columns = np.nonzero(close)
    assert rows.size > 60, "a mark of 15 pixels"
    assert np.ptp(rows) < 26
    assert np.ptp(columns) < 26
