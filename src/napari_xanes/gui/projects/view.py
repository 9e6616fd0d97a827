"""Camera, sliders and selection of a viewer, as plain values and back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from napari.layers import Layer
    from napari.viewer import Viewer


def view_settings(viewer: Viewer, layers: Sequence[Layer]) -> dict[str, Any]:
    """Return camera, sliders and selection; layers are given by their number in the project."""
    camera, dims, selection = viewer.scene.camera, viewer.dims, viewer.layers.selection
    return {
        "center": [float(value) for value in camera.center],
        "zoom": float(camera.zoom),
        "angles": [float(value) for value in camera.angles],
        "ndisplay": int(dims.ndisplay),
        "order": [int(axis) for axis in dims.order],
        "step": [int(step) for step in dims.current_step],
        "selected": [layers.index(layer) for layer in selection if layer in layers],
        "active": layers.index(selection.active) if selection.active in layers else None,
    }


def restore_view(viewer: Viewer, settings: Mapping[str, Any], layers: Mapping[int, Layer]) -> None:
    """Give a viewer camera, sliders and selection back, as far as its layers are there.

    Raises
    ------
    ValueError, TypeError, KeyError
        If the settings are damaged.
    """
    viewer.layers.selection = {layers[number] for number in settings["selected"] if number in layers}
    if settings["active"] in layers:
        viewer.layers.selection.active = layers[settings["active"]]
    dims = viewer.dims
    if len(settings["order"]) == dims.ndim:
        dims.order = tuple(int(axis) for axis in settings["order"])
        dims.current_step = tuple(int(step) for step in settings["step"])
    dims.ndisplay = 3 if settings["ndisplay"] == 3 else 2
    place = np.array([*settings["center"], *settings["angles"], settings["zoom"]], float)
    if place.shape == (7,) and np.isfinite(place).all() and place[-1] > 0:
        camera = viewer.scene.camera
        camera.center, camera.angles, camera.zoom = tuple(place[:3]), tuple(place[3:6]), float(place[-1])
