"""What the docks of a viewer share."""

from __future__ import annotations

import gc
import weakref
from typing import Any

import numpy as np
from napari.components import ViewerModel
from qtpy.QtCore import QObject
from tests.gui.plain_viewer import PlainViewer

from napari_xanes import MapSet, ParameterMap
from napari_xanes.gui.maps import fit_overlay
from napari_xanes.gui.maps.fit_overlay import FitOverlay
from napari_xanes.gui.spectra import SpectraDock
from napari_xanes.gui.state.workspace import workspace_of
from napari_xanes.spectrum import Spectrum


def test_a_proxy_of_the_viewer_has_the_same_workspace(viewer: Any) -> None:
    from napari.utils._proxies import PublicOnlyProxy

    assert workspace_of(PublicOnlyProxy(viewer)) is workspace_of(viewer)


def test_two_viewers_share_nothing(viewer: Any, add_stack: Any, stack: Any) -> None:
    other = PlainViewer()
    layer = add_stack()
    workspace_of(viewer).references.add([Spectrum("foil", stack.energy, stack.energy * 0)])
    assert workspace_of(viewer).stacks.layer is layer
    assert workspace_of(other).stacks.layer is None
    assert not workspace_of(other).references.spectra
    other.close()


def test_a_workspace_dies_with_its_viewer() -> None:
    viewer = ViewerModel()
    workspace = weakref.ref(workspace_of(viewer))
    del viewer
    gc.collect()
    assert workspace() is None


def test_the_cursor_is_followed_while_a_panel_asks(viewer: Any, add_stack: Any, wait: Any, settle: Any) -> None:
    layer, cursor, panels = add_stack(), workspace_of(viewer).cursor, (QObject(), QObject())
    received: list[Any] = []
    cursor.spectrum_ready.connect(lambda index, values: received.append(index))
    for panel in (*panels, panels[0]):
        cursor.start(panel)
    viewer.cursor.position = tuple(layer.data_to_world((0, 5, 9)))
    wait(lambda: received[-1:] == [(5, 9)])
    cursor.stop(panels[0])
    viewer.cursor.position = tuple(layer.data_to_world((0, 6, 9)))
    wait(lambda: received[-1:] == [(6, 9)])
    cursor.start(panels[0])  # emits again what there is, for the panel that was not there
    assert received[-2:] == [(6, 9), (6, 9)]
    for panel in panels:
        cursor.stop(panel)
        cursor.stop(panel)
    viewer.cursor.position = tuple(layer.data_to_world((0, 7, 9)))
    settle()
    assert received[-1] == (6, 9)
    assert not cursor.asked


def test_regions_that_no_panel_asks_for_keep_no_layer(viewer: Any, add_stack: Any, wait: Any) -> None:
    add_stack()
    regions, panel = workspace_of(viewer).regions, QObject()
    regions.start(panel)
    labels = viewer.add_labels(np.ones((24, 32), np.uint8), scale=(0.05, 0.05), units=("um", "um"))
    wait(lambda: len(regions.regions) == 1)
    regions.stop(panel)
    assert not regions.regions
    viewer.layers.remove(labels)
    regions.start(panel)
    assert not regions.regions
    regions.stop(panel)


def test_the_residual_is_that_of_the_pixel_that_was_fitted(
    viewer: Any, add_stack: Any, stack: Any, wait: Any, monkeypatch: Any
) -> None:
    layer, workspace = add_stack(), workspace_of(viewer)
    fit = Spectrum("fit", stack.energy, stack.data[:, 5, 9].astype(float) - 0.25)
    monkeypatch.setattr(fit_overlay, "fits_at", lambda *_: [fit])
    spectra, overlay = SpectraDock(viewer), FitOverlay(viewer)
    for widget in (spectra, overlay):
        viewer.window.add_dock_widget(widget)
    overlay.set_maps(MapSet({"valence": ParameterMap(stack.data[0], "1")}), layer)
    spectra.row.box.setValue(5)
    viewer.cursor.position = tuple(layer.data_to_world((0, 5, 9)))
    wait(lambda: workspace.fit.residual is not None)
    np.testing.assert_allclose(workspace.fit.residual[1], 0.25, rtol=1e-5)
    overlay.hide()
    assert workspace.fit.residual is None
