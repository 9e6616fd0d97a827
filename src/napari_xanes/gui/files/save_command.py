"""Save the selected layers in the formats of napari-xanes: napari's own dialog offers its plain images first."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import napari

from napari_xanes.gui.dialogs import ask_to_save
from napari_xanes.gui.layers import is_stack
from napari_xanes.gui.telling import show_error, tell

if TYPE_CHECKING:
    from napari.viewer import Viewer

FILTERS = (
    "HDF5 (*.h5 *.hdf5 *.nxs);;TIFF with energies (*.tif *.tiff);;Zarr (*.zarr);;Spectra of regions (*.csv *.xdi *.prj)"
)


def save_selected() -> None:
    """Ask for a file and save the selected layers of the current viewer, or all if none is selected."""
    viewer = napari.current_viewer()
    if viewer is None or not len(viewer.layers):
        show_error("There are no layers to save")
        return
    save_layers(viewer, only_selected=bool(viewer.layers.selection))


def save_layers(viewer: Viewer, *, only_selected: bool) -> None:
    """Ask for a file and save the selected layers of a viewer, or all."""
    path = ask_to_save(None, "Save stacks, maps and regions", suggested_name(viewer), FILTERS, viewer)
    if path:
        save(viewer, path, only_selected=only_selected)


def suggested_name(viewer: Viewer) -> str:
    """Return the name of the selected layer as that of a file."""
    active = viewer.layers.selection.active
    name = "layers" if active is None else active.name.split(" · ")[0 if is_stack(active) else -1]
    return f"{name.replace('/', '-')}.h5"


def save(viewer: Viewer, path: str, *, only_selected: bool) -> None:
    """Save the selected layers of a viewer, or all; show an error as a notification.

    A name without a suffix gets that of HDF5.
    """
    path = path if Path(path).suffix else f"{path}.h5"
    try:
        saved = viewer.layers.save(path, selected=only_selected, plugin="napari-xanes")
    except OSError as error:
        tell(error, "Not saved")
        return
    if not saved:
        show_error(f"{path} can't hold these layers; choose another kind of file, or fewer layers")
