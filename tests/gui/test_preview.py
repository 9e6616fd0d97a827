"""The preview of the recipe: exact values, no layer that is taken for a result, handles that are the parameters."""

from __future__ import annotations

from typing import Any

import dask.array as da
import numpy as np
import pytest
from qtpy.QtCore import QPointF, Qt
from tests.gui.plain_viewer import PlainViewer
from tests.gui.preparing import add_step, apply

import napari_xanes as nx
from napari_xanes.edge import EdgeLines
from napari_xanes.gui.layers import is_stack, kind_of
from napari_xanes.gui.projects.gathering import gather
from napari_xanes.gui.state import preview_steps
from napari_xanes.gui.state.preview_curves import around, curves_at, edge_curves, stack_at
from napari_xanes.gui.state.preview_steps import Previewer
from napari_xanes.gui.xanes import XanesDock
from napari_xanes.history import Step
from napari_xanes.stack import SpectralStack

DEPTH, EDGE = Step("optical_depth"), Step("normalize_edge")


@pytest.fixture(scope="module")
def counts() -> SpectralStack:
    return nx.sample.nmc_ni_k(size=48).stack


def test_a_small_stack_is_previewed_exactly(counts: SpectralStack) -> None:
    expected = nx.run([DEPTH, EDGE], counts)
    preview = Previewer().run(counts, [DEPTH, EDGE], [0, 1])
    assert preview.by == 1
    np.testing.assert_array_equal(preview.stack.data, expected.data)
    part = stack_at(preview, around((20, 30), 1, (48, 48)))
    np.testing.assert_array_equal(part.data[:, 0, 0], expected.data[:, 20, 30])


