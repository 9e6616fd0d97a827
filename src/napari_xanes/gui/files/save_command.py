"""Save the selected layers in the formats of napari-xanes: napari's own dialog offers its plain images first."""

from __future__ import annotations

from typing import TYPE_CHECKING

import napari
from napari.utils.notifications import show_error
from qtpy.QtWidgets import QFileDialog

from napari_xanes.gui.layers import is_stack

if TYPE_CHECKING:
    from napari.viewer import Viewer

FILTERS = "HDF5 (*.h5 *.hdf5 *.nxs);;TIFF with energies (*.tif *.tiff);;Zarr (*.zarr);;Spectra of regions (*.csv *.xdi)"


def save_selected() -> None:
    """Ask for a file and save the selected layers of the current viewer, or all if none is selected."""
    viewer = napari.current_viewer()
    if viewer is None or not len(viewer.layers):
        show_error("There are no layers to save")
        return
    path, _ = QFileDialog.getSaveFileName(None, "Save stacks, maps and regions", suggested_name(viewer), FILTERS)
    if path:
        save(viewer, path)


def suggested_name(viewer: Viewer) -> str:
    """Return the name of the selected layer as that of a file."""
    active = viewer.layers.selection.active
    name = "layers" if active is None else active.name.split(" · ")[0 if is_stack(active) else -1]
    return f"{name.replace('/', '-')}.h5"


def save(viewer: Viewer, path: str) -> None:
    """Save the selected layers of a viewer, or all if none is selected; show an error as a notification."""
    try:
        saved = viewer.layers.save(path, selected=bool(viewer.layers.selection), plugin="napari-xanes")
    except OSError as error:
        show_error(f"Not saved: {error}")
        return
    if not saved:
        show_error(f"{path} can't hold these layers; choose another kind of file, or fewer layers")
