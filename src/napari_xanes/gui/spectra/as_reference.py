"""Make references of spectra that the plot shows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from napari_xanes.gui.curve import Curve
from napari_xanes.gui.pixels.spectra import Values
from napari_xanes.gui.spectra.curves import ABSORPTION
from napari_xanes.gui.state.regions import Region, as_spectra
from napari_xanes.gui.state.workspace import workspace_of
from napari_xanes.gui.telling import show_error
from napari_xanes.spectrum import Spectrum

if TYPE_CHECKING:
    from napari.layers import Layer
    from napari.viewer import Viewer


def regions_as_references(viewer: Viewer, regions: Sequence[Region]) -> None:
    """Add the mean spectra of regions to the references, with their standard errors."""
    stack = _absorption(viewer, [region.name for region in regions])
    measured = [region for region in regions if _has_values(region.name, region.mean)] if stack is not None else []
    if stack is not None and measured:
        workspace = workspace_of(viewer)
        workspace.references.add(as_spectra(measured, stack, workspace.shown.quantity_of(stack)))


def pins_as_references(viewer: Viewer, curves: Sequence[Curve]) -> None:
    """Add the spectra of pins on the chosen stack to the references."""
    stack = _absorption(viewer, [curve.name for curve in curves])
    if stack is None:
        return
    quantity = workspace_of(viewer).shown.quantity_of(stack)
    facts = {"quantity": quantity, "stack": stack.name, "normalized": quantity == "normalized"}
    spectra = []
    for curve in curves:
        if _has_values(curve.name, curve.values):
            good = np.isfinite(curve.values)
            spectra.append(Spectrum(curve.name, curve.energy[good], curve.values[good], metadata=facts))
    workspace_of(viewer).references.add(spectra)


def _absorption(viewer: Viewer, names: Sequence[str]) -> Layer | None:
    """Return the chosen stack, or None with a notification if its spectra can't be references."""
    workspace = workspace_of(viewer)
    stack = workspace.stacks.layer
    quantity = "" if stack is None else workspace.shown.quantity_of(stack)
    if stack is None or quantity in ABSORPTION:
        return stack
    show_error(
        f"{', '.join(names)}: not added, because references are absorption, and what is shown of {stack.name!r} "
        f"is {quantity.replace('_', ' ')}. Choose optical depth above the list, or its stack (step Prepare)"
    )
    return None


def _has_values(name: str, values: Values) -> bool:
    if np.isfinite(values).sum() >= 2:
        return True
    show_error(f"{name}: not added, because it has no values on this stack; choose the stack of its place")
    return False
