"""What the list of regions does with regions: hide, delete, references and pins."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from qtpy.QtCore import QPoint, Qt
from qtpy.QtWidgets import QApplication, QMenu

from napari_xanes import SpectralStack
from napari_xanes.gui.pixels.areas import new_labels, new_shapes
from napari_xanes.gui.pixels.region_changes import delete_regions, hide_region
from napari_xanes.gui.spectra import SpectraDock
from napari_xanes.gui.spectra.place_list import PlaceList
from napari_xanes.gui.state.workspace import workspace_of

FIRST, SECOND = np.s_[3:7, 4:9], np.s_[12:20, 20:28]


@pytest.fixture
def dock(viewer: Any, add_stack: Any, wait: Any) -> SpectraDock:
    add_stack()
    dock: SpectraDock = viewer.window.add_plugin_dock_widget("napari-xanes", "Spectra")[1]
    viewer.window.resize(340, 560)
    viewer.window.activateWindow()
    wait(viewer.window.isActiveWindow)
    return dock


@pytest.fixture(params=["labels", "shapes"])
def layer(request: pytest.FixtureRequest, viewer: Any, dock: SpectraDock, wait: Any) -> Any:
    """Return a layer of two regions, which are in the list."""
    stack = viewer.layers[0]
    if request.param == "labels":
        layer = new_labels(viewer, stack)
        layer.data[FIRST], layer.data[SECOND] = 1, 2
        layer.refresh()
    else:
        layer = new_shapes(viewer, stack)
        corners = [[(3, 4), (3, 8), (6, 8), (6, 4)], [(12, 20), (12, 27), (19, 27), (19, 20)]]
        layer.add([np.array(area, float) for area in corners], shape_type="polygon")
    wait(lambda: len(dock.look.tabs.regions.texts()) == 2)
    return layer


def shown(dock: SpectraDock) -> dict[str, Any]:
    return {curve.name: curve for curve in dock.view.plot.curves if curve.kind == "region"}


def click_row(listed: PlaceList, row: int, qtbot: Any, *, check: bool = False) -> None:
    place = listed.visualItemRect(listed.item(row))
    at = place.topLeft() + QPoint(9, place.height() // 2) if check else place.center()
    qtbot.mouseClick(listed.viewport(), Qt.MouseButton.LeftButton, pos=at)


def choose(listed: PlaceList, text: str, qtbot: Any) -> None:
    """Open the menu with the keyboard and choose a line."""
    listed.setFocus()
    qtbot.keyClick(listed, Qt.Key.Key_F10, Qt.KeyboardModifier.ShiftModifier)
    qtbot.waitUntil(lambda: isinstance(QApplication.activePopupWidget(), QMenu))
    menu: Any = QApplication.activePopupWidget()
    next(action for action in menu.actions() if action.text() == text).trigger()
    menu.close()


def test_a_region_is_hidden_and_shown(viewer: Any, dock: SpectraDock, layer: Any, wait: Any, qtbot: Any) -> None:
    listed = dock.look.tabs.regions.list
    first, second = (text.split(" · ")[0] for text in listed.texts())
    mode = layer.mode
    click_row(listed, 0, qtbot, check=True)
    wait(lambda: list(shown(dock)) == [second])
    assert layer.mode == mode, "a click on the check box does not begin to brush"
    assert listed.texts()[0].startswith(first)
    assert layer.metadata["xanes"]["hidden"] == [1]
    choose(listed, "Show", qtbot)
    wait(lambda: list(shown(dock)) == [first, second])


def test_a_region_is_deleted_with_the_key(viewer: Any, dock: SpectraDock, layer: Any, wait: Any, qtbot: Any) -> None:
    listed, stack = dock.look.tabs.regions.list, viewer.layers[0]
    layer.metadata["xanes"]["names"] = {1: "core", 2: "rim"}
    layer.metadata["xanes"]["hidden"] = [2]
    click_row(listed, 0, qtbot)
    listed.setFocus()
    qtbot.keyClick(listed, Qt.Key.Key_Delete)
    wait(lambda: listed.texts() == ["rim · 64 px"])
    assert not shown(dock), "what was hidden stays hidden although its number is another"
    choose(listed, "Show", qtbot)
    wait(lambda: shown(dock))
    np.testing.assert_allclose(shown(dock)["rim"].values, stack.data[:, 12:20, 20:28].mean((1, 2)), rtol=1e-5)
    if hasattr(layer, "undo"):
        layer.undo()
        wait(lambda: len(listed.texts()) == 2)


def test_regions_become_references_and_pins(
    viewer: Any, dock: SpectraDock, layer: Any, stack: SpectralStack, wait: Any, qtbot: Any
) -> None:
    listed, workspace = dock.look.tabs.regions.list, workspace_of(viewer)
    click_row(listed, 1, qtbot)
    name = listed.texts()[1].split(" · ")[0]
    choose(listed, "As reference", qtbot)
    added = workspace.references.spectra[-1]
    inside = stack.data[(slice(None), *SECOND)].astype(float)
    assert added.name == name
    np.testing.assert_allclose(added.mu, inside.mean((1, 2)), rtol=1e-5)
    assert added.sigma is not None
    choose(listed, "As pins", qtbot)
    (pin,) = workspace.pins.pins
    assert (pin.name, pin.colour) == (name, shown(dock)[name].colour)
    (found,) = workspace.pin_spectra.spectra
    assert found.index in [(y, x) for y in (15, 16) for x in (23, 24)]


def test_a_hidden_label_is_hidden_on_the_image(viewer: Any, dock: SpectraDock, wait: Any) -> None:
    layer = new_labels(viewer, viewer.layers[0])
    layer.data[FIRST], layer.data[SECOND] = 1, 2
    layer.refresh()
    wait(lambda: len(dock.tracker.regions) == 2)
    colours = [region.colour for region in dock.tracker.regions]
    first = dock.tracker.regions[0].number
    other = dock.tracker.regions[1].number
    hide_region(layer, first, True)
    assert layer.get_color(first)[3] == 0
    assert layer.get_color(other)[3] == 1
    wait(lambda: dock.tracker.regions[0].hidden)
    assert [region.colour for region in dock.tracker.regions] == colours, "plot and list keep the colour"
    before = layer.get_color(200)
    hide_region(layer, first, False)
    assert layer.get_color(first)[3] == 1
    np.testing.assert_array_equal(layer.get_color(200), before)
    hide_region(layer, first, True)
    delete_regions(layer, [first])
    assert layer.get_color(first)[3] == 1, "a new region of this number is seen"


def test_a_hidden_shape_is_hidden_on_the_image_and_comes_back_as_it_was(viewer: Any, add_stack: Any) -> None:
    add_stack()
    square = np.array([[2.0, 2], [2, 8], [8, 8], [8, 2]])
    layer = viewer.add_shapes(
        [square, square + 5, square + 9], edge_color=["#ff0000", "#00ff00", "#0000ff80"], face_color="#ffffff40"
    )
    edges, faces = layer.edge_color.copy(), layer.face_color.copy()
    for number in (2, 3, 3):
        hide_region(layer, number, True)
    assert layer.edge_color[:, 3].tolist() == [1, 0, 0]
    assert layer.face_color[1:, 3].tolist() == [0, 0]
    delete_regions(layer, [1])
    hide_region(layer, 2, False)
    np.testing.assert_allclose(layer.edge_color[1], edges[2])
    np.testing.assert_allclose(layer.face_color[1], faces[2])
    assert layer.edge_color[0, 3] == 0
    hide_region(layer, 1, False)
    np.testing.assert_allclose(layer.edge_color, edges[1:])
