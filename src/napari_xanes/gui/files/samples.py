"""Sample data for File > Open Sample."""

from __future__ import annotations

import napari

from napari_xanes import sample
from napari_xanes.gui.files.readers import show_energies
from napari_xanes.gui.layers import LayerData, stack_to_layer


def nmc_ni_k() -> list[LayerData]:
    """Return a simulated NMC particle at the Ni K edge: counts with flats."""
    show_energies(napari.current_viewer())
    return [stack_to_layer(sample.nmc_ni_k().stack)]


def mn_oxides_l() -> list[LayerData]:
    """Return simulated manganese oxides at the Mn L edge: counts with an empty area."""
    show_energies(napari.current_viewer())
    return [stack_to_layer(sample.mn_oxides_l().stack)]
