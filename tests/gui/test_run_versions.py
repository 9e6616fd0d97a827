"""A map knows whether the layer that it was made from still shows the same stack."""

from __future__ import annotations

import dataclasses
from typing import Any

import dask.array as da
import numpy as np
from tests.gui.preparing import add_step, apply

from napari_xanes import MapSet, ParameterMap, Step
from napari_xanes.gui.layers import stack_of
from napari_xanes.gui.state.run import Run
from napari_xanes.gui.state.run_fit import OUTDATED
from napari_xanes.gui.xanes.dock import XanesDock


def test_a_fit_is_never_compared_with_a_stack_that_changed_since(viewer: Any, add_stack: Any, wait: Any) -> None:
    add_stack()
    dock: XanesDock = viewer.window.add_plugin_dock_widget("napari-xanes", "XANES")[1]
    dock.show_step("Prepare")
    prepare = dock.panel("Prepare").widget(0)
    add_step(prepare, "smooth", pixels=0.5)
    apply(prepare, wait)
    result = dock.workspace.stacks.layer
    dock.show_step("Map")
    panel, overlay = dock.panel("Map").method_panel, dock.panel("Map").overlay
    panel.methods.setCurrentIndex(panel.methods.findData("fit_references"))
    panel.start()
    wait(lambda: not panel.job.running)
    viewer.layers.selection.active = result

    def fits_at(row: int) -> int:
        viewer.cursor.position = tuple(result.data_to_world((0, row, 9)))
        wait(lambda: dock.workspace.cursor.index == (row, 9))
        return [curve.kind for curve in dock.view.plot.curves].count("fit")

    def smooth(pixels: float) -> None:
        prepare.panel.step_form.form().fill({"pixels": pixels})
        wait(prepare.panel.apply_button.isEnabled)
        apply(prepare, wait)
        assert stack_of(result).history[-1].parameters["pixels"] == pixels

    assert fits_at(5) == 1
    dock.show_step("Prepare")
    smooth(1.5)
    assert dock.workspace.stacks.layer is result, "the result took the place of the one before"
    assert dock.workspace.fit.curves == [], "the fit goes as soon as the stack changes"
    assert fits_at(6) == 0
    dock.show_step("Map")
    assert overlay.text() == OUTDATED
    dock.show_step("Prepare")
    smooth(0.5)
    assert fits_at(7) == 1, "the stack is again the one that was mapped"
    smooth(1.5)
    assert fits_at(8) == 0
    dock.show_step("Map")
    panel.start()
    wait(lambda: not panel.job.running)
    viewer.layers.selection.active = result
    assert fits_at(9) == 1, "run again"
    assert "±" in overlay.text()


def test_a_run_that_ends_after_its_stack_changed_is_outdated(stack: Any, add_stack: Any) -> None:
    maps = MapSet({"valence": ParameterMap(stack.data[0])}, (Step("smooth", {"pixels": 0.5}), Step("fit_references")))
    layer = add_stack(dataclasses.replace(stack, history=(Step("smooth", {"pixels": 1.5}),)))
    assert Run(1, maps, "group", layer).is_outdated(layer)
    same = add_stack(dataclasses.replace(stack, history=maps.history[:1]))
    assert not Run(2, maps, "group", same).is_outdated(same)


def test_a_map_of_more_steps_than_its_layer_shows_is_not_called_changed(
    viewer: Any, stack: Any, add_stack: Any, wait: Any
) -> None:
    maps = MapSet({"valence": ParameterMap(stack.data[0])}, (Step("optical_depth"), Step("fit_references")))
    layer = add_stack()
    dock: XanesDock = viewer.window.add_plugin_dock_widget("napari-xanes", "XANES")[1]
    dock.show_step("Map")
    dock.panel("Map").method_panel.show_tab("results")
    overlay = dock.panel("Map").overlay
    run = dock.workspace.runs.add(maps, layer)
    assert run.steps_beyond(layer) == ["optical_depth"]
    viewer.layers.selection.active = layer
    wait(lambda: "made after optical depth, which the shown stack has not been through" in overlay.text())
    layer.metadata = {**layer.metadata, "xanes": {**layer.metadata["xanes"], "history": [{"smooth": {}}]}}
    assert run.steps_beyond(layer) == [], "it went another way"


def test_other_values_and_another_quantity_make_a_run_outdated(stack: Any, add_stack: Any) -> None:
    layer = add_stack()
    run = Run(1, MapSet({"valence": ParameterMap(stack.data[0])}), "group", layer)
    assert not run.is_outdated(layer)
    layer.data = layer.data.copy()
    assert not run.is_outdated(layer), "the same values elsewhere in memory"
    layer.data = layer.data * 1.01
    assert run.is_outdated(layer)
    layer.data = stack.data
    assert not run.is_outdated(layer)
    layer.metadata = {**layer.metadata, "xanes": {**layer.metadata["xanes"], "quantity": "normalized"}}
    assert run.is_outdated(layer)


def test_data_of_a_file_that_were_read_again_count_as_changed(stack: Any, add_stack: Any) -> None:
    lazy = [da.from_array(stack.data, chunks=(5, 24, 32), name=name) for name in ("first", "second")]
    layer = add_stack(dataclasses.replace(stack, data=lazy[0]))
    run = Run(1, MapSet({"valence": ParameterMap(np.asarray(stack.data[0]))}), "group", layer)
    assert not run.is_outdated(layer)
    layer.data = lazy[1]
    assert run.is_outdated(layer)
