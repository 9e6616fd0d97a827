"""The XANES dock: all steps beside one plot, on small screens too."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest
from napari.settings import get_settings
from qtpy.QtCore import QCoreApplication, QEvent, Qt
from qtpy.QtWidgets import QApplication, QFileDialog, QTabWidget
from tests.gui.plain_viewer import PlainViewer
from tests.gui.pressing import press_key

import napari_xanes as nx
from napari_xanes.gui import job
from napari_xanes.gui.exploring.found import FoundSpectra
from napari_xanes.gui.forms.stack_box import StackBox
from napari_xanes.gui.map_layers import is_map
from napari_xanes.gui.projects.opening import notices_of
from napari_xanes.gui.projects.session import session_of
from napari_xanes.gui.results.panel import ResultsPanel
from napari_xanes.gui.running import method_panel
from napari_xanes.gui.running.preparing import run_after
from napari_xanes.gui.simulate import SimulateDock
from napari_xanes.gui.spectra.look import LookPanel
from napari_xanes.gui.stitching import StitchDock
from napari_xanes.gui.xanes import XanesDock
from napari_xanes.gui.xanes.steps import STEPS
from napari_xanes.progress import Cancelled

WIDTH, HEIGHT = 340, 560


@pytest.fixture
def dock(viewer: Any) -> XanesDock:
    opened: XanesDock = viewer.window.add_plugin_dock_widget("napari-xanes", "XANES")[1]
    return opened


def test_each_step_shows_its_panel_beside_the_plot(viewer: Any, dock: XanesDock, add_stack: Any, qtbot: Any) -> None:
    add_stack()
    assert list(dock._panels) == ["Look"], "panels are made when they are first shown"
    dock.splitter.setSizes([300, 400])  # what the largest panel needs, and more
    sizes = dock.splitter.sizes()
    for name, button in dock.rail.buttons.items():
        qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
        assert dock.panel(name).isVisible()
        assert dock.view.isVisible()
        assert sum(panel.isVisible() for panel in dock._panels.values()) == 1
    assert list(dock._panels) == list(STEPS)
    dock.show_step("Look")
    assert abs(dock.splitter.sizes()[0] - sizes[0]) <= 2, "the share of the plot is that of the user"
    hint, needed = dock.minimumSizeHint(), dock.layout().minimumSize()
    assert needed.width() <= hint.width() <= WIDTH
    assert needed.height() <= hint.height() <= HEIGHT


def test_every_widget_says_what_it_is_for_and_is_reached_by_tab(viewer: Any, dock: XanesDock, add_stack: Any) -> None:
    add_stack()
    assert all(button.toolTip() for button in dock.rail.buttons.values())
    shown = dock.rail.buttons["Look"]  # arrows lead from it to the other steps
    reached, widget = set(), shown
    while widget not in reached:
        reached.add(widget)
        widget = widget.nextInFocusChain()
    for button in (shown, dock.panel("Look").findChild(LookPanel).mode, dock.row.stack_box):
        assert button in reached
        assert button.focusPolicy() & Qt.FocusPolicy.TabFocus


def test_docks_share_the_stack_the_box_and_the_pins(viewer: Any, dock: XanesDock, add_stack: Any, wait: Any) -> None:
    first, second = add_stack(), add_stack(name="second")
    mapping = viewer.window.add_plugin_dock_widget("napari-xanes", "Map")[1]
    spectra = viewer.window.add_plugin_dock_widget("napari-xanes", "Spectra")[1]
    assert mapping.method_panel.stacks.layer() is second
    dock.row.stack_box.setCurrentIndex(1)
    assert viewer.layers.selection.active is first
    assert mapping.method_panel.stacks.layer() is first
    spectra.row.box.setValue(5)
    assert dock.row.box.value() == 5
    viewer.cursor.position = tuple(first.data_to_world((0, 5, 9)))
    wait(lambda: dock.workspace.cursor.spectrum is not None)
    press_key(viewer, "P")
    assert len(dock.workspace.pins.pins) == 1
    spectra.parentWidget().hide()
    press_key(viewer, "P")
    assert len(dock.workspace.pins.pins) == 2, "the key works as long as one plot is seen"
    names = [curve.name for curve in dock.view.plot.curves]
    assert {"pin 1", "pin 2"} <= set(names)


def test_panels_inside_have_no_box_of_stacks_of_their_own(dock: XanesDock) -> None:
    for name in STEPS:
        dock.show_step(name)
        assert not any(box.isVisible() for box in dock.panel(name).findChildren(StackBox))


@pytest.mark.window
@pytest.mark.parametrize("size", [(1366, 768), (1920, 1080), (1000, 500)])
def test_the_window_stays_on_the_screen_and_gets_its_size_back(
    viewer: Any, add_stack: Any, wait: Any, settle: Any, size: tuple[int, int]
) -> None:
    add_stack()
    window = viewer.window._qt_window
    window.resize(*size)
    settle()
    before = window.size()
    dock = viewer.window.add_plugin_dock_widget("napari-xanes", "XANES")[1]
    for name in STEPS:
        dock.show_step(name)
    settle()
    assert window.width() <= max(size[0], 1366)
    assert window.height() <= max(size[1], 768)
    slider = viewer.window._qt_viewer.dims.slider_widgets[0]
    for part in (window.statusBar(), slider, dock.rail, dock.panel("Theory")):
        corner = part.mapTo(window, part.rect().bottomRight())
        assert part.isVisible()
        assert window.rect().contains(corner)
    viewer.window.remove_dock_widget(dock)
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    settle()
    assert window.size() == before


@pytest.fixture
def jobs(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Let runs last until they are told to end or cancelled, and note what became of them."""
    noted: dict[str, Any] = {"started": 0, "cancelled": threading.Event(), "end": threading.Event()}

    def run(steps: Any, step: Any, stack: Any, progress: Any, method: Any) -> Any:
        noted["started"] += 1
        try:
            while not noted["end"].wait(0.01):
                progress(0.5, "waiting")
        except Cancelled:
            noted["cancelled"].set()
            raise
        return run_after(steps, step, stack, progress, method)

    monkeypatch.setattr(method_panel, "run_after", run)
    return noted