def test_of_a_large_stack_every_second_pixel_is_computed(
    counts: SpectralStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(preview_steps, "MOST_VALUES", counts.data.size // 4)
    i0 = np.zeros((48, 48), bool)
    i0[0, 1] = True  # a region that lies between the pixels
    preview = Previewer().run(counts, [Step("optical_depth", {"i0": i0})], [0])
    assert (preview.by, preview.stack.shape) == (2, (counts.energy.size, 24, 24))
    expected = nx.run([DEPTH], counts).data[:, ::2, ::2]
    assert np.nanmedian(np.abs(Previewer().run(counts, [DEPTH], [0]).stack.data - expected)) == 0


def test_only_what_changed_is_computed(counts: SpectralStack, monkeypatch: pytest.MonkeyPatch) -> None:
    previewer = Previewer()
    previewer.run(counts, [DEPTH, EDGE], [0, 1])
    depth, calls = nx.ops.OPERATIONS["optical_depth"], []
    monkeypatch.setattr(depth, "function", lambda *args, **kwargs: calls.append(1))
    changed = previewer.run(counts, [DEPTH, Step("normalize_edge", {"e0": 8345.0})], [0, 1])
    assert calls == []
    assert changed.done(1).state["e0"] == 8345.0


@pytest.mark.parametrize("parameters", [{}, {"e0": 8344.0, "pre": (-60.0, -20.0)}, {"flatten": True}])
def test_the_lines_are_those_that_the_step_fits(counts: SpectralStack, parameters: dict[str, Any]) -> None:
    preview = Previewer().run(counts, [DEPTH, Step("normalize_edge", parameters)], [0, 1])
    curves = curves_at(preview, (24, 24), 3, 1)
    edge = curves.edge
    assert edge is not None
    before = nx.run([DEPTH], counts).data[:, 23:26, 23:26].reshape(counts.energy.size, -1).mean(axis=1)
    np.testing.assert_allclose(curves.spectrum.values, before, rtol=1e-5)
    state, offset = preview.done(1).state, counts.energy - edge.e0
    fitted = EdgeLines(counts.energy, state["e0"], tuple(state["pre"]), tuple(state["post"])).measure(before[:, None])
    np.testing.assert_allclose(edge.pre, fitted.low[0] + fitted.low_slope[0] * offset, atol=1e-5)
    post = fitted.low[0] + fitted.jump[0] + fitted.high_slope[0] * offset
    np.testing.assert_allclose(edge.post[offset >= 0], post[offset >= 0], atol=1e-5)
    assert np.isnan(edge.post[offset < 0]).all()


def test_without_a_jump_there_are_no_lines(counts: SpectralStack) -> None:
    flat = SpectralStack(np.full((counts.energy.size, 2, 2), np.nan, np.float32), counts.energy, "optical_depth")
    state = {"e0": 8345.0, "pre": [-60.0, -15.0], "post": [30.0, 110.0], "line_error": 0.0, "shared_noise": 0.0}
    edge = edge_curves(flat, Step("normalize_edge", {}, state))
    assert np.isnan(edge.pre).all()
    assert (edge.e0, edge.ranges) == (8345.0, ((-60.0, -15.0), (30.0, 110.0))), "the handles are there all the same"


@pytest.fixture
def dock(viewer: Any, add_stack: Any, counts: SpectralStack, wait: Any) -> Any:
    add_stack(counts)
    window: XanesDock = viewer.window.add_plugin_dock_widget("napari-xanes", "XANES")[1]
    window.show_step("Prepare")
    inside = window.panel("Prepare").widget(0)
    inside.outer = window
    wait(inside.isVisible)
    return inside


def previews(viewer: Any) -> list[Any]:
    return [layer for layer in viewer.layers if kind_of(layer) == "preview"]


def overlay(viewer: Any) -> str:
    return str((viewer.canvas.overlays.text if hasattr(viewer, "canvas") else viewer.text_overlay).text)


def test_frame_and_spectrum_follow_the_steps_at_once(viewer: Any, dock: Any, counts: SpectralStack, wait: Any) -> None:
    source, plot = viewer.layers[0], dock.outer.view.plot
    depth = nx.run([DEPTH], counts)
    viewer.dims.set_current_step(0, 12)
    viewer.cursor.position = tuple(source.data_to_world((12, 20, 30)))
    add_step(dock, "optical_depth")
    wait(lambda: previews(viewer) and [curve.name for curve in plot.curves][:1] == ["preview"])
    (layer,) = previews(viewer)
    np.testing.assert_array_equal(layer.data, depth.data[12])
    assert layer.name == "preview · NMC particle, Ni K-edge"
    assert overlay(viewer).startswith("preview · ")
    assert not is_stack(layer)
    assert viewer.layers.selection.active is source
    # The cursor arrived while the steps were computed: its curve may come a turn later.
    wait(lambda: np.allclose(plot.curves[0].values, depth.data[:, 20, 30], rtol=1e-5))
    np.testing.assert_allclose(plot.curves[0].values, depth.data[:, 20, 30], rtol=1e-5)
    assert "preview: OD" in dock.outer.view.readout.text()
    viewer.dims.set_current_step(0, 40)
    wait(lambda: np.array_equal(layer.data, depth.data[40]))
    dock.panel.recipe.switch(0, False)
    wait(lambda: not previews(viewer))
    assert not overlay(viewer).startswith("preview")
    dock.panel.recipe.switch(0, True)
    wait(lambda: previews(viewer))
    apply(dock, wait)
    wait(lambda: not previews(viewer))
    assert [curve.name for curve in plot.curves][:1] == ["cursor"], "now the result itself is seen"


def test_another_value_changes_nothing_but_the_values_of_the_layer(viewer: Any, dock: Any, wait: Any) -> None:
    preview = dock.outer.workspace.preview
    dock.panel.add_step("optical_depth")
    dock.panel.add_step("normalize_edge")
    wait(lambda: preview.preview is not None and len(preview.preview.steps) == 2)
    (layer,) = previews(viewer)
    events: list[str] = []
    for name in ("scale", "translate", "name", "contrast_limits", "data"):
        getattr(layer.events, name).connect(lambda _event, name=name: events.append(name))
    before = preview.preview
    dock.panel.recipe.change(1, Step("normalize_edge", {"e0": 8344.0}))
    wait(lambda: preview.preview is not before)
    assert events == ["data"], "napari draws anew for each"


def test_the_preview_goes_with_its_box_its_dock_and_its_layer(viewer: Any, dock: Any, wait: Any) -> None:
    add_step(dock, "optical_depth")
    wait(lambda: previews(viewer))
    dock.panel.preview_row.box.click()
    assert not previews(viewer)
    dock.panel.preview_row.box.click()
    wait(lambda: previews(viewer))
    dock.outer.show_step("Look")
    assert not previews(viewer)
    dock.outer.show_step("Prepare")
    wait(lambda: previews(viewer))
    viewer.layers.remove(previews(viewer)[0])
    assert not dock.panel.preview_row.box.isChecked(), "who removes it wants none"


def test_a_project_does_not_keep_the_preview(viewer: Any, dock: Any, wait: Any) -> None:
    add_step(dock, "optical_depth")
    wait(lambda: previews(viewer))
    project = gather(viewer, copy_stacks=False)
    assert project.layers == [viewer.layers[0]]
    assert not project.left_out


def test_slow_steps_are_left_out_until_they_were_applied(viewer: Any, dock: Any, counts: Any, wait: Any) -> None:
    add_step(dock, "optical_depth")
    add_step(dock, "smooth")
    wait(lambda: dock.panel.preview.text == "without smooth: press Apply for it")
    np.testing.assert_array_equal(dock.panel.preview.preview.stack.data, nx.run([DEPTH], counts).data)
    apply(dock, wait)
    add_step(dock, "normalize_edge")
    preview = dock.panel.preview
    wait(lambda: preview.preview is not None and preview.preview.rows == (2,))
    assert preview.text == ""
    expected = nx.run([DEPTH, Step("smooth"), EDGE], counts)
    np.testing.assert_array_equal(dock.panel.preview.preview.stack.data, expected.data)


def test_stacks_in_files_are_not_read_for_a_preview(viewer: Any, dock: Any, add_stack: Any, counts: Any) -> None:
    add_stack(counts.with_data(da.from_array(counts.data, chunks=(8, 48, 48))), name="lazy")
    add_step(dock, "optical_depth")
    assert "in a file" in dock.panel.preview.text
    assert not previews(viewer)


def test_a_wrong_e0_is_marked_while_it_is_typed(viewer: Any, dock: Any, wait: Any) -> None:
    add_step(dock, "optical_depth")
    form = add_step(dock, "normalize_edge")
    form.field("e0").widget.setText("9000")
    wait(lambda: "E0 = 9000 eV lies outside" in dock.panel.problem.text())
    assert "#D55E00" in form.field("e0").widget.styleSheet()
    assert not form.field("pre").widget.styleSheet()
    form.field("e0").widget.setText("")
    wait(lambda: not dock.panel.problem.text() and previews(viewer))


def drag(qtbot: Any, plot: Any, start: float, end: float) -> None:
    """Drag from an energy to another, in the middle of the plot's height."""
    middle = plot.main.vb.viewRect().center().y()

    def at(energy: float) -> Any:
        return plot.mapFromScene(plot.main.vb.mapViewToScene(QPointF(energy, middle)))

    view = plot.viewport()
    qtbot.mouseMove(view, at(start))
    qtbot.mousePress(view, Qt.MouseButton.LeftButton, pos=at(start))
    for part in (0.3, 0.6, 1.0, 1.0):
        qtbot.wait(30)
        qtbot.mouseMove(view, at(start + part * (end - start)))
    qtbot.mouseRelease(view, Qt.MouseButton.LeftButton, pos=at(end))


def test_handles_and_form_are_the_same_parameters(viewer: Any, dock: Any, wait: Any, qtbot: Any) -> None:
    handles, plot, recipe = dock.outer.view.handles, dock.outer.view.plot, dock.panel.recipe
    viewer.cursor.position = tuple(viewer.layers[0].data_to_world((12, 24, 24)))
    add_step(dock, "optical_depth")
    form = add_step(dock, "normalize_edge")
    wait(handles.e0.isVisible)
    state = dock.panel.preview.preview.done(1).state
    assert handles.e0.value() == pytest.approx(state["e0"])
    assert handles.ranges["post"].getRegion() == pytest.approx([state["e0"] + end for end in state["post"]])
    assert handles.lines["pre"].isVisible()
    assert [curve.name for curve in plot.curves] == ["before normalize edge"]
    form.fill({"e0": 8344.0, "pre": (-60.0, -20.0)})
    wait(lambda: handles.ranges["pre"].getRegion() == pytest.approx((8284.0, 8324.0)))
    assert handles.e0.value() == 8344.0
    drag(qtbot, plot, 8324.0, 8314.0)
    low, high = recipe.step.step.parameters["pre"]
    assert low == pytest.approx(-60.0)
    assert high == pytest.approx(-30.0, abs=2.0)
    wait(lambda: form.values()["pre"] == (low, high))
    drag(qtbot, plot, 8344.0, 8350.0)
    assert recipe.step.step.parameters["e0"] == pytest.approx(8350.0, abs=2.0)
    wait(lambda: form.values()["e0"] == recipe.step.step.parameters["e0"])
    dock.panel.preview_row.handles.click()
    wait(lambda: [curve.name for curve in plot.curves][:1] == ["preview"])
    assert not handles.e0.isVisible()
    dock.panel.steps.setCurrentRow(0)
    assert not dock.panel.preview_row.handles.isVisible()


def test_the_energies_that_crop_keeps_are_a_handle(dock: Any, wait: Any) -> None:
    handles = dock.outer.view.handles
    form = add_step(dock, "crop", energy=[(8300.0, 8400.0)])
    wait(lambda: handles.ranges["energy"].isVisible())
    wait(lambda: handles.ranges["energy"].getRegion() == (8300.0, 8400.0))
    region = handles.ranges["energy"]
    region.lines[0].moving = True
    region.setRegion((8310.0, 8400.0))
    region.lines[0].moving = False
    wait(lambda: form.values()["energy"] == [(8310.0, 8400.0)])


def test_the_preview_of_one_viewer_is_not_in_another(viewer: Any, dock: Any, wait: Any) -> None:
    other = PlainViewer()
    other.window.add_plugin_dock_widget("napari-xanes", "Prepare")
    add_step(dock, "optical_depth")
    wait(lambda: previews(viewer))
    assert not previews(other)
    other.close()
    assert previews(viewer)
