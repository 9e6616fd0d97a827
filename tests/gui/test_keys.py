"""The keys that docks give to a viewer, and that the keyboard reaches everything and leaves it again."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.utils.action_manager import action_manager
from napari.utils.key_bindings import coerce_keybinding
from qtpy.QtCore import Qt
from qtpy.QtGui import QImage
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QWidget
from tests.gui.pressing import press_key

from napari_xanes import SpectralStack
from napari_xanes.gui import settings
from napari_xanes.gui.focus_ring import FocusRing
from napari_xanes.gui.layers import stack_to_layer
from napari_xanes.gui.state import keys
from napari_xanes.gui.state.keys import KEYS, Keys, hint, text_of
from napari_xanes.gui.xanes.steps import STEPS

ROOT = Path(__file__).parents[2]
DOCKS = ["Spectra", "Prepare", "Stitch", "Denoise", "Map", "Embedding", "Simulate"]


class Panel:
    """Counts what a key made it do."""

    def __init__(self) -> None:
        self.runs = 0

    def run(self) -> None:
        self.runs += 1


def test_a_key_acts_for_the_panel_that_took_it_last() -> None:
    viewer = ViewerModel()
    of_the_viewer, first, second = Keys(viewer), Panel(), Panel()
    press_key(viewer, "Ctrl+Enter")
    of_the_viewer.take("run", first.run)
    of_the_viewer.take("run", second.run)
    press_key(viewer, "Ctrl+Enter")
    assert (first.runs, second.runs) == (0, 1)
    of_the_viewer.leave("run", second.run)
    press_key(viewer, "Ctrl+Enter")
    assert (first.runs, second.runs) == (1, 1)
    of_the_viewer.take("run", second.run)
    del second
    press_key(viewer, "Ctrl+Enter")
    assert first.runs == 2, "a panel that is gone keeps no key"


def test_two_viewers_have_keys_of_their_own() -> None:
    one, other = ViewerModel(), ViewerModel()
    panels = Panel(), Panel()
    both = Keys(one), Keys(other)
    for own, panel in zip(both, panels, strict=True):
        own.take("pin", panel.run)
    press_key(other, "P")
    assert [panel.runs for panel in panels] == [0, 1]


def test_napari_lists_the_keys_and_users_change_them() -> None:
    viewer, panel = ViewerModel(), Panel()
    own = Keys(viewer)
    own.take("swipe", panel.run)
    listed = action_manager._get_provider_actions(ViewerModel)
    assert {f"XANES: {key.description}" for key in KEYS.values()} <= {action.description for action in listed.values()}
    name = "napari-xanes:swipe"
    before = action_manager.unbind_shortcut(name)
    try:
        assert text_of("swipe") == hint("swipe") == ""
        action_manager.bind_shortcut(name, "Ctrl+J")
        press_key(viewer, "B")
        assert panel.runs == 0
        press_key(viewer, "Ctrl+J")
        assert panel.runs == 1
        assert hint("swipe") == " (Ctrl+J)"
    finally:
        action_manager.unbind_shortcut(name)
        for key in before or ():
            action_manager.bind_shortcut(name, key)


def test_a_key_that_the_user_chose_in_an_earlier_session_is_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    from napari.settings import get_settings

    monkeypatch.setitem(KEYS, "pin again", keys.Key("pin once more", KEYS["pin"].default))
    monkeypatch.setitem(get_settings().shortcuts.shortcuts, "napari-xanes:pin_again", [coerce_keybinding("Ctrl+U")])
    viewer, panel = ViewerModel(), Panel()
    own = Keys(viewer)
    own.take("pin again", panel.run)
    try:
        press_key(viewer, "P")
        assert panel.runs == 0
        press_key(viewer, "Ctrl+U")
        assert panel.runs == 1
    finally:
        action_manager.unbind_shortcut("napari-xanes:pin_again")
        action_manager._actions.pop("napari-xanes:pin_again")


def test_no_key_is_one_of_napari_for_the_whole_window() -> None:
    Keys(ViewerModel())
    ours = {coerce_keybinding(key.default) for key in KEYS.values()}
    assert len(ours) == len(KEYS)
    for name in action_manager._get_provider_actions(ViewerModel):
        if not name.startswith("napari-xanes:"):
            assert ours.isdisjoint(coerce_keybinding(key) for key in action_manager._shortcuts.get(name, ())), name


def test_each_step_has_a_key() -> None:
    assert tuple(STEPS) == keys.STEPS


@pytest.mark.window
def test_a_map_is_run_and_cancelled_without_the_mouse(viewer: Any, stack: SpectralStack, wait: Any) -> None:
    data, keywords, _ = stack_to_layer(stack)
    viewer.add_image(data, **keywords)
    dock = viewer.window.add_plugin_dock_widget("napari-xanes", "XANES")[1]
    wait(dock.isVisible)
    QTest.keyClick(dock.rail.buttons["Look"], Qt.Key.Key_4, Qt.KeyboardModifier.AltModifier)
    assert dock.rail.buttons["Map"].isChecked()
    panel = dock.panel("Map").method_panel
    wait(panel.isVisible)
    QTest.keyClick(panel.methods, Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
    assert panel.job.running
    QTest.keyClick(panel.methods, Qt.Key.Key_Escape)
    wait(lambda: not panel.job.running)
    assert len(viewer.layers) == 1, "nothing comes of what was cancelled"
    QTest.keyClick(panel.methods, Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
    wait(lambda: len(viewer.layers) > 1)


@pytest.mark.window
def test_arrows_step_the_energies_also_from_the_plot(viewer: Any, stack: SpectralStack, wait: Any) -> None:
    data, keywords, _ = stack_to_layer(stack)
    viewer.add_image(data, **keywords)
    dock = viewer.window.add_plugin_dock_widget("napari-xanes", "XANES")[1]
    wait(dock.view.plot.isVisible)
    viewer.dims.set_current_step(0, 3)
    for widget in (dock.view.plot, dock):
        step = viewer.dims.current_step[0]
        QTest.keyClick(widget, Qt.Key.Key_Right)
        assert viewer.dims.current_step[0] == step + 1, widget


def reachable(root: QWidget) -> set[QWidget]:
    """Return the widgets that take the keyboard by Tab, as far as they can be seen and used."""
    return {
        widget
        for widget in root.findChildren(QWidget)
        if widget.isVisible() and widget.isEnabled() and widget.focusPolicy() & Qt.FocusPolicy.TabFocus
        if widget.focusProxy() is None
    }


def walk(window: QWidget, start: QWidget, key: Qt.Key, most: int) -> list[QWidget]:
    """Press a key again and again, and return the widgets that have the keyboard on the way."""
    start.setFocus()
    way = []
    for _ in range(most):
        now = window.focusWidget()
        assert now is not None
        way.append(now)
        QTest.keyClick(now, key)
    return way


@pytest.mark.parametrize("name", [*DOCKS, *(f"XANES {step}" for step in STEPS)])
def test_tab_reaches_everything_and_leaves_it_again(
    viewer: Any, add_stack: Any, wait: Any, settle: Any, name: str
) -> None:
    layer = add_stack()
    labels = np.zeros(layer.data.shape[1:], np.uint8)
    labels[4:8, 4:8] = 1
    viewer.add_labels(labels, scale=layer.scale[1:], units=layer.units[1:])
    viewer.layers.selection.active = layer
    dock_name, _, step = name.partition(" ")
    box, dock = viewer.window.add_plugin_dock_widget("napari-xanes", dock_name)
    if step:
        dock.show_step(step)
    box.resize(400, 700)
    wait(dock.isVisible)
    settle(200)
    expected = reachable(dock)
    assert expected
    for key in (Qt.Key.Key_Tab, Qt.Key.Key_Backtab):
        way = walk(viewer.window, min(expected, key=lambda widget: widget.y()), key, 3 * len(expected) + 10)
        missed = [f"{type(widget).__name__} {widget.toolTip()!r}" for widget in expected - set(way)]
        assert not missed
        assert all(one is not other for one, other in pairwise(way)), "the keyboard is kept"


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_what_has_the_keyboard_is_framed(viewer: Any, add_stack: Any, wait: Any, theme: str) -> None:
    add_stack()
    viewer.theme = theme
    dock = viewer.window.add_plugin_dock_widget("napari-xanes", "XANES")[1]
    dock.show_step("Map")
    wait(dock.isVisible)
    dock.activateWindow()
    button, box = dock.panel("Map").method_panel.run_button, dock.row.stack_box
    wait(dock.isActiveWindow)
    wait(button.isEnabled)
    box.setFocus(Qt.FocusReason.TabFocusReason)
    wait(lambda: box.hasFocus() and len(visible_rings(dock)) == 1)
    plain = image_of(button)
    button.setFocus(Qt.FocusReason.TabFocusReason)
    wait(lambda: button.hasFocus() and [ring.parentWidget() for ring in visible_rings(dock)] == [button])
    framed = image_of(button)
    assert framed.size == plain.size
    middle, border = (slice(6, -6), slice(6, -6)), (1, slice(None))
    assert (framed != plain)[border].mean() > 0.5
    assert not (framed != plain)[middle].any(), "the text stays readable"
    box.setFocus(Qt.FocusReason.TabFocusReason)
    wait(lambda: not visible_rings(button))


def visible_rings(root: QWidget) -> list[FocusRing]:
    """Return the frames that are shown within a widget."""
    return [ring for ring in root.findChildren(FocusRing) if ring.isVisible()]


def image_of(widget: QWidget) -> Any:
    """Return what a widget looks like, shape (height, width, 4)."""
    picture = widget.grab().toImage().convertToFormat(QImage.Format.Format_RGB32)
    bits = picture.constBits()
    bits.setsize(picture.sizeInBytes())
    return np.frombuffer(bits, np.uint8).reshape(picture.height(), picture.width(), 4).copy()


def rows_of(page: str, heading: str) -> list[list[str]]:
    """Return the rows of the table below a heading of a page of the docs."""
    text = (ROOT / "docs" / page).read_text(encoding="utf-8").split(f"## {heading}\n")[1].split("\n## ")[0]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line.startswith("|")]
    return rows[2:]


def test_the_docs_list_all_keys() -> None:
    Keys(ViewerModel())
    shown = [[text_of(name), key.description] for name, key in KEYS.items()]
    assert rows_of("keyboard.md", "Keys") == shown


def test_the_docs_list_all_settings(viewer: Any) -> None:
    declared = [one for group in settings._declared().values() for one in group.values()]
    expected = [[one.title, str(one.default), one.description] for one in declared]
    assert rows_of("keyboard.md", "Settings") == expected


def test_tab_comes_to_the_step_that_is_shown_and_arrows_to_the_others(viewer: Any, add_stack: Any, wait: Any) -> None:
    add_stack()
    dock = viewer.window.add_plugin_dock_widget("napari-xanes", "XANES")[1]
    wait(dock.isVisible)
    dock.show_step("Map")
    assert [name for name, button in dock.rail.buttons.items() if button.focusPolicy() & Qt.FocusPolicy.TabFocus] == [
        "Map"
    ]
    viewer.window.activateWindow()
    wait(viewer.window.isActiveWindow)
    dock.rail.buttons["Map"].setFocus()
    QTest.keyClick(dock.rail.buttons["Map"], Qt.Key.Key_Right)
    assert dock.workspace.step.name == "Explore"
