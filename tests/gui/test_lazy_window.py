"""Lazy stacks: the window never waits for their data, except for the image that napari shows."""

from __future__ import annotations

import threading
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from weakref import ref

import dask.array as da
import numpy as np
import pytest
from dask.callbacks import Callback
from tests.gui.preparing import add_step, apply

import napari_xanes as nx
from napari_xanes import SpectralStack, Spectrum
from napari_xanes.gui.denoising import DenoiseDock
from napari_xanes.gui.spectra import SpectraDock
from napari_xanes.gui.state.workspace import workspace_of
from napari_xanes.sample import nmc_ni_k

SLICES = 3


class _Watch(Callback):  # type: ignore[misc]
    """Record which code computes lazy data on the main thread. napari itself may do so, for the image that it shows."""

    def __init__(self) -> None:
        super().__init__()
        self.guilty: list[str] = []

    def _start(self, _graph: Any) -> None:
        if threading.current_thread() is not threading.main_thread():
            return
        frames = traceback.extract_stack()
        if not any("napari/layers" in Path(f.filename).as_posix() and "_slice" in f.filename for f in frames):
            ours = [f for f in frames if "napari_xanes/gui" in Path(f.filename).as_posix()]
            self.guilty += [" < ".join(f"{Path(f.filename).name}:{f.name}" for f in reversed(ours))] if ours else []


@pytest.fixture
def watch() -> Iterator[_Watch]:
    with _Watch() as watch:
        yield watch


def lazy(stack: SpectralStack) -> SpectralStack:
    return stack.with_data(da.from_array(stack.data, chunks=(9, *(1,) * (stack.data.ndim - 3), 16, 16)))


@pytest.fixture(params=["image", "volume"])
def depth(request: pytest.FixtureRequest) -> SpectralStack:
    """Return a lazy optical depth of 48 x 48 pixels, or of a volume with different slices."""
    whole = nx.ops.optical_depth(nmc_ni_k(size=48, photons=800).stack)
    metadata = {"name": "particle", "references": whole.metadata["references"]}
    flat = SpectralStack(whole.data, whole.energy, "optical_depth", 0.04, metadata=metadata)
    if request.param == "image":
        return lazy(flat)
    data = np.stack([flat.data * (z + 1) for z in range(SLICES)], axis=1)
    return lazy(SpectralStack(data, flat.energy, "optical_depth", (0.1, 0.04, 0.04), metadata=metadata))


@pytest.fixture
def counts(depth: SpectralStack) -> SpectralStack:
    """Return the same data as lazy counts."""
    whole = np.asarray(depth.data)
    flat = np.full(whole.shape, 1000.0, np.float32)
    counted = SpectralStack(flat * np.exp(-whole), depth.energy, "counts", depth.pixel_size, metadata=depth.metadata)
    return lazy(counted.with_data(counted.data, metadata={"flat": flat}))


def look_at(viewer: Any, layer: Any, index: tuple[int, ...]) -> None:
    """Move the sliders and the mouse to (e, ..., y, x)."""
    world = layer.data_to_world(index)
    viewer.dims.set_point(range(len(world)), world)
    viewer.cursor.position = tuple(world)


def brush(labels: Any, index: tuple[Any, ...]) -> None:
    labels.data[index] = 1
    labels.events.paint(value=[])


def spectra_dock(viewer: Any) -> SpectraDock:
    dock: SpectraDock = viewer.window.add_plugin_dock_widget("napari-xanes", "Spectra")[1]
    return dock


@pytest.mark.window
def test_viewing_computes_nothing_on_the_main_thread(
    viewer: Any, add_stack: Any, depth: SpectralStack, wait: Any, settle: Any, watch: _Watch
) -> None:
    docks = [viewer.window.add_plugin_dock_widget("napari-xanes", name)[1] for name in ("Map", "Denoise")]
    viewer.window.add_plugin_dock_widget("napari-xanes", "Prepare")
    dock, embedding = spectra_dock(viewer), viewer.window.add_plugin_dock_widget("napari-xanes", "Embedding")[1]
    layer, other = add_stack(depth), add_stack(depth, name="other")
    rest = (0,) * (layer.ndim - 3)
    dock.row.stack_box.setCurrentIndex(1)
    assert dock.workspace.stacks.layer is layer
    row = np.asarray(depth.data)[(slice(None), *rest, 10)]
    for column in (5, 20, 40):
        look_at(viewer, layer, (7, *rest, 10, column))
        wait(
            lambda c=column: (
                dock.view.curves.cursor_values is not None and np.array_equal(dock.view.curves.cursor_values, row[:, c])
            )
        )
    dock.row.box.setValue(5)
    wait(lambda: dock.workspace.cursor.spectrum is not None)  # lazy data arrive later
    dock.workspace.pinning.pin()
    dock.look.tabs.regions.brush()
    brush(viewer.layers.selection.active, (*rest, slice(20, 30), slice(20, 30)))
    wait(lambda: dock.look.tabs.regions.texts() == ["region 1 · 100 px"])
    viewer.layers.selection.active = other
    settle()
    assert watch.guilty == []
    assert len(workspace_of(viewer).pins.pins) == 1
    assert all(item.method_panel.run_button.isEnabled() for item in docks)
    assert embedding.stacks.layer() is other


def test_spectra_of_a_closed_stack_are_freed(viewer: Any, add_stack: Any, depth: SpectralStack, wait: Any) -> None:
    dock, layer = spectra_dock(viewer), add_stack(depth)
    look_at(viewer, layer, (7, *(0,) * (layer.ndim - 3), 10, 5))
    wait(lambda: dock.view.curves.cursor_values is not None)
    tiles = ref(dock.workspace.cursor._tiles)
    assert tiles() is not None
    viewer.layers.clear()
    wait(lambda: tiles() is None)


