"""The legend beside the curves, offsets between them, E0, and the menu of a curve."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from qtpy.QtCore import QPoint, QPointF, Qt
from qtpy.QtGui import QWheelEvent
from qtpy.QtWidgets import QApplication, QMenu

from napari_xanes import SpectralStack
from napari_xanes.gui.pixels.areas import new_labels
from napari_xanes.gui.places import place_at
from napari_xanes.gui.spectra import SpectraDock
from napari_xanes.gui.spectra.legend import Entry, Legend


@pytest.fixture
def dock(viewer: Any, add_stack: Any, wait: Any) -> SpectraDock:
    """Return the dock at its narrowest, with the cursor, a region, two pins and two references in the plot."""
    layer = add_stack()
    dock: SpectraDock = viewer.window.add_plugin_dock_widget("napari-xanes", "Spectra")[1]
    viewer.window.resize(340, 560)
    labels = new_labels(viewer, layer)
    labels.data[3:7, 4:9] = 1
    labels.metadata["xanes"]["names"] = {1: "the bright core of the large particle on the left"}
    labels.refresh()
    for pixel in ((10, 10), (20, 25)):
        dock.workspace.pins.add(place_at(layer, pixel))
    viewer.cursor.position = tuple(layer.data_to_world((0, 5, 9)))
    viewer.window.activateWindow()
    wait(viewer.window.isActiveWindow)
    wait(lambda: len(dock.view.plot.curves) == 6)
    return dock


def names(dock: SpectraDock) -> list[str]:
    return [curve.name for curve in dock.view.plot.curves]


def click(legend: Legend, row: int, qtbot: Any, button: Any = Qt.MouseButton.LeftButton) -> None:
    qtbot.mouseClick(legend.viewport(), button, pos=legend.visualItemRect(legend.item(row)).center())


def menu() -> Any:
    opened = QApplication.activePopupWidget()
    return opened if isinstance(opened, QMenu) else None


def choose(text: str, qtbot: Any) -> None:
    qtbot.waitUntil(lambda: menu() is not None)
    next(action for action in menu().actions() if action.text() == text).trigger()
    menu().close()


def test_all_entries_are_seen_at_every_width(qtbot: Any) -> None:
    legend = Legend()
    qtbot.addWidget(legend)
    legend.show()
    names = ("Data2_LaMnO3", "Data2_MnO", "Data2_SrMnO3")
    legend.set_entries([Entry(name, name, "", "#ffffff", Qt.PenStyle.SolidLine, 1, True) for name in names])
    whole = sum(legend.item(row).sizeHint().width() for row in range(3))
    for width in range(whole - 30, whole + 30, 3):
        legend.resize(width, legend.maximumHeight())
        QApplication.processEvents()
        legend.resize(width, legend.maximumHeight())
        rectangles = [legend.visualItemRect(legend.item(row)) for row in range(3)]
        assert all(legend.viewport().rect().contains(rectangle) for rectangle in rectangles), width


def test_the_legend_lies_beside_the_curves_and_cuts_long_names(dock: SpectraDock) -> None:
    legend, plot = dock.view.plot.legend, dock.view.plot
    assert legend.count() == 6
    assert legend.geometry().bottom() <= plot.geometry().top()
    assert legend.item(1).text().startswith("the bright")
    assert "…" in legend.item(1).text()
    assert legend.item(1).toolTip().startswith("the bright core of the large particle on the left")
    assert legend.item(2).text() == "pin 1"
    assert legend.height() <= 3 * 18
    for row in range(legend.count()):
        width = legend.fontMetrics().horizontalAdvance(legend.item(row).text())
        assert legend.visualItemRect(legend.item(row)).width() >= width + 22
    assert not legend.horizontalScrollBar().isVisible()


def test_a_click_hides_a_curve_and_shows_it_again(viewer: Any, dock: SpectraDock, wait: Any, qtbot: Any) -> None:
    legend = dock.view.plot.legend
    click(legend, 0, qtbot)
    assert "cursor" not in names(dock)
    assert legend.item(0).font().strikeOut()
    click(legend, 0, qtbot)
    assert "cursor" in names(dock)
    click(legend, 2, qtbot)
    assert "pin 1" not in names(dock)
    assert not dock.workspace.pins.pins[0].visible, "a hidden pin is hidden on the image, too"
    click(legend, 1, qtbot)
    wait(lambda: len(names(dock)) == 4)
    assert dock.look.tabs.regions.list.item(0).checkState() == Qt.CheckState.Unchecked
    assert legend.count() == 6
    legend.setFocus()
    legend.setCurrentRow(5)
    qtbot.keyClick(legend, Qt.Key.Key_Space)
    assert len(names(dock)) == 3
    qtbot.keyClick(legend, Qt.Key.Key_F10, Qt.KeyboardModifier.ShiftModifier)
    choose("Show hidden curves", qtbot)
    wait(lambda: len(names(dock)) == 6)


def test_the_menu_of_a_curve_in_the_plot(viewer: Any, dock: SpectraDock, qtbot: Any, wait: Any) -> None:
    plot = dock.view.plot
    dock.view.toggle("cursor")
    pin = next(curve for curve in plot.curves if curve.name == "pin 2")
    at = plot.main.vb.mapViewToScene(QPointF(pin.energy[-2], pin.values[-2]))
    assert plot.curve_at(at) == "pin 2"
    qtbot.mouseClick(plot.viewport(), Qt.MouseButton.RightButton, pos=plot.mapFromScene(at))
    choose("Remove", qtbot)
    assert [pin.name for pin in dock.workspace.pins.pins] == ["pin 1"]
    assert plot.curve_at(QPointF(0, 0)) is None
    plot.setFocus()
    low = plot.main.vb.viewRange()[0]
    plot.main.setXRange(8340, 8345)
    plot.setFocus()
    qtbot.keyClick(plot, Qt.Key.Key_F10, Qt.KeyboardModifier.ShiftModifier)
    choose("Show all energies and values", qtbot)
    assert plot.main.vb.viewRange()[0] == pytest.approx(low)


def test_curves_are_drawn_one_above_the_other(viewer: Any, dock: SpectraDock, stack: SpectralStack, qtbot: Any) -> None:
    before = {curve.name: curve.values for curve in dock.view.plot.curves}
    box = dock.look.offset
    assert box.text() == "gap", "it says what it is for"
    box.setFocus()
    qtbot.keyClick(box, Qt.Key.Key_Up)
    step = box.value()
    height = max(np.ptp(values) for values in before.values())
    assert 0.03 * height < step < 0.2 * height
    box.lineEdit().selectAll()
    qtbot.keyClicks(box, "0.5")
    qtbot.keyClick(box, Qt.Key.Key_Return)
    shown = {curve.name: curve.values for curve in dock.view.plot.curves}
    np.testing.assert_allclose(shown["cursor"], before["cursor"])
    np.testing.assert_allclose(shown["pin 1"], before["pin 1"] + 1.0)
    np.testing.assert_allclose(shown["pin 2"], before["pin 2"] + 1.5)
    np.testing.assert_allclose(shown["low"], before["low"], err_msg="a reference lies on the spectrum of the cursor")
    exported = {curve.name: curve.values for curve in dock.view.shown_curves}
    np.testing.assert_allclose(exported["pin 2"], before["pin 2"])


def test_normalized_spectra_say_their_edge(viewer: Any, dock: SpectraDock, stack: SpectralStack, wait: Any) -> None:
    dock.look.mode.setCurrentText("normalized")
    curves = {curve.name: curve for curve in dock.view.plot.curves}
    assert all(curve.e0 == pytest.approx(8345, abs=4) for curve in curves.values())
    assert dock.view.plot._marks.points().size == len(curves)
    assert f"E0 {curves['pin 1'].e0:.1f}" in dock.view.plot.legend.item(2).toolTip()
    assert "edge jump" in dock.view.plot.legend.item(2).toolTip()
    dock.look.mode.setCurrentText("as measured")
    assert dock.view.plot._marks.points().size == 0


def test_the_zoom_stays_when_another_frame_is_shown(viewer: Any, dock: SpectraDock, settle: Any, qtbot: Any) -> None:
    plot = dock.view.plot
    at = QPointF(plot.viewport().rect().center())
    wheel = QWheelEvent(
        at,
        plot.viewport().mapToGlobal(at),
        QPoint(),
        QPoint(0, 120),
        Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.NoModifier,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    before = plot.main.vb.viewRange()
    QApplication.sendEvent(plot.viewport(), wheel)
    zoomed = plot.main.vb.viewRange()
    assert np.ptp(zoomed[0]) < np.ptp(before[0])
    viewer.dims.set_current_step(0, 17)
    viewer.cursor.position = (17, 0.5, 0.8)
    settle()
    np.testing.assert_allclose(plot.main.vb.viewRange(), zoomed)
