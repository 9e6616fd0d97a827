"""The normalization of a reference: handles in the plot, numbers in the list."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from qtpy.QtCore import Qt

from napari_xanes import SpectralStack, Spectrum
from napari_xanes.edge import normalize_spectrum
from napari_xanes.gui.references.lines_editor import LinesEditor
from napari_xanes.gui.spectra.look import LookPanel
from napari_xanes.gui.state.workspace import workspace_of

ENERGY = np.arange(8200.0, 8600.0)
MU = 0.2 + 0.0005 * (ENERGY - 8345) + 1.5 * (0.5 + np.arctan((ENERGY - 8345) / 2) / np.pi)


@pytest.fixture
def dock(viewer: Any, add_stack: Any) -> Any:
    """Return the XANES dock with a stack, two references and their list in front."""
    metadata = {"name": "Ni", "element": "Ni", "edge": "K"}
    data = np.ones((100, 3, 4), np.float32) * MU[::4, None, None]
    add_stack(SpectralStack(data, ENERGY[::4], "optical_depth", metadata=metadata))
    opened = viewer.window.add_plugin_dock_widget("napari-xanes", "XANES")[1]
    workspace_of(viewer).references.add([Spectrum("a", ENERGY, MU), Spectrum("b", ENERGY, MU[::-1] * -1 + 3)])
    tabs = opened.panel("Look").findChild(LookPanel).tabs
    tabs.setCurrentWidget(tabs.references)
    return opened


def editor_of(dock: Any) -> LinesEditor:
    editor: LinesEditor = dock.panel("Look").findChild(LookPanel).tabs.references._lines
    return editor


def type_into(box: Any, text: str, qtbot: Any) -> None:
    box.selectAll()
    qtbot.keyClicks(box, text)
    qtbot.keyClick(box, Qt.Key.Key_Return)


def test_the_plot_shows_the_reference_with_its_lines(viewer: Any, dock: Any, qtbot: Any) -> None:
    editor = editor_of(dock)
    qtbot.mouseClick(editor.button, Qt.MouseButton.LeftButton)
    assert editor.isVisible()
    assert [curve.name for curve in dock.view.shown_curves] == ["a"]
    handles = dock.view.handles
    assert handles.e0.isVisible()
    assert abs(handles.e0.value() - 8345) < 1
    assert handles.lines["pre"].isVisible()
    low, high = handles.ranges["post"].getRegion()
    assert low > 8345
    assert editor.ends["post"][1].value() == pytest.approx(high - handles.e0.value(), abs=0.01)
    editor.normalized.click()
    (curve,) = dock.view.shown_curves
    np.testing.assert_allclose(curve.values, normalize_spectrum(Spectrum("a", ENERGY, MU)).mu)
    assert not handles.e0.isVisible()
    editor.normalized.click()
    qtbot.mouseClick(editor.button, Qt.MouseButton.LeftButton)
    assert not handles.e0.isVisible()
    assert "a" in [curve.name for curve in dock.view.shown_curves], "the references are drawn again"


def test_numbers_and_handles_change_what_is_fitted(viewer: Any, dock: Any, qtbot: Any) -> None:
    references, editor, handles = workspace_of(viewer).references, editor_of(dock), dock.view.handles
    editor.button.click()
    type_into(editor.e0, "8348", qtbot)
    assert references.spectra[0].lines == {"e0": 8348.0}
    assert handles.e0.value() == 8348
    handles.e0.setValue(8350)
    handles.e0.sigDragged.emit(handles.e0)
    assert references.spectra[0].lines == {"e0": 8350.0}
    assert editor.e0.value() == 8350
    type_into(editor.ends["pre"][0], "-100", qtbot)
    assert references.spectra[0].lines["pre"] == [-100.0, editor.ends["pre"][1].value()]
    assert references.spectra[0].metadata["normalized"] is False, "fits normalize it now"
    editor.automatic.click()
    assert references.spectra[0].lines == {}
    assert not editor.automatic.isEnabled()


def test_leaving_a_field_changes_nothing(viewer: Any, dock: Any, qtbot: Any) -> None:
    editor = editor_of(dock)
    editor.button.click()
    for box in (editor.e0, *editor.ends["pre"], *editor.ends["post"]):
        qtbot.keyClick(box, Qt.Key.Key_Return)
    assert workspace_of(viewer).references.spectra[0].lines == {}


def test_what_can_not_be_is_said(viewer: Any, dock: Any, qtbot: Any, errors: list[str]) -> None:
    references, editor = workspace_of(viewer).references, editor_of(dock)
    editor.button.click()
    type_into(editor.ends["pre"][1], "-900", qtbot)
    assert "range that goes up" in errors[0]
    references.add([Spectrum("flat", ENERGY, np.ones(ENERGY.size))])
    workspace_of(viewer).reference_lines.look_at("flat")
    assert "spectrum 'flat'" in editor.message.text()
    assert [curve.name for curve in dock.view.shown_curves] == ["flat"]


def test_the_plot_is_given_back(viewer: Any, dock: Any, qtbot: Any) -> None:
    editor, looked_at = editor_of(dock), workspace_of(viewer).reference_lines
    editor.button.click()
    dock.show_step("Map")
    assert looked_at.spectrum is None
    assert not editor.button.isChecked()
    dock.show_step("Look")
    editor.button.click()
    workspace_of(viewer).references.remove(["a"])
    assert [curve.name for curve in dock.view.shown_curves] == ["b"], "the next one"
    workspace_of(viewer).references.remove(["b"])
    assert looked_at.spectrum is None
    assert dock.minimumSizeHint().width() <= 340
    assert dock.minimumSizeHint().height() <= 560


def test_all_of_it_fits_a_small_dock(viewer: Any, dock: Any, qtbot: Any) -> None:
    tabs = dock.panel("Look").findChild(LookPanel).tabs
    tabs.references._say("On the mean of the stack: 2 of 3 ticked references needed; enough are a, b. " * 2, "")
    assert tabs.references._said.isVisible()
    for _ in range(2):
        needed = dock.layout().minimumSize()
        assert needed.width() <= 340
        assert needed.height() <= 560
        editor_of(dock).button.click()
    assert tabs.references._said.isVisible(), "it comes back"