def test_contrast_comes_from_a_worker(
    viewer: Any, depth: SpectralStack, wait: Any, watch: _Watch, tmp_path: Path
) -> None:
    spectra_dock(viewer)
    nx.write(depth.with_data(np.asarray(depth.data)), tmp_path / "stack.h5")
    layer = _open_lazily(viewer, tmp_path / "stack.h5")
    before, after = (np.asarray(depth.data)[(i, *(n // 2 for n in depth.shape[1:-2]))] for i in (0, -1))
    wait(lambda: tuple(layer.contrast_limits) != (0.0, 1.0))
    low, high = layer.contrast_limits
    assert watch.guilty == []
    assert before.min() <= low < np.percentile(before, 5), "what is seen before the edge"
    assert np.percentile(after, 95) < high, "is seen after it too"
    assert tuple(layer.contrast_limits_range) == (low, high)


def test_contrast_limits_of_a_lazy_stack_cover_both_sides_of_the_edge(viewer: Any, add_stack: Any, wait: Any) -> None:
    spectra_dock(viewer)
    counts = np.where(np.arange(20) < 12, 1000, 200)[:, None, None] + np.arange(16.0)
    layer = add_stack(SpectralStack(da.from_array(np.tile(counts, (1, 16, 1))), 8300 + np.arange(20.0), "counts"))
    wait(lambda: tuple(layer.contrast_limits) != (0.0, 1.0))
    low, high = layer.contrast_limits
    assert low < 220
    assert high > 1000


def _open_lazily(viewer: Any, path: Path) -> Any:
    from napari_xanes.gui.layers import stack_to_layer

    data, keywords, _kind = stack_to_layer(nx.read(path, memory_limit=0))
    assert not isinstance(data, np.ndarray)
    return viewer.add_image(data, **keywords)


def test_contrast_limits_set_by_the_user_are_kept(
    viewer: Any, add_stack: Any, depth: SpectralStack, settle: Any
) -> None:
    spectra_dock(viewer)
    layer = add_stack(depth, contrast_limits=(0.2, 0.4))
    settle(300)
    assert tuple(layer.contrast_limits) == (0.2, 0.4)


def test_regions_become_references_in_a_worker(
    viewer: Any, add_stack: Any, depth: SpectralStack, wait: Any, watch: _Watch
) -> None:
    dock = spectra_dock(viewer)
    layer = add_stack(depth)
    rest = (1,) * (layer.ndim - 3)
    look_at(viewer, layer, (7, *rest, 10, 10))
    dock.look.tabs.regions.brush()
    brush(viewer.layers.selection.active, (*rest, slice(20, 30), slice(20, 30)))
    dock.look.tabs.references.take_regions()
    wait(lambda: [item.name for item in workspace_of(viewer).references.spectra][-1:] == ["region 1"])
    assert watch.guilty == []
    expected = np.asarray(depth.data)[(slice(None), *rest, slice(20, 30), slice(20, 30))].mean(axis=(-2, -1))
    np.testing.assert_allclose(workspace_of(viewer).references.spectra[-1].mu, expected, rtol=1e-5)


@pytest.mark.parametrize("method", ["optical_depth", "crop"])
def test_operations_are_shown_without_computing(
    viewer: Any, add_stack: Any, counts: SpectralStack, wait: Any, watch: _Watch, method: str
) -> None:
    dock = viewer.window.add_plugin_dock_widget("napari-xanes", "Prepare")[1]
    add_stack(counts)
    add_step(dock, method)
    apply(dock, wait)
    result = viewer.layers[-1]
    wait(lambda: tuple(result.contrast_limits) != (0.0, 1.0))
    assert watch.guilty == []
    assert not isinstance(result.data, np.ndarray)


def test_maps_are_made_without_computing_on_the_main_thread(
    viewer: Any, add_stack: Any, counts: SpectralStack, wait: Any, watch: _Watch
) -> None:
    dock, spectra = viewer.window.add_plugin_dock_widget("napari-xanes", "Map")[1], spectra_dock(viewer)
    layer = add_stack(counts)
    dock.method_panel.start()
    wait(lambda: not dock.method_panel.job.running)
    shown = spectra.workspace.stacks.layer
    assert shown is not layer, "the absorption took the counts' place"
    assert tuple(shown.scale) == tuple(layer.scale)
    look_at(viewer, shown, (7, *(1,) * (layer.ndim - 3), 24, 24))
    wait(lambda: "valence" in dock.overlay.text())
    assert watch.guilty == []


def test_denoising_computes_nothing_on_the_main_thread(
    viewer: Any, add_stack: Any, depth: SpectralStack, wait: Any, settle: Any, watch: _Watch
) -> None:
    dock: DenoiseDock = viewer.window.add_plugin_dock_widget("napari-xanes", "Denoise")[1]
    dock.method_panel.form().field("noise").set("tv")
    add_stack(depth)
    dock.preview()
    wait(lambda: not dock.method_panel.job.running)
    preview = next(item for item in viewer.layers if item.name == "denoised preview")
    wait(lambda: tuple(preview.contrast_limits) != (0.0, 1.0))
    dock.method_panel.start()
    wait(lambda: not dock.method_panel.job.running and not dock.companions_pending)
    dock.compare.slider.setValue(100)
    settle()
    assert watch.guilty == []
    assert any(isinstance(item, Spectrum) for item in workspace_of(viewer).references.spectra)
