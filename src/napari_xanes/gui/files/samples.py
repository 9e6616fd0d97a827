"""Sample data for File > Open Sample."""

from __future__ import annotations

from collections.abc import Callable

import napari

from napari_xanes import sample
from napari_xanes.gui.files.readers import show_energies
from napari_xanes.gui.in_thread import in_thread, is_closed
from napari_xanes.gui.layers import LayerData, stack_to_layer


def nmc_ni_k() -> list[LayerData]:
    """Return a simulated NMC particle at the Ni K edge: counts with flats."""
    return _simulated(sample.nmc_ni_k)


def mn_oxides_l() -> list[LayerData]:
    """Return simulated manganese oxides at the Mn L edge: counts with an empty area."""
    return _simulated(sample.mn_oxides_l)


def _simulated(make: Callable[[], sample.Sample]) -> list[LayerData]:
    viewer = napari.current_viewer()
    layer = in_thread(lambda: stack_to_layer(make().stack), "simulate the sample")
    if viewer is not None and is_closed(viewer):
        return []
    show_energies(viewer)
    return [layer]
