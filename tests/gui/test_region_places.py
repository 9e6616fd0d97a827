"""Regions, cursor and slices in layers of other scale, place, rotation and unit than the stack's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import napari_xanes as nx
from napari_xanes import SpectralStack
from napari_xanes.gui.energy import current_step, go_to_step
from napari_xanes.gui.pixels.areas import new_labels, new_shapes
from napari_xanes.gui.pixels.masks import mask_of
from napari_xanes.gui.spectra import SpectraDock

CORNERS = np.array([[4, 6], [4, 15], [11, 15], [11, 6]], float)  # pixels of the stack


@pytest.fixture
def dock(viewer: Any, add_stack: Any) -> SpectraDock:
    add_stack()
    dock: SpectraDock = viewer.window.add_plugin_dock_widget("napari-xanes", "Spectra")[1]
    return dock


@pytest.fixture
def inside() -> np.ndarray:
    mask = np.zeros((24, 32), bool)
    mask[4:12, 6:16] = True
    return mask


def saved(viewer: Any, tmp_path: Path) -> list[nx.Spectrum]:
    viewer.layers.save(str(tmp_path / "regions.csv"), plugin="napari-xanes")
    return nx.read_spectra(tmp_path / "regions.csv")


PLACES = {
    "nm": {"scale": (50, 50), "units": ("nm", "nm")},
    "mm": {"scale": (5e-5, 5e-5), "units": ("mm", "mm")},
    "finer": {"scale": (0.025, 0.025), "translate": (-0.0125, -0.0125), "units": ("um", "um"), "factor": 2},
    "coarser": {"scale": (0.1, 0.1), "translate": (0.025, 0.025), "units": ("um", "um"), "factor": 0.5},
    "moved": {"scale": (0.05, 0.05), "translate": (-0.2, 0.1), "units": ("um", "um"), "shift": (4, -2)},
    "flipped": {"scale": (-0.05, 0.05), "translate": (23 * 0.05, 0), "units": ("um", "um"), "flip": True},
}


@pytest.mark.parametrize("place", PLACES)
def test_labels_are_mapped_through_their_own_scale_and_unit(
    viewer: Any, dock: SpectraDock, stack: SpectralStack, inside: Any, wait: Any, tmp_path: Path, place: str
) -> None:
    keywords = dict(PLACES[place])
    factor, shift, flip = keywords.pop("factor", 1), keywords.pop("shift", (0, 0)), keywords.pop("flip", False)
    labels = np.zeros((int(24 * factor) + 6, int(32 * factor) + 6), np.uint8)
    top, bottom = (int(factor * n) + shift[0] for n in (4, 12))
    left, right = (int(factor * n) + shift[1] for n in (6, 16))
    labels[top:bottom, left:right] = 1
    labels = labels[:24][::-1] if flip else labels
    layer = viewer.add_labels(labels, name="grain", **keywords)
    wait(lambda: dock.look.tabs.regions.texts() == ["region 1 · 80 px"])
    expected = stack.data[:, inside].mean(axis=1, dtype=np.float64)
    np.testing.assert_allclose(dock.workspace.regions.regions[0].mean, expected, rtol=1e-6)
    np.testing.assert_array_equal(mask_of(layer, viewer.layers[0]), inside)
    (spectrum,) = saved(viewer, tmp_path)
    np.testing.assert_allclose(spectrum.mu, expected, rtol=1e-6)


@pytest.mark.parametrize("unit", ["um", "nm", "mm"])
@pytest.mark.parametrize("turned", [False, True])
def test_shapes_are_mapped_through_scale_rotation_and_unit(
    viewer: Any,
    dock: SpectraDock,
    stack: SpectralStack,
    inside: Any,
    wait: Any,
    tmp_path: Path,
    unit: str,
    turned: bool,
) -> None:
    per_um = {"um": 1, "nm": 1e3, "mm": 1e-3}[unit]
    points, place = CORNERS * 0.05 * per_um, {}
    if turned:  # the layer is turned by a quarter, its points by a quarter back
        points, place = points @ np.array([[0, -1], [1, 0]]), {"affine": np.array([[0, -1, 0], [1, 0, 0], [0, 0, 1]])}
    shapes = viewer.add_shapes([points], shape_type="polygon", units=(unit, unit), name="grain", **place)
    np.testing.assert_allclose(shapes.data_to_world(points[0]), CORNERS[0] * 0.05 * per_um, atol=1e-12)
    wait(lambda: dock.look.tabs.regions.texts() == ["shape 1 · 80 px"])
    expected = stack.data[:, inside].mean(axis=1, dtype=np.float64)
    np.testing.assert_allclose(dock.workspace.regions.regions[0].mean, expected, rtol=1e-6)
    (spectrum,) = saved(viewer, tmp_path)
    np.testing.assert_allclose(spectrum.mu, expected, rtol=1e-6)


def test_a_stack_that_was_turned_and_moved_keeps_its_regions(viewer: Any, add_stack: Any, stack: SpectralStack) -> None:
    layer = add_stack(rotate=30, translate=(0, 3.0, -2.0))
    for new in (new_labels, new_shapes):
        region = new(viewer, layer)
        np.testing.assert_allclose(region.data_to_world((7, 9)), layer.data_to_world((0, 7, 9))[1:], atol=1e-9)
    labels, shapes = viewer.layers[1:]
    labels.data[4:12, 6:16] = 1
    shapes.add([CORNERS], shape_type="polygon")
    np.testing.assert_array_equal(mask_of(labels, layer), mask_of(shapes, layer))
    straight = viewer.add_labels(
        np.ones((200, 200), np.uint8), scale=(0.05, 0.05), translate=(3, -2), units=("um",) * 2
    )
    mask = mask_of(straight, layer)
    world = np.array([[layer.data_to_world((0, y, x))[1:] for x in range(32)] for y in range(24)])
    np.testing.assert_array_equal(mask, ((world - (3, -2)) / 0.05 > -0.5).all(axis=-1))


def test_the_place_of_a_layer_may_change_while_the_dock_is_open(viewer: Any, dock: SpectraDock, wait: Any) -> None:
    labels = np.zeros((24, 32), np.uint8)
    labels[2:4, 2:4] = 1
    layer = viewer.add_labels(labels, scale=(0.05, 0.05), units=("um", "um"))
    wait(lambda: dock.look.tabs.regions.texts() == ["region 1 · 4 px"])
    layer.scale = (0.1, 0.1)
    wait(lambda: dock.look.tabs.regions.texts() == ["region 1 · 16 px"])
    layer.translate = (-0.25, 0)
    wait(lambda: dock.look.tabs.regions.texts() == ["region 1 · 8 px"])


def test_the_dock_says_why_labels_are_not_used_and_lays_them_over(viewer: Any, dock: SpectraDock, wait: Any) -> None:
    layer = viewer.add_labels(np.ones((24, 32), np.uint8), name="segmented")
    wait(lambda: "'segmented' is in pixels, the stack in micrometer" in dock.look.tabs.regions.unused.text())
    assert "layer.scale = (0.05, 0.05)" in dock.look.tabs.regions.unused.text()
    dock.look.tabs.regions.fit_button.click()
    wait(lambda: dock.look.tabs.regions.texts() == ["region 1 · 768 px"])
    assert not dock.look.tabs.regions.unused.isVisibleTo(dock)
    layer.translate = (50, 0)
    wait(lambda: "'segmented' lies beside the stack" in dock.look.tabs.regions.unused.text())
    viewer.layers.remove(layer)
    viewer.add_labels(np.ones((5, 24, 32), np.uint8), name="other", scale=(1, 0.05, 0.05), units=("pixel", "um", "um"))
    wait(lambda: "'other' has the shape (5, 24, 32), the stack (30, 24, 32)" in dock.look.tabs.regions.unused.text())


def test_regions_that_do_not_lie_over_the_stack_are_not_saved(viewer: Any, add_stack: Any, tmp_path: Path) -> None:
    add_stack()
    viewer.add_labels(np.ones((24, 32), np.uint8), name="segmented")
    with pytest.raises(OSError, match="'segmented' is in pixels"):
        saved(viewer, tmp_path)
    assert not list(tmp_path.iterdir())


def test_saved_regions_bear_the_names_that_they_were_given(viewer: Any, add_stack: Any, tmp_path: Path) -> None:
    add_stack()
    labels = np.zeros((24, 32), np.uint8)
    labels[:4], labels[8:9] = 1, 2
    names = {"xanes": {"kind": "regions", "names": {1: "core"}}}
    viewer.add_labels(labels, name="grain", scale=(0.05, 0.05), units=("um", "um"), metadata=names)
    assert [spectrum.name for spectrum in saved(viewer, tmp_path)] == ["core", "grain 2"]


def test_the_cursor_is_read_at_its_place_beside_a_layer_in_nm(
    viewer: Any, dock: SpectraDock, stack: SpectralStack, wait: Any
) -> None:
    viewer.add_image(np.zeros((24, 32)), scale=(50, 50), units=("nm", "nm"))
    viewer.layers.selection.active = viewer.layers[0]
    viewer.cursor.position = (0, 5 * 50, 9 * 50)  # the world is in nm now
    wait(lambda: dock.view.curves.cursor_values is not None)
    np.testing.assert_array_equal(dock.view.curves.cursor_values, stack.data[:, 5, 9])
    assert "x 0.45 y 0.25 µm" in dock.view.readout.text()


def test_slices_are_read_at_their_place_beside_a_layer_in_nm(viewer: Any, rng: Any, wait: Any) -> None:
    from napari_xanes.gui.layers import stack_to_layer
    from napari_xanes.gui.pixels.areas import depth_of

    volume = SpectralStack(
        rng.random((4, 5, 8, 9), np.float32), [700, 705, 710, 715], "optical_depth", (0.1, 0.05, 0.05)
    )
    data, keywords, _ = stack_to_layer(volume)
    layer = viewer.add_image(data, **keywords)
    dock = viewer.window.add_plugin_dock_widget("napari-xanes", "Spectra")[1]
    viewer.add_labels(np.ones((5, 8, 9), np.uint8), scale=(100, 50, 50), units=("nm",) * 3)
    viewer.dims.set_point(1, 300.0)
    assert depth_of(viewer, layer) == (3,)
    wait(
        lambda: (
            dock.workspace.regions.regions
            and np.allclose(dock.workspace.regions.regions[0].mean, data[:, 3].mean(axis=(1, 2)))
        )
    )
    go_to_step(viewer, layer, 2)
    assert current_step(viewer, layer) == 2


def test_energies_of_an_image_in_nm_or_mm_keep_its_pixel_size(viewer: Any, tmp_path: Path) -> None:
    from napari_xanes.gui.layers import stack_of
    from napari_xanes.gui.spectra.pages import attach_energies

    (tmp_path / "e.txt").write_text("8300\n8310\n8320\n8330\n")
    for unit, size in (("nm", 50), ("mm", 5e-5), ("um", 0.05), ("pixel", None)):
        layer = viewer.add_image(np.zeros((4, 6, 7)), scale=(1, size or 1, size or 1), units=("pixel", unit, unit))
        attach_energies(layer, tmp_path / "e.txt", "counts")
        assert stack_of(layer).pixel_size == (pytest.approx((0.05, 0.05)) if size else None)
