"""The drift of an aligned stack in the Prepare dock: plot, words, table, files, and another alignment."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from napari.settings import get_settings
from qtpy.QtCore import QPointF, Qt
from qtpy.QtTest import QTest
from tests.gui.preparing import add_step, apply

import napari_xanes as nx
from napari_xanes import SpectralStack
from napari_xanes.alignment import Alignment
from napari_xanes.gui.layers import stack_of
from napari_xanes.gui.prepare.drift import drift_of
from napari_xanes.gui.prepare.drift_plot import DriftPlot
from napari_xanes.gui.theme import plot_colours


@pytest.fixture
def dock(viewer: Any) -> Any:
    return viewer.window.add_plugin_dock_widget("napari-xanes", "Prepare")[1]


@pytest.fixture
def aligned(dock: Any, add_stack: Any, stack: SpectralStack, shifts: Alignment) -> Any:
    """Return the layer of the aligned stack, which is chosen; that of the stack before is below."""
    add_stack()
    return add_stack(nx.run([nx.Step("align", {"shifts": shifts})], stack))


def cell(dock: Any, row: int, column: int, role: Any = Qt.ItemDataRole.DisplayRole) -> Any:
    rows = dock.result.drift.table.rows
    return rows.data(rows.index(row, column), role)


@pytest.mark.window
@pytest.mark.parametrize("size", [9, 18])
def test_the_lower_plot_names_what_it_shows(dock: Any, aligned: Any, wait: Callable[..., None], size: int) -> None:
    appearance = get_settings().appearance
    before, appearance.font_size = appearance.font_size, size
    try:
        dock.panel.show_tab("result")
        view = dock.result.drift
        wait(view.plot.isVisible)
        axis = view.plot.lower.getAxis("left")
        shown = []
        for row in range(view.panel.count()):
            QTest.keyClick(view.panel, Qt.Key.Key_Home)
            for _ in range(row):
                QTest.keyClick(view.panel, Qt.Key.Key_Down)
            wait(lambda: axis.labelText in axis.label.toPlainText())
            shown.append(axis.label.toPlainText().strip())
            label, whole = axis.label.mapRectToScene(axis.label.boundingRect()), axis.sceneBoundingRect()
            assert label.height() - 2 * axis.label.document().documentMargin() < whole.height()
        assert {"× noise", "± (pixels)"} <= set(shown)
        assert "" not in shown
        assert view.plot.main.getAxis("left").width() == axis.width() >= (60 if size == 9 else 80)
    finally:
        appearance.font_size = before


def test_align_shows_its_drift_with_bars_and_marks(
    dock: Any, add_stack: Any, shifts: Alignment, wait: Callable[..., None]
) -> None:
    add_stack()
    add_step(dock, "align", shifts=shifts)
    apply(dock, wait)
    view = dock.result.drift
    assert dock.panel.tabs.tabText(dock.panel.tabs.currentIndex()) == "result"
    assert not view.isHidden()
    assert dock.result.empty.isHidden()
    for axis, name in enumerate(("dy", "dx")):
        x, y = view.plot.shifts[name].getData()
        np.testing.assert_allclose(x, shifts.energy)
        np.testing.assert_allclose(y, shifts.shifts[:, axis])
        bars = view.plot.bars[name].opts
        np.testing.assert_allclose(bars["height"], 4 * 0.02)  # two sigma to each side
        np.testing.assert_allclose(bars["x"], np.delete(shifts.energy, 7), err_msg="an unknown error has no bar")
    assert view.plot.marks.opts["symbol"] not in (view.plot.shifts[n].opts["symbol"] for n in ("dy", "dx"))
    x, y = view.plot.marks.getData()
    np.testing.assert_allclose(x, np.repeat(shifts.energy[[7, 12]], 2))
    np.testing.assert_allclose(y, shifts.shifts[[7, 12]].ravel())
    assert view.report.text().count("holds something else") == 1
    assert "Marked (×)" in view.report.text()
    (residual, *_line) = view.plot._lower_items
    np.testing.assert_allclose(residual.getData()[1], shifts.residual)


def test_a_click_shows_the_frame_and_the_slider_marks_it(dock: Any, aligned: Any, viewer: Any) -> None:
    view = dock.result.drift
    view.plot.frame_requested.emit(9)
    assert viewer.dims.current_step[0] == 9
    assert view.plot.frame_line.value() == stack_of(aligned).energy[9]
    assert view.table.currentIndex().row() == 9
    view.table.setCurrentIndex(view.table.rows.index(4, 1))
    assert viewer.dims.current_step[0] == 4
    viewer.dims.set_current_step(0, 20)
    assert view.table.currentIndex().row() == 20
    assert view.plot.frame_line.value() == stack_of(aligned).energy[20]


def test_the_nearest_frame_is_meant_by_a_click(qtbot: Any, stack: SpectralStack, shifts: Alignment) -> None:
    drift = drift_of(nx.ops.align(stack, shifts=shifts))
    assert drift is not None
    plot = DriftPlot()
    qtbot.addWidget(plot)
    plot.resize(340, 300)
    plot.show_drift(drift, panel="residual")
    plot.show()
    qtbot.waitExposed(plot)
    asked: list[int] = []
    plot.frame_requested.connect(asked.append)
    for panel in (plot.main, plot.lower):
        for frame in (2, 17):
            at = panel.vb.mapViewToScene(panel.vb.mapToView(panel.vb.boundingRect().center()))
            at.setX(panel.vb.mapViewToScene(QPointF(drift.energy[frame], 0.0)).x())
            qtbot.mouseClick(plot.viewport(), Qt.MouseButton.LeftButton, pos=plot.mapFromScene(at))
    assert asked == [2, 17, 2, 17]


def test_edited_shifts_align_the_stack_again(
    dock: Any, aligned: Any, viewer: Any, shifts: Alignment, wait: Any
) -> None:
    view, source = dock.result.drift, viewer.layers[0]
    assert not view.align_button.isEnabled()
    assert not view.reset_button.isEnabled()
    rows = view.table.rows
    assert rows.flags(rows.index(5, 1)) & Qt.ItemFlag.ItemIsEditable
    assert not rows.flags(rows.index(5, 3)) & Qt.ItemFlag.ItemIsEditable
    assert rows.setData(rows.index(5, 1), "1,5")
    assert rows.setData(rows.index(6, 2), "-0.25")
    assert cell(dock, 5, 1) == "1.500*"
    assert cell(dock, 4, 1).endswith("*") is False
    x, _y = view.plot.by_hand.getData()
    np.testing.assert_allclose(x, np.repeat(shifts.energy[[5, 6]], 2))
    view.align_button.click()
    wait(lambda: not dock.panel.job.running)
    layer = viewer.layers[-1]
    assert len(viewer.layers) == 3
    assert layer is not aligned
    expected = shifts.shifts.copy()
    expected[5, 0], expected[6, 1] = 1.5, -0.25
    np.testing.assert_array_equal(layer.metadata["xanes"]["metadata"]["align"].shifts, expected)
    np.testing.assert_array_equal(layer.data, nx.ops.align(stack_of(source), shifts=expected.tolist()).data)
    assert [step for (step, *_) in map(list, stack_of(layer).history[-1].to_plain().items())] == ["align"]
    assert len(stack_of(layer).history) == 1, "the stack is moved once, not twice"
    assert not dock.result.drift.align_button.isEnabled()


def test_a_text_that_is_no_shift_is_refused(dock: Any, aligned: Any, errors: list[str]) -> None:
    rows = dock.result.drift.table.rows
    refused: list[str] = []
    rows.refused.connect(refused.append)
    assert not rows.setData(rows.index(5, 1), "left")
    assert refused == ["'left' is no number; give the shift in pixels"]
    rows.setData(rows.index(5, 1), "1e9")
    assert "nothing would be left of this frame" in errors[-1]
    assert not dock.result.drift.drift.changed.any()


def test_shifts_are_edited_in_the_unit_that_is_shown(dock: Any, aligned: Any, shifts: Alignment) -> None:
    view = dock.result.drift
    view.units.setCurrentText("nm")
    assert cell(dock, 3, 1) == f"{50 * shifts.shifts[3, 0]:.1f}"
    _x, y = view.plot.shifts["dy"].getData()
    np.testing.assert_allclose(y, 50 * shifts.shifts[:, 0])
    view.table.rows.setData(view.table.rows.index(3, 1), "100")
    assert view.drift.alignment.shifts[3, 0] == 2.0
    view.reset_button.click()
    assert not view.drift.changed.any()
    assert cell(dock, 3, 1) == f"{50 * shifts.shifts[3, 0]:.1f}"


def test_shifts_go_to_a_file_and_come_from_one(
    dock: Any, aligned: Any, shifts: Alignment, tmp_path: Path, wait: Any, errors: list[str]
) -> None:
    view, path = dock.result.drift, tmp_path / "shifts.csv"
    view.edit(5, 0, 1.5)
    view.write(path)
    wait(lambda: not view.files.running)
    written = nx.read_shifts(path)
    assert written.shifts[5, 0] == 1.5
    np.testing.assert_array_equal(np.delete(written.shifts, 5, 0), np.delete(shifts.shifts, 5, 0))
    assert written.sigma is not None
    assert np.isnan(written.sigma[5]).all()
    view.reset()
    view.read(path)
    wait(lambda: not view.files.running)
    np.testing.assert_array_equal(view.drift.alignment.shifts, written.shifts)
    assert view.align_button.isEnabled()
    nx.write_shifts(path, Alignment(np.zeros((4, 2))))
    view.read(path)
    wait(lambda: not view.files.running)
    assert errors == ["4 shifts in the file, 30 frames in the stack; open the table of this stack"]
    np.testing.assert_array_equal(view.drift.alignment.shifts, written.shifts)
    (tmp_path / "no.csv").write_text("x,y\n1,2\n")
    view.read(tmp_path / "no.csv")
    wait(lambda: len(errors) == 2)
    assert "needs a column 'dy'" in errors[1]


def test_empty_states_say_what_to_do(dock: Any, viewer: Any, add_stack: Any) -> None:
    assert "Drop a stack here" in dock.result.empty.text()
    assert dock.result.drift.isHidden()
    add_stack()
    assert "align shows its drift here" in dock.result.empty.text()
    assert dock.result.drift.isHidden()


def test_without_the_stack_before_align_the_button_says_why(dock: Any, aligned: Any, viewer: Any) -> None:
    viewer.layers.remove(viewer.layers[0])
    view = dock.result.drift
    view.edit(5, 0, 1.5)
    assert not view.align_button.isEnabled()
    assert "stack before align is not in the window" in view.align_button.toolTip()


def test_after_more_steps_the_stack_is_aligned_again_before_them(
    dock: Any, aligned: Any, add_stack: Any, viewer: Any, wait: Any
) -> None:
    smoothed = nx.run([nx.Step("crop", {"region": (2, 20, 2, 20)})], stack_of(aligned))
    add_stack(smoothed)
    view = dock.result.drift
    assert view.drift.size == (18, 18)
    view.edit(5, 0, 1.5)
    view.align_button.click()
    wait(lambda: not dock.panel.job.running)
    again = stack_of(viewer.layers[-1])
    assert [step.name for step in again.history] == ["align", "crop"]
    assert again.metadata["align"].shifts[5, 0] == 1.5


def test_both_themes_draw_what_can_be_read(dock: Any, aligned: Any, viewer: Any) -> None:
    plot = dock.result.drift.plot
    dock.panel.show_tab("result")
    for theme in ("light", "dark"):
        viewer.theme = theme
        assert plot.backgroundBrush().color().name() == plot_colours(theme).background[:7]
        assert plot.main.getAxis("left").textPen().color().name() == plot_colours(theme).foreground[:7]


def test_the_dock_stays_narrow(dock: Any, aligned: Any) -> None:
    assert dock.minimumSizeHint().width() <= 360
    assert dock.minimumSizeHint().height() <= 560
