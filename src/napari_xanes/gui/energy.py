"""The photon energies and the element of a stack layer, and the frame that the slider shows. No Qt."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from napari_xanes.gui.placement import to_data, to_world

if TYPE_CHECKING:
    from napari.layers import Layer
    from napari.viewer import Viewer


def plain_viewer(viewer: Viewer) -> Viewer:
    """Return the viewer behind napari's proxy. Plugins get a proxy that may be deleted before the window."""
    return getattr(viewer, "__wrapped__", viewer)


def energies_of(layer: Layer) -> NDArray[np.float64]:
    """Return the photon energies of a stack layer in eV, shape (E,)."""
    return np.asarray(layer.metadata["xanes"]["energy_eV"], dtype=np.float64)


def element_of(layer: Layer) -> str | None:
    """Return the element of a stack layer, or None if its file does not name it."""
    element = layer.metadata["xanes"]["metadata"].get("element")
    return None if element is None else str(element)


def energy_of_step(layer: Layer, step: int) -> float:
    """Return the photon energy of a frame in eV; a step out of range gives the first or last energy."""
    energies = energies_of(layer)
    return float(energies[min(max(step, 0), energies.size - 1)])


def step_of_energy(layer: Layer, energy: float) -> int:
    """Return the frame whose energy is nearest to `energy` (eV)."""
    return int(np.argmin(np.abs(energies_of(layer) - energy)))


def energy_axis(viewer: Viewer, layer: Layer) -> int:
    """Return the index of the viewer axis that is the energy axis of the layer."""
    return int(viewer.dims.ndim - layer.ndim)


def current_step(viewer: Viewer, layer: Layer) -> int:
    """Return the frame of the layer that the slider shows."""
    position = to_data(viewer, layer, viewer.dims.point)[0]
    return int(min(max(round(float(position)), 0), energies_of(layer).size - 1))


def go_to_step(viewer: Viewer, layer: Layer, step: int) -> None:
    """Move the slider to a frame of the layer."""
    position = [float(step)] + [0.0] * (layer.ndim - 1)
    viewer.dims.set_point(energy_axis(viewer, layer), float(to_world(viewer, layer, position)[0]))
