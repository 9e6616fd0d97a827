"""Brushed and drawn regions in a real window."""

from __future__ import annotations

import numpy as np
import pytest

from napari_xanes.colours import colour_of
from napari_xanes.gui.pixels.areas import next_label, pixels_of
from napari_xanes.gui.spectra import SpectraDock
from napari_xanes.gui.state.workspace import workspace_of


@pytest.fixture
def dock(viewer, add_stack):
    add_stack()
    dock = SpectraDock(viewer)
    viewer.window.add_dock_widget(dock, name="Spectra", area="right")
    return dock


def curve(dock, name):
    return next((c for c in dock.view.plot.curves if c.name.startswith(name)), None)


def test_brushing_gives_mean_and_spread(viewer, dock, stack, wait):
    dock.look.tabs.regions.brush_button.click()
    layer = viewer.layers[-1]
    assert layer.mode == "paint"
    assert layer.data.shape == (24, 32)
    np.testing.assert_allclose(layer.scale, (0.05, 0.05))
    layer.brush_size = 5
    layer.paint((10, 10), 1)
    wait(lambda: curve(dock, "region 1") is not None)
    inside = stack.data[:, layer.data == 1].astype(float)
    np.testing.assert_allclose(curve(dock, "region 1").values, inside.mean(1), rtol=1e-5)
    np.testing.assert_allclose(curve(dock, "region 1").spread, inside.std(1), rtol=1e-4)
    assert curve(dock, "region 1").colour.lower() == colour_of(1).lower()
    assert dock.look.tabs.regions.texts() == [f"region 1 · {inside.shape[1]} px"]
    layer.paint((15, 20), 1)
    wait(lambda: dock.look.tabs.regions.texts() == [f"region 1 · {(layer.data == 1).sum()} px"])
    inside = stack.data[:, layer.data == 1].astype(float)
    np.testing.assert_allclose(curve(dock, "region 1").values, inside.mean(1), rtol=1e-5)
    layer.undo()
    layer.undo()
    wait(lambda: not dock.look.tabs.regions.texts())


def test_brushing_again_starts_a_new_region(viewer, dock, wait):
    dock.look.tabs.regions.brush()
    layer = viewer.layers[-1]
    layer.paint((5, 5), layer.selected_label)
    dock.look.tabs.regions.brush()
    assert viewer.layers[-1] is layer
    assert layer.selected_label == 2
    layer.paint((15, 25), 2)
    wait(lambda: len(dock.look.tabs.regions.texts()) == 2)
    known = dict(dock.workspace.regions._cache)
    layer.paint((18, 25), 2)
    wait(lambda: len(dock.workspace.regions._cache) > len(known))
    assert set(known) < set(dock.workspace.regions._cache)  # the first region was not computed again
    item = dock.look.tabs.regions.list.item(0)
    item.setText("core")
    wait(lambda: dock.look.tabs.regions.texts()[0].startswith("core · "))
    assert layer.metadata["xanes"]["names"] == {1: "core"}
    dock.look.tabs.regions._choose(0)
    assert layer.selected_label == 1


def test_regions_become_references(viewer, dock, stack, wait, errors):
    references = workspace_of(viewer).references
    references.remove([s.name for s in references.spectra])
    dock.look.tabs.references.take_regions()
    wait(lambda: errors)
    assert "brush one" in errors[0]
    dock.look.tabs.regions.brush()
    viewer.layers[-1].paint((5, 5), 1)
    dock.look.tabs.references.take_regions()
    wait(lambda: references.spectra)
    (reference,) = references.spectra
    assert reference.name == "region 1"
    inside = stack.data[:, viewer.layers[-1].data == 1].astype(float)
    np.testing.assert_allclose(reference.mu, inside.mean(1), rtol=1e-5)
    np.testing.assert_allclose(reference.sigma, inside.std(1) / np.sqrt(inside.shape[1]), rtol=1e-4)


