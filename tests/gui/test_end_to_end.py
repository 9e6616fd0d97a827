"""Real files give the same numbers in the real window, on the command line and in Python."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qtpy.QtCore import QMimeData, QPointF, Qt, QUrl
from qtpy.QtGui import QDropEvent
from typer.testing import CliRunner

import napari_xanes as nx
from napari_xanes import Recipe, Step
from napari_xanes.cli import app
from napari_xanes.gui.layers import is_stack
from napari_xanes.gui.map_layers import Shown
from napari_xanes.gui.results.saving import save_maps
from napari_xanes.gui.state.workspace import workspace_of

pytestmark = pytest.mark.window
CHOSEN = ("Pyrite_NMNH_recal_2_15_tr.avg", "VIVIANITE_006_XANES_tr.avg", "STRENGITE_XTL_007_XANES_tr.avg")


@pytest.fixture
def drop(viewer: Any) -> Callable[[Path], Any]:
    """Drop a path onto the canvas. napari is set to open such files with napari-xanes."""
    from napari.settings import get_settings

    def dropped(path: Path) -> Any:
        path = path.resolve()  # a file manager gives the path without links
        pattern = f"*{path.suffix}" if path.is_file() else f"{path}/"
        get_settings().plugins.extension2reader = {pattern: "napari-xanes"}
        data = QMimeData()
        data.setUrls([QUrl.fromLocalFile(str(path))])
        event = QDropEvent(
            QPointF(50, 50), Qt.DropAction.CopyAction, data, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
        )
        before = set(viewer.layers)
        viewer.window._qt_viewer.dropEvent(event)
        return next(layer for layer in viewer.layers if layer not in before)

    return dropped


def maps_in(viewer: Any) -> dict[str, Any]:
    """Return the values that the layer of the latest run shows, map by map."""
    runs = workspace_of(viewer).runs
    *_, run = runs
    return {name: np.asarray(runs.show(run, Shown(name)).data) for name in run.maps}


def test_hxn_file_is_dropped_mapped_and_saved(
    viewer: Any, drop: Any, wait: Any, real_data: Path, tmp_path: Path
) -> None:
    folder = real_data / "hxn_fe_k"
    stack_file, reference_file = folder / "test_stack.tiff", folder / "test_ref_athena.nor"
    spectra = viewer.window.add_plugin_dock_widget("napari-xanes", "Spectra")[1]
    mapping = viewer.window.add_plugin_dock_widget("napari-xanes", "Map")[1]

    layer = drop(stack_file)
    assert is_stack(layer)
    assert layer.data.shape == (57, 91, 95)
    energies = layer.metadata["xanes"]["energy_eV"]
    assert energies[0] == pytest.approx(7092.584)

    viewer.dims.set_current_step(0, 30)
    wait(lambda: f"{energies[30]:.1f} eV" in _overlay(viewer).text)

    captured: list[Any] = []
    spectra.workspace.cursor.pixel_changed.connect(lambda layer, index: captured.append(index))
    viewer.cursor.position = (30, 40, 50)
    for callback in viewer.mouse_move_callbacks:
        callback(viewer, None)
    wait(lambda: (40, 50) in captured)

    labels = np.zeros((91, 95), np.uint8)
    labels[30:50, 40:60] = 1
    viewer.add_labels(labels, name="grain")

    references = spectra.look.tabs.references.references
    spectra.look.tabs.references.load([str(reference_file)])
    for spectrum in references.spectra:
        references.set_checked(spectrum.name, spectrum.name in CHOSEN)
    mapping.method_panel.stacks.choose(layer)
    mapping.method_panel.start()
    wait(lambda: not mapping.method_panel.job.running)
    window = maps_in(viewer)

    parameters = mapping.method_panel.form().values()
    python = nx.run([Step("fit_references", parameters)], nx.read(stack_file))
    Recipe(python.history).save(tmp_path / "recipe.yaml")
    result = CliRunner().invoke(
        app, ["run", str(tmp_path / "recipe.yaml"), str(stack_file), "-o", str(tmp_path)], catch_exceptions=False
    )
    assert result.exit_code == 0
    command_line = nx.read_maps(tmp_path / "test_stack" / "maps.h5")
    assert set(CHOSEN) < set(window)
    for name in window:
        np.testing.assert_array_equal(window[name], python[name].valid(), err_msg=name)
        np.testing.assert_array_equal(command_line[name].valid(), python[name].valid(), err_msg=name)

    save_maps(mapping.results.maps, str(tmp_path / "saved.h5"))
    viewer.layers.clear()
    again = drop(tmp_path / "saved.h5")
    assert again.metadata["xanes"]["history"][-1]["fit_references"]["nonnegative"] is parameters["nonnegative"]
    reopened = maps_in(viewer)
    assert set(reopened) == set(window)
    for name, values in reopened.items():
        np.testing.assert_array_equal(values, window[name], err_msg=name)


def _overlay(viewer: Any) -> Any:
    return viewer.canvas.overlays.text if hasattr(viewer, "canvas") else viewer.text_overlay


def test_als_folder_and_header_are_one_layer_each(viewer: Any, drop: Any, real_data: Path) -> None:
    for path in (real_data / "als_fe_l", real_data / "als_fe_l" / "71214078.hdr"):
        layer = drop(path)
        assert layer.data.shape == (123, 125, 125)
        assert tuple(layer.scale) == pytest.approx((1, 0.08, 0.08))
        assert layer.metadata["xanes"]["quantity"] == "counts"


def test_fxi_file_is_transmission_in_ev(viewer: Any, drop: Any, tmp_path: Path) -> None:
    import h5py

    path = tmp_path / "xanes_scan2_id_12345.h5"
    data = np.random.default_rng(1).uniform(0.1, 1, (6, 10, 12)).astype(np.float32)
    with h5py.File(path, "w") as file:
        file["img_xanes"] = data
        file["X_eng"] = np.linspace(8.3, 8.4, 6)
        file["Pixel Size"] = "39.0nm"
    layer = drop(path)
    np.testing.assert_array_equal(layer.data, data)
    assert layer.metadata["xanes"]["quantity"] == "transmission"
    np.testing.assert_allclose(layer.metadata["xanes"]["energy_eV"], np.linspace(8300, 8400, 6))
    assert layer.scale[-1] == pytest.approx(0.039)


def test_als_fit_is_the_same_in_window_and_python(viewer: Any, drop: Any, wait: Any, real_data: Path) -> None:
    folder = real_data / "als_fe_l"
    mapping = viewer.window.add_plugin_dock_widget("napari-xanes", "Map")[1]
    layer = drop(folder / "71214078.hdr")
    references = [nx.read_spectra(folder / name)[0] for name in ("oxidized.t", "reduced.t")]
    mapping.method_panel.form().field("references").set(references)
    mapping.method_panel.start()
    wait(lambda: not mapping.method_panel.job.running)
    depth = nx.ops.optical_depth(nx.read(folder), i0=folder / "i0.xsp")
    shown = next(other for other in viewer.layers if is_stack(other) and other is not layer)
    np.testing.assert_allclose(shown.data, depth.data, rtol=1e-5, atol=1e-6)
    python = nx.maps.fit_references(depth, **mapping.method_panel.form().values())
    for name, values in maps_in(viewer).items():
        np.testing.assert_allclose(values, python[name].valid(), rtol=1e-3, atol=1e-4, err_msg=name)
    inside = python["edge_jump"].mask
    assert 0.2 < inside.mean() < 1
    assert np.nanmedian(python["residual_rms"].data[inside]) < 0.15
