"""Prepare as a live recipe: steps are added, switched, moved, edited, applied to one layer, saved and loaded."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QApplication, QFileDialog
from tests.gui.plain_viewer import PlainViewer
from tests.gui.preparing import add_step, apply

import napari_xanes as nx
from napari_xanes.gui.layers import stack_of
from napari_xanes.gui.prepare import PrepareDock
from napari_xanes.history import Step
from napari_xanes.stack import SpectralStack


@pytest.fixture
def dock(viewer: Any, add_stack: Any, wait: Any) -> PrepareDock:
    add_stack()
    opened: PrepareDock = viewer.window.add_plugin_dock_widget("napari-xanes", "Prepare")[1]
    wait(opened.isVisible)
    return opened


def texts(dock: PrepareDock) -> list[str]:
    return [dock.panel.steps.item(row).text() for row in range(dock.panel.steps.count())]


def names(dock: PrepareDock) -> list[str]:
    return [entry.step.name for entry in dock.panel.recipe.draft]


def test_the_result_is_one_layer_that_follows_the_steps(
    viewer: Any, dock: PrepareDock, stack: SpectralStack, wait: Any
) -> None:
    source = viewer.layers[0]
    add_step(dock, "smooth", pixels=0.5)
    apply(dock, wait)
    result = viewer.layers[-1]
    assert result.name == "particle · smooth"
    energy = (float(stack.energy[2]), float(stack.energy[-3]))
    add_step(dock, "crop", energy=energy)
    apply(dock, wait)
    assert list(viewer.layers) == [source, result], "one layer, not one more for each step"
    assert result.name == "particle · crop"
    expected = nx.run([Step("smooth", {"pixels": 0.5}), Step("crop", {"energy": energy})], stack)
    np.testing.assert_array_equal(result.data, expected.data)
    np.testing.assert_array_equal(stack_of(result).energy, expected.energy)
    assert dock.stacks.layer() is result
    assert viewer.dims.nsteps[0] >= expected.energy.size
    viewer.layers.selection.active = source
    assert names(dock) == ["smooth", "crop"], "the stack and its result have one recipe"


def test_switching_a_step_off_is_undo(viewer: Any, dock: PrepareDock, wait: Any, qtbot: Any) -> None:
    add_step(dock, "smooth", pixels=0.5)
    add_step(dock, "derivative")
    apply(dock, wait)
    result, twice = viewer.layers[-1], viewer.layers[-1].data
    steps = dock.panel.steps
    steps.setFocus()
    qtbot.keyClick(steps, Qt.Key.Key_Space)
    assert [entry.enabled for entry in dock.panel.recipe.draft] == [True, False]
    assert dock.panel.apply_button.isEnabled()
    apply(dock, wait)
    assert stack_of(result).quantity == "optical_depth"
    qtbot.keyClick(steps, Qt.Key.Key_Space)
    apply(dock, wait)
    np.testing.assert_array_equal(result.data, twice)
    assert not dock.panel.apply_button.isEnabled()


def test_keys_and_buttons_edit_the_list(dock: PrepareDock, qtbot: Any) -> None:
    for name in ("smooth", "crop", "derivative"):
        add_step(dock, name)
    panel = dock.panel
    assert texts(dock) == ["1  smooth", "2  crop", "3  derivative"]
    qtbot.mouseClick(panel.up_button, Qt.MouseButton.LeftButton)
    assert names(dock) == ["smooth", "derivative", "crop"]
    assert panel.steps.currentRow() == 1
    qtbot.keyClick(panel.steps, Qt.Key.Key_Down, Qt.KeyboardModifier.AltModifier)
    qtbot.waitUntil(lambda: names(dock) == ["smooth", "crop", "derivative"])
    qtbot.keyClick(panel.steps, Qt.Key.Key_Up)
    assert panel.recipe.row == 1
    qtbot.mouseClick(panel.duplicate_button, Qt.MouseButton.LeftButton)
    assert names(dock) == ["smooth", "crop", "crop", "derivative"]
    qtbot.keyClick(panel.steps, Qt.Key.Key_Delete)
    assert names(dock) == ["smooth", "crop", "derivative"]
    panel.steps.setCurrentRow(1)
    qtbot.mouseClick(panel.remove_button, Qt.MouseButton.LeftButton)
    assert names(dock) == ["smooth", "derivative"]
    panel.steps.model().moveRow(panel.steps.rootIndex(), 1, panel.steps.rootIndex(), 0)  # what a drag ends with
    qtbot.waitUntil(lambda: names(dock) == ["derivative", "smooth"])
    assert texts(dock) == ["1  derivative", "2  smooth"]


def test_the_form_is_that_of_the_selected_step(dock: PrepareDock, wait: Any) -> None:
    add_step(dock, "smooth", pixels=0.5)
    add_step(dock, "smooth", pixels=2.0)  # at once: what was typed for the other row is not lost
    panel = dock.panel
    wait(lambda: [entry.step.parameters for entry in panel.recipe.draft] == [{"pixels": 0.5}, {"pixels": 2.0}])
    assert texts(dock) == ["1  smooth: pixels 0.5", "2  smooth: pixels 2"]
    panel.steps.setCurrentRow(0)
    assert panel.step_form.form().values()["pixels"] == 0.5
    panel.recipe.change(0, Step("smooth", {"pixels": 3.0}))
    assert panel.step_form.form().values()["pixels"] == 3.0, "the form follows the recipe"


def test_automatic_values_are_shown_and_can_be_changed(viewer: Any, dock: PrepareDock, wait: Any) -> None:
    form = add_step(dock, "normalize_edge")
    line = form.field("e0").widget
    assert line.placeholderText() == "automatic: steepest rise"
    apply(dock, wait)
    e0 = stack_of(viewer.layers[-1]).history[-1].state["e0"]
    assert line.placeholderText() == f"automatic: {e0:.6g}"
    assert f"E0 {e0:.1f}, pre -" in texts(dock)[0]
    line.setText("8344")
    wait(lambda: dock.panel.recipe.step.step.parameters == {"e0": 8344.0})
    apply(dock, wait)
    assert stack_of(viewer.layers[-1]).history[-1].state["e0"] == 8344.0
    assert len(viewer.layers) == 2


def test_a_wrong_value_marks_its_field_with_the_reason(
    viewer: Any, dock: PrepareDock, wait: Any, errors: list[str]
) -> None:
    add_step(dock, "smooth")
    form = add_step(dock, "normalize_edge", e0=9000.0)
    apply(dock, wait)
    assert "E0 = 9000 eV lies outside" in errors[0]
    assert "#D55E00" in form.field("e0").widget.styleSheet()
    assert not form.field("pre").widget.styleSheet()
    assert dock.panel.problem.text().startswith("Step 2: E0 = 9000 eV lies outside")
    assert texts(dock)[1].startswith("⚠ 2")
    assert len(viewer.layers) == 1
    form.field("e0").set(None)
    wait(lambda: not dock.panel.problem.text())
    apply(dock, wait)
    assert stack_of(viewer.layers[-1]).quantity == "normalized"


def test_text_that_is_no_number_is_not_applied(viewer: Any, dock: PrepareDock, errors: list[str]) -> None:
    add_step(dock, "normalize_edge").field("e0").widget.setText("eight")
    dock.panel.apply_button.click()
    assert errors == ["E0: 'eight' is not a number; type one, such as 8345.2"]
    assert not dock.panel.job.running


def test_two_docks_share_the_recipe_and_two_viewers_do_not(viewer: Any, dock: PrepareDock, stack: Any) -> None:
    other, second = PlainViewer(), viewer.window.add_plugin_dock_widget("napari-xanes", "XANES")[1]
    second.show_step("Prepare")
    inside = second.panel("Prepare").widget(0)
    third = other.window.add_plugin_dock_widget("napari-xanes", "Prepare")[1]
    add_step(dock, "smooth")
    assert texts(inside) == ["1  smooth"]
    assert texts(third) == []
    other.close()


def test_a_recipe_is_loaded_beside_the_stack_and_saved(
    viewer: Any, stack: SpectralStack, tmp_path: Path, wait: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    nx.write(stack, tmp_path / "scan.h5")
    viewer.open(str(tmp_path / "scan.h5"), plugin="napari-xanes")
    dock: PrepareDock = viewer.window.add_plugin_dock_widget("napari-xanes", "Prepare")[1]
    add_step(dock, "smooth", pixels=0.5)
    add_step(dock, "derivative")
    dock.panel.recipe.switch(1, False)
    asked: list[str] = []

    def choose(parent: Any, title: str, place: str, pattern: str) -> tuple[str, str]:
        asked.append(place)
        return str(tmp_path / "recipe.yaml"), pattern

    monkeypatch.setattr(QFileDialog, "getSaveFileName", choose)
    monkeypatch.setattr(QFileDialog, "getOpenFileName", choose)
    load, save, script, _folder, _keep = dock.panel.files.menu().actions()
    save.trigger()
    assert list(nx.Recipe.load(tmp_path / "recipe.yaml")) == [Step("smooth", {"pixels": 0.5})]
    dock.panel.remove_button.click()
    dock.panel.remove_button.click()
    assert names(dock) == []
    load.trigger()
    assert names(dock) == ["smooth"]
    assert [Path(place).resolve() for place in asked] == [(tmp_path / "recipe.yaml").resolve(), tmp_path.resolve()]
    script.trigger()
    assert "nx.Step('smooth', {'pixels': 0.5})" in QApplication.clipboard().text()
    apply(dock, wait)
    assert stack_of(viewer.layers[-1]).history[-1].parameters["pixels"] == 0.5


def test_a_result_that_is_kept_is_not_replaced(viewer: Any, dock: PrepareDock, wait: Any) -> None:
    add_step(dock, "smooth")
    apply(dock, wait)
    kept, values = viewer.layers[-1], viewer.layers[-1].data
    dock.panel.files.menu().actions()[4].trigger()
    add_step(dock, "derivative")
    apply(dock, wait)
    assert len(viewer.layers) == 3
    assert kept.data is values


def test_every_control_is_explained_and_reached_by_tab(dock: PrepareDock) -> None:
    add_step(dock, "smooth")
    panel = dock.panel
    controls = (panel.steps, panel.menu, panel.remove_button, panel.up_button, panel.files, panel.apply_button)
    reached, widget = set(), panel.steps
    while widget not in reached:
        reached.add(widget)
        widget = widget.nextInFocusChain()
    for control in controls:
        assert control.toolTip()
        assert control in reached
        assert control.focusPolicy() & Qt.FocusPolicy.TabFocus
    needed = dock.minimumSizeHint()
    assert needed.width() <= 340
    assert needed.height() <= 330


def test_the_menu_says_what_each_step_does(dock: PrepareDock, wait: Any) -> None:
    action = dock.panel.menu.actions_by_name["smooth"]
    wait(lambda: action.text() == "smooth:  Smooth images by a Gaussian, and spectra by parabolas.")