def test_drawn_regions(viewer, dock, stack, wait):
    dock.look.tabs.regions.draw_button.click()
    shapes = viewer.layers[-1]
    assert shapes.mode == "add_polygon"
    shapes.add_rectangles([[2, 3], [2, 8], [6, 8], [6, 3]])
    shapes.add_ellipses([[10, 10], [10, 20], [20, 20], [20, 10]])
    shapes.add_paths([[0, 0], [5, 5]])
    wait(lambda: len(dock.look.tabs.regions.texts()) == 2)
    np.testing.assert_allclose(curve(dock, "shape 1").values, stack.data[:, 2:7, 3:9].mean((1, 2)), rtol=1e-5)
    pixels = int(dock.look.tabs.regions.texts()[1].split(" · ")[1].split()[0])
    assert pixels == pytest.approx(np.pi * 25, rel=0.15)
    shapes.data = shapes.data[:1]
    wait(lambda: len(dock.look.tabs.regions.texts()) == 1)


def test_new_napari_labels_are_regions_at_every_energy(viewer, dock, stack, wait):
    viewer.dims.set_current_step(0, 3)
    viewer._new_labels()
    layer = viewer.layers[-1]
    assert layer.data.shape == stack.shape
    layer.data[3, 4:8, 5:10] = 1
    layer.data[20, 10:12, 5:10] = 2
    layer.events.paint(value=[])
    wait(lambda: dock.look.tabs.regions.texts() == ["region 1 · 20 px", "region 2 · 10 px"])
    np.testing.assert_allclose(curve(dock, "region 1").values, stack.data[:, 4:8, 5:10].mean((1, 2)), rtol=1e-5)
    expected = np.zeros((24, 32), dtype=bool)
    expected[10:12, 5:10] = True
    np.testing.assert_array_equal(pixels_of(layer, 2, (), viewer.layers[0]), expected)
    dock.look.tabs.regions.brush()
    assert viewer.layers.selection.active is layer
    assert layer.selected_label == 3


@pytest.mark.parametrize(("labels", "free"), [([0, 0], 1), ([0, 7], 8), ([255, 1], 2)])
def test_a_new_region_gets_a_new_label(labels, free):
    assert next_label(np.array(labels, np.uint8)) == free


def test_unrelated_labels_are_not_regions(viewer, dock, wait, settle):
    viewer.add_labels(np.ones((5, 5), int))
    viewer.add_labels(np.ones((24, 32), int))  # without the scale of the image, so it does not cover the image
    viewer.add_labels(np.ones((24, 32), int), scale=(0.05, 0.05), metadata={"xanes": {"kind": "map"}})
    settle(150)
    assert dock.look.tabs.regions.texts() == []
    own_labels = viewer.add_labels(np.full((24, 32), 1_000_000_000), scale=(0.05, 0.05))
    wait(lambda: len(dock.look.tabs.regions.texts()) == 1)
    own_labels.visible = False
    wait(lambda: dock.look.tabs.regions.texts() == [])
    own_labels.visible = True
    wait(lambda: len(dock.look.tabs.regions.texts()) == 1)
    viewer.layers.remove(own_labels)
    wait(lambda: dock.look.tabs.regions.texts() == [])


@pytest.mark.parametrize("kind", ["labels", "shapes"])
def test_regions_that_are_not_listed_are_told(viewer, dock, wait, kind):
    if kind == "labels":
        dock.look.tabs.regions.brush()
        layer = viewer.layers[-1]
        layer.data = np.arange(24 * 32).reshape(24, 32) % 34
    else:
        dock.look.tabs.regions.draw()
        layer = viewer.layers[-1]
        corners = np.array([[4, 4], [4, 8], [8, 8], [8, 4]])
        layer.add([corners] * 33, shape_type="polygon")
    wait(lambda: len(dock.look.tabs.regions.texts()) == 32)
    assert dock.look.tabs.regions.unused.isVisibleTo(dock)
    assert f"Only the first 32 regions of {layer.name!r} are listed" in dock.look.tabs.regions.unused.text()
    if kind == "labels":
        layer.data = np.minimum(layer.data, 32)
    else:
        layer.selected_data = {32}
        layer.remove_selected()
    wait(lambda: not dock.look.tabs.regions.unused.isVisibleTo(dock))
    assert len(dock.look.tabs.regions.texts()) == 32
