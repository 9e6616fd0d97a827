"""What the docks of a viewer share."""

from __future__ import annotations

import dataclasses
import gc
import weakref
from typing import Any

import numpy as np
from napari.components import ViewerModel
from qtpy.QtCore import QObject
from tests.gui.plain_viewer import PlainViewer

from napari_xanes import MapSet, ParameterMap
from napari_xanes.gui.spectra import SpectraDock
from napari_xanes.gui.state import run_fit
from napari_xanes.gui.state.fit import FitCurve
from napari_xanes.gui.state.run import Run
from napari_xanes.gui.state.workspace import workspace_of
from napari_xanes.history import Source, Step
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


def test_a_plot_opened_last_shows_the_spectrum_of_a_new_stack_at_once(
    viewer: Any, add_stack: Any, stack: Any, wait: Any
) -> None:
    layer, cursor, panel = add_stack(), workspace_of(viewer).cursor, QObject()
    cursor.start(panel)
    spectra = SpectraDock(viewer)
    viewer.window.add_dock_widget(spectra)
    wait(lambda: spectra.view.seen.live)
    viewer.cursor.position = tuple(layer.data_to_world((0, 5, 9)))
    wait(lambda: cursor.index == (5, 9))
    doubled = add_stack(dataclasses.replace(stack, data=stack.data * 2), name="doubled")
    assert workspace_of(viewer).stacks.layer is doubled
    np.testing.assert_allclose(spectra.view.curves.cursor_values, 2 * layer.data[:, 5, 9], rtol=1e-6)
    assert "y 0.25 µm" in spectra.view.readout.text()
    cursor.stop(panel)


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
    fit = FitCurve("fit", stack.energy, stack.data[:, 5, 9].astype(float) - 0.25)
    monkeypatch.setattr(run_fit, "fits_at", lambda *_: [fit])
    spectra = SpectraDock(viewer)
    viewer.window.add_dock_widget(spectra)
    run = workspace.runs.add(MapSet({"valence": ParameterMap(stack.data[0], "1")}), layer)
    spectra.row.box.setValue(5)
    viewer.cursor.position = tuple(layer.data_to_world((0, 5, 9)))
    wait(lambda: workspace.fit.residual is not None)
    np.testing.assert_allclose(workspace.fit.residual[1], 0.25, rtol=1e-5)
    corrected = {**layer.metadata["xanes"], "energy_eV": stack.energy + 0.1}
    layer.metadata = {**layer.metadata, "xanes": corrected}
    assert workspace.fit.curves, "the fit is drawn at the energies of the run"
    assert workspace.fit.residual is None, "but its residual is unknown at others"
    workspace.runs.delete(run)
    assert not workspace.fit.curves, "a deleted run draws nothing"


def test_a_run_knows_its_stack_again_by_file_name_and_steps(stack: Any, add_stack: Any) -> None:
    source, step = Source("scan.h5", "a" * 64), Step("crop", {"region": [0, 0, 24, 32]})
    read = dataclasses.replace(stack, source=source, history=(step,))
    same, other = add_stack(read), add_stack(dataclasses.replace(read, history=()))
    named = add_stack(dataclasses.replace(read, metadata={"name": "another"}))
    maps = MapSet(
        {"valence": ParameterMap(stack.data[0], "1")},
        (step, Step("fit_references")),
        source,
        metadata={"name": "particle"},
    )
    run = Run(1, maps, "group")
    assert run.made_from(same)
    assert not run.made_from(other), "its steps are others: the fit is one of another quantity"
    assert not run.made_from(named)
    unknown = Run(2, dataclasses.replace(maps, source=None), "group")
    assert not unknown.made_from(same)
    assert not Run(3, maps, "group", other).made_from(same), "its layer is known"


def test_references_never_share_a_colour_or_a_tick(viewer: Any, stack: Any) -> None:
    references = workspace_of(viewer).references
    references.add([Spectrum(name, stack.energy, stack.energy * 0) for name in "ab"])
    references.remove(["a"])
    references.add([Spectrum("c", stack.energy, stack.energy * 0)])
    assert references.colour("b") != references.colour("c")
    references.set_checked("b", False)
    references.rename("b", "foil")
    references.add([Spectrum("b", stack.energy, stack.energy * 1)])
    assert not references.is_checked("foil")
    assert references.is_checked("b"), "a new spectrum is ticked"