def test_run_pressed_twice_starts_one_job(
    viewer: Any, dock: XanesDock, add_stack: Any, qtbot: Any, wait: Any, jobs: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_stack()
    dock.show_step("Map")
    button, bar = dock.panel("Map").method_panel.run_button, job.activity

    def busy_bar(**keywords: Any) -> Any:
        qtbot.mouseClick(button, Qt.MouseButton.LeftButton)  # napari's bar handles events, a second click among them
        return bar(**keywords)

    monkeypatch.setattr(job, "activity", busy_bar)
    qtbot.mouseDClick(button, Qt.MouseButton.LeftButton)
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    wait(lambda: jobs["started"])
    assert not button.isEnabled()
    jobs["end"].set()
    wait(lambda: not dock.panel("Map").method_panel.job.running)
    assert jobs["started"] == 1
    assert len({layer.metadata["xanes"]["group"] for layer in viewer.layers if is_map(layer)}) == 1


def test_a_dock_closed_in_the_middle_of_a_run_ends_it(
    viewer: Any, dock: XanesDock, add_stack: Any, wait: Any, jobs: Any
) -> None:
    layer = add_stack()
    dock.show_step("Map")
    dock.panel("Map").method_panel.start()
    wait(lambda: jobs["started"])
    dock.parentWidget().close()
    dock.parentWidget().deleteLater()
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    wait(jobs["cancelled"].is_set)
    assert list(viewer.layers) == [layer], "nothing half done is left"


def test_two_viewers_do_not_touch_each_other(viewer: Any, dock: XanesDock, add_stack: Any, wait: Any) -> None:
    layer, other = add_stack(), PlainViewer()
    other.window.show()
    second: XanesDock = other.window.add_plugin_dock_widget("napari-xanes", "XANES")[1]
    viewer.cursor.position = tuple(layer.data_to_world((0, 5, 9)))
    wait(lambda: dock.workspace.cursor.spectrum is not None)
    dock.workspace.pinning.pin()
    dock.show_step("Map")
    assert second.row.stack_box.layer() is None
    assert not second.workspace.pins.pins
    assert second._pages.currentWidget() is second.panel("Look")
    other.close()
    dock.workspace.pinning.pin()
    assert len(dock.workspace.pins.pins) == 2


def test_the_fit_stays_in_the_plot_whichever_step_is_shown(
    viewer: Any, dock: XanesDock, add_stack: Any, wait: Any
) -> None:
    layer = add_stack()
    dock.show_step("Map")
    method_panel = dock.panel("Map").method_panel
    method_panel.methods.setCurrentIndex(method_panel.methods.findData("fit_references"))
    method_panel.start()
    wait(lambda: not method_panel.job.running)
    for name, row in (("Map", 5), ("Look", 6), ("Explore", 7)):
        dock.show_step(name)
        viewer.layers.selection.active = layer
        viewer.cursor.position = tuple(layer.data_to_world((0, row, 9)))
        wait(lambda row=row: dock.workspace.cursor.index == (row, 9))
        assert [curve.kind for curve in dock.view.plot.curves].count("fit") == 1, name
    dock.parentWidget().hide()
    assert not dock.workspace.cursor.asked
    assert not dock.workspace.fit.curves


def test_the_key_of_the_swipe_works_as_long_as_one_dock_compares(viewer: Any, dock: XanesDock, wait: Any) -> None:
    alone = viewer.window.add_plugin_dock_widget("napari-xanes", "Denoise")[1]
    dock.show_step("Clean")
    wait(alone.isVisible)
    wait(dock.panel("Clean").isVisible)
    assert alone.compare.slider.value() == dock.panel("Clean").compare.slider.value() == 0
    dock.show_step("Map")
    press_key(viewer, "B")
    assert alone.compare.slider.value() == alone.compare.slider.maximum()
    alone.parentWidget().hide()
    press_key(viewer, "B")
    assert alone.compare.slider.value() == alone.compare.slider.maximum()


def test_projects_and_layers_are_saved_and_opened_from_the_dock(
    viewer: Any, dock: XanesDock, add_stack: Any, wait: Any, tmp_path: Path, monkeypatch: Any, errors: list[str]
) -> None:
    actions = {
        action.text(): action for action in dock.file_button.menu().actions() if action.text() and action.isVisible()
    }
    assert list(actions) == ["Save project…", "Open project…", "Save selected layers…"]
    for text in ("Save project…", "Save selected layers…"):
        actions[text].trigger()
    assert len(errors) == 2
    assert all("drop a stack" in error for error in errors)
    add_stack()
    target = tmp_path / "window.h5"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(target), ""))
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (str(target), ""))
    actions["Save project…"].trigger()
    dialog = notices_of(viewer).dialog
    dialog.save_button.click()
    wait(target.exists)
    wait(lambda: not session_of(viewer).busy)
    viewer.layers.clear()
    actions["Open project…"].trigger()
    wait(lambda: len(viewer.layers) == 1)
    wait(lambda: not session_of(viewer).busy)
    target = tmp_path / "layers.h5"
    viewer.layers.selection = {viewer.layers[0]}
    actions["Save selected layers…"].trigger()
    assert nx.read(target).energy.size == 30


