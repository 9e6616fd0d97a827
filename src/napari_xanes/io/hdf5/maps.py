"""Maps in the HDF5 files that napari-xanes writes."""

from __future__ import annotations

import json
from pathlib import Path

import h5py
import numpy as np

from napari_xanes.io import ways_out
from napari_xanes.io.hdf5.file import array, child, is_hdf5, open_hdf5, text
from napari_xanes.io.hdf5.native import MAPS, own_group, read_own
from napari_xanes.io.metadata_json import parse_map_notes
from napari_xanes.io.registry import maps_reader
from napari_xanes.parameter_map import MapSet, ParameterMap


def why_not_readable(path: Path) -> str | None:
    """Return why the file holds no maps of napari-xanes, or None if it does."""
    if not is_hdf5(path):
        return "not an HDF5 file"
    with open_hdf5(path) as file:
        return None if own_group(file, MAPS) else "not written by napari-xanes"


@maps_reader(
    "hdf5_maps", title="maps in NeXus HDF5", patterns=("*.h5", "*.hdf5", "*.nxs"), why_not_readable=why_not_readable
)
def read_maps(path: Path) -> MapSet:
    """Read the maps in a file that `napari_xanes.io.hdf5.writer` wrote.

    Raises
    ------
    ValueError
        If the file is damaged.
    """
    with open_hdf5(path) as file:
        own_groups = own_group(file, MAPS)
        if own_groups is None:
            raise ValueError(f"not written by napari-xanes; {ways_out.MAPS_ONLY}")
        return maps_in(*own_groups)


def maps_in(entry: h5py.Group, own: h5py.Group) -> MapSet:
    """Return the maps in an entry, and what our group in it says of them.

    Raises
    ------
    ValueError
        If the entry is damaged.
    """
    groups = [child(entry, name) for name in sorted(entry) if name.startswith("map_")]
    maps = dict(_map(group) for group in groups if isinstance(group, h5py.Group))
    if len(maps) != own.attrs.get("maps"):
        raise ValueError(f"{len(maps)} maps are left of {own.attrs.get('maps')}: the file is damaged; copy it again")
    return MapSet(maps, **read_own(own))


def _map(group: h5py.Group) -> tuple[str, ParameterMap]:
    notes = parse_map_notes(json.loads(text(group.attrs.get("map", ""))))
    value, sigma, mask = array(group, "value"), array(group, "sigma"), array(group, "mask", "biu")
    if value is None or mask is None or mask.shape != value.shape:
        raise ValueError(f"{group.name} has no value or no mask: the file is damaged; copy it again")
    return notes["name"], ParameterMap(
        value[()],
        notes["unit"],
        None if sigma is None else sigma[()],
        np.asarray(mask[()], dtype=bool),
        notes["labels"],
        notes["companion"],
    )
