"""napari's own actions on our layers: docks and viewer go on, and no layer is taken for a stack that is none."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from napari.layers import _layer_actions as actions

from napari_xanes import MapSet, ParameterMap, SpectralStack
from napari_xanes.gui.layers import is_stack, stack_of, stack_to_layer
from napari_xanes.gui.map_layers import Shown, is_map
from napari_xanes.gui.state.workspace import workspace_of

DOCKS = ("Spectra", "Prepare", "Denoise", "Map", "Embedding")


@pytest.fixture
def docks(viewer: Any, add_stack: Any, wait: Any) -> dict[str, Any]:
    add_stack()
    docks = {name: viewer.window.add_plugin_dock_widget("napari-xanes", name)[1] for name in DOCKS}
    wait(docks["Spectra"].isVisible)
    return docks


@pytest.fixture
def select(viewer: Any) -> Any:
    def chosen(*layers: Any) -> Any:
        viewer.layers.selection = set(layers)
        viewer.layers.selection.active = layers[-1] if len(layers) == 1 else None
        return viewer.layers

    return chosen


def listed(docks: dict[str, Any]) -> dict[str, list[str]]:
    """Return the stacks that each dock offers."""
    boxes = {name: docks[name].method_panel.stacks for name in ("Denoise", "Map")}
    boxes["Prepare"] = docks["Prepare"].stacks
    boxes["Spectra"] = docks["Spectra"].row.stack_box
    return {name: [box.itemText(i) for i in range(box.count())] for name, box in boxes.items()}


def spectra_work(viewer: Any, dock: Any, layer: Any, wait: Any) -> None:
    """Check that the Spectra dock follows cursor, slider and regions of a stack."""
    viewer.layers.selection.active = layer
    viewer.cursor.position = (0,) * (viewer.dims.ndim - layer.ndim) + tuple(layer.data_to_world((3, 5, 9)))
    wait(lambda: np.array_equal(dock.view.curves.cursor_values, layer.data[:, 5, 9]))


@pytest.mark.parametrize("mode", ["max", "mean"])
@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_projection_is_an_image(viewer: Any, docks: Any, select: Any, wait: Any, mode: str, axis: int) -> None:
    layer = viewer.layers[0]
    actions._project(select(layer), axis=axis, mode=mode)
    projection = viewer.layers[-1]
    assert not is_stack(projection)
    viewer.layers.selection.active = projection
    assert workspace_of(viewer).stacks.layer is layer
    assert all(names == [layer.name] for names in listed(docks).values())
    assert "is a part or a projection. Select the stack" in docks["Spectra"].view.message.text()
    with pytest.raises(ValueError, match="its stack 30 energies and 3 axes"):
        stack_of(projection)
    spectra_work(viewer, docks["Spectra"], layer, wait)
    assert docks["Spectra"].view.message.isHidden()


def test_a_projection_without_its_stack_says_the_way_back(viewer: Any, docks: Any, select: Any) -> None:
    layer = viewer.layers[0]
    layer.metadata["xanes"]["source"] = {"path": "/data/scan.h5"}
    actions._project(select(layer), axis=0, mode="max")
    viewer.layers.remove(layer)
    viewer.layers.selection.active = viewer.layers[0]
    dock = docks["Spectra"]
    assert dock.view.pages.currentWidget() is dock.view.pages.empty
    assert "or open scan.h5 again" in dock.view.pages.empty._reason.text()
    assert all(names == [] for names in listed(docks).values())


def test_a_stack_that_was_split_and_merged_again(
    viewer: Any, docks: Any, select: Any, stack: SpectralStack, wait: Any, errors: list[str]
) -> None:
    dock = docks["Spectra"]
    actions._split_stack(select(viewer.layers[0]))
    assert len(viewer.layers) == 30
    assert not any(is_stack(layer) for layer in viewer.layers)
    assert "References only" in dock.view.readout.text()
    actions._merge_stack(select(*viewer.layers))
    (merged,) = viewer.layers
    viewer.layers.selection.active = merged
    assert not is_stack(merged), "the user may have moved the frames"
    assert dock.view.pages.currentWidget() is dock.view.pages.energies
    assert "was merged of single frames" in dock.view.pages.energies._reason.text()
    dock.view.pages.energies.use_button.click()
    assert is_stack(merged)
    np.testing.assert_array_equal(stack_of(merged).energy, stack.energy)
    assert stack_of(merged).pixel_size == pytest.approx((0.05, 0.05))
    assert [str(unit) for unit in merged.units] == ["pixel", "micrometer", "micrometer"]
    assert all(names == [merged.name] for names in listed(docks).values())
    spectra_work(viewer, dock, merged, wait)
    assert not errors


def test_frames_that_were_left_out_of_a_merge_need_energies(
    viewer: Any, docks: Any, select: Any, tmp_path: Any
) -> None:
    actions._split_stack(select(viewer.layers[0]))
    viewer.layers.remove(viewer.layers[3])
    actions._merge_stack(select(*viewer.layers))
    (merged,) = viewer.layers
    viewer.layers.selection.active = merged
    page = docks["Spectra"].view.pages.energies
    assert docks["Spectra"].view.pages.currentWidget() is page
    assert page.use_button.isHidden()
    assert "its stack 30 energies and 3 axes" in page._reason.text()
    (tmp_path / "e.txt").write_text("\n".join(str(8300 + i) for i in range(29)))
    page.attach(tmp_path / "e.txt")
    assert is_stack(merged)
    assert stack_of(merged).shape == (29, 24, 32)


@pytest.mark.filterwarnings("ignore:projection mode:UserWarning")
def test_a_stack_converted_to_labels_is_neither_stack_nor_regions(
    viewer: Any, docks: Any, select: Any, wait: Any
) -> None:
    layer = viewer.layers[0]
    actions._convert_to_labels(select(layer))
    labels = viewer.layers[1]
    assert not is_stack(labels)
    viewer.layers.selection.active = labels
    assert "was converted from a stack to labels" in docks["Spectra"].view.message.text()
    wait(lambda: "its labels are values, not regions" in docks["Spectra"].look.tabs.regions.unused.text())
    assert all(names == [layer.name] for names in listed(docks).values())
    viewer.layers.remove(layer)
    actions._convert_to_image(select(labels))
    assert is_stack(viewer.layers[0])


def test_a_duplicate_of_a_stack_is_a_stack(viewer: Any, docks: Any, select: Any, wait: Any) -> None:
    layer = viewer.layers[0]
    actions._duplicate_layer(select(layer))
    copy = viewer.layers[1]
    assert is_stack(copy)
    assert all(set(names) == {layer.name, copy.name} for names in listed(docks).values())
    viewer.layers.remove(layer)
    spectra_work(viewer, docks["Spectra"], copy, wait)


def test_turned_sliders_and_new_data_do_not_end_the_docks(viewer: Any, docks: Any, wait: Any) -> None:
    layer, dock = viewer.layers[0], docks["Spectra"]
    for _ in range(3):
        viewer.dims.roll()
    viewer.dims.transpose()
    spectra_work(viewer, dock, layer, wait)
    layer.data = layer.data[:, ::2]
    assert is_stack(layer)
    spectra_work(viewer, dock, layer, wait)
    layer.data = layer.data[:5]
    assert not is_stack(layer)
    assert dock.view.pages.currentWidget() is dock.view.pages.energies
    assert "its stack 30 energies and 3 axes" in dock.view.pages.energies._reason.text()


@pytest.mark.parametrize("axis", [1, 2, 3])
def test_a_projection_of_a_volume_is_no_stack(viewer: Any, select: Any, rng: Any, wait: Any, axis: int) -> None:
    docks = {name: viewer.window.add_plugin_dock_widget("napari-xanes", name)[1] for name in DOCKS}
    wait(docks["Spectra"].isVisible)
    volume = SpectralStack(rng.random((4, 3, 8, 9), np.float32), [700, 705, 710, 715], "optical_depth")
    data, keywords, _ = stack_to_layer(volume)
    layer = viewer.add_image(data, **keywords)
    actions._project(select(layer), axis=axis, mode="mean")
    projection = viewer.layers[-1]
    viewer.layers.selection.active = projection
    assert not is_stack(projection)
    page = docks["Spectra"].view.pages.energies
    assert docks["Spectra"].view.pages.currentWidget() is page
    page.use_button.click()  # the energies go with the frames: the user may take them
    assert stack_of(projection).shape == projection.data.shape
    assert workspace_of(viewer).stacks.layer is projection


@pytest.mark.filterwarnings("ignore:projection mode:UserWarning")
def test_projections_splits_and_merges_of_maps(viewer: Any, docks: Any, select: Any, rng: Any) -> None:
    values = rng.random((24, 32), np.float32) + 2
    classes = ParameterMap((values > 2.5).astype(np.uint8) + 1, labels={1: "a", 2: "b"})
    maps = MapSet({"valence": ParameterMap(values, "1", values / 10), "phase": classes}, pixel_size=(0.05, 0.05))
    runs = workspace_of(viewer).runs
    run = runs.add(maps)
    runs.show(run, Shown("valence", "sigma"))
    runs.all_as_layers(run)
    layers = [layer for layer in viewer.layers if is_map(layer)]
    by_name = {layer.metadata["xanes"]["map"] + layer.metadata["xanes"]["role"]: layer for layer in layers}
    value, sigma, phase = (by_name[name] for name in ("valencevalue", "valencesigma", "phasevalue"))
    actions._duplicate_layer(select(value))
    copy = viewer.layers[f"{value.name} copy"]
    assert is_map(copy)
    assert copy in runs.layers_of(run)
    actions._merge_stack(select(value, sigma))
    merged = viewer.layers[-1]
    assert not is_map(merged)
    viewer.layers.selection.active = merged
    actions._project(select(merged), axis=0, mode="max")
    actions._convert_to_image(select(phase))
    assert [is_map(layer) for layer in viewer.layers if layer.name == phase.name] == [False]
    assert not any(is_stack(layer) for layer in viewer.layers[1:])
    assert all(names == [viewer.layers[0].name] for names in listed(docks).values())