def test_what_a_tab_shows_is_made_when_it_is_first_shown(viewer: Any, dock: XanesDock, add_stack: Any) -> None:
    add_stack()
    made = {"Prepare": StitchDock, "Map": ResultsPanel, "Explore": FoundSpectra, "Theory": SimulateDock}
    for name, kind in made.items():
        dock.show_step(name)
        panel = dock.panel(name)
        assert panel.findChild(kind) is None
        tabs = panel if isinstance(panel, QTabWidget) else panel.findChild(QTabWidget)
        for i in range(tabs.count()):
            tabs.setCurrentIndex(i)
        assert panel.findChild(kind) is not None


@pytest.mark.window
@pytest.mark.parametrize("size", [9, 14, 18])
def test_no_text_of_the_rail_is_cut_in_large_fonts(
    viewer: Any, dock: XanesDock, add_stack: Any, wait: Any, size: int
) -> None:
    add_stack()
    appearance = get_settings().appearance
    before, appearance.font_size = appearance.font_size, size
    try:
        wait(lambda: dock.font().pointSize() == size)
        QApplication.processEvents()
        for button in dock.rail.buttons.values():
            assert button.width() >= button.fontMetrics().horizontalAdvance(button.text()) + 4
            assert dock.rail.rect().contains(button.geometry())
        assert {button.y() for button in dock.rail.buttons.values()} == ({0} if size == 9 else {0, button.y()})
        box = dock.row.box
        assert box.lineEdit().width() >= box.fontMetrics().horizontalAdvance("11 px")
        assert dock.offer.font().pointSize() == size, "also where napari's style says nothing"
    finally:
        appearance.font_size = before
