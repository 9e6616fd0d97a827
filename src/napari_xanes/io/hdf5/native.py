"""What napari-xanes adds to an HDF5 file that it writes: the history, the source, and all that corrects the data."""

from __future__ import annotations

import json
import re
import warnings
from collections.abc import Mapping
from typing import Any

import h5py
import numpy as np

from napari_xanes.io.allocation_limits import with_memory_limit
from napari_xanes.io.files import encodable
from napari_xanes.io.hdf5.file import array, child, file_size, load, text
from napari_xanes.io.metadata_json import PROVENANCE, Fetch, Keep, pack_mapping, parse_provenance
from napari_xanes.parameter_map import MapSet
from napari_xanes.progress import Progress
from napari_xanes.stack import SpectralStack

GROUP = "napari_xanes"
STACK = "stack 1"
MAPS = "maps 1"

_SLAB_BYTES = 64 << 20


def write_array(group: h5py.Group, name: str, data: Any, progress: Progress | None = None) -> h5py.Dataset:
    """Write an array as a dataset of its own type; lazy arrays are computed slab by slab.

    `progress` is called before each slab, and may raise `Cancelled`.
    """
    dataset = group.create_dataset(name, shape=data.shape, dtype=data.dtype)
    if isinstance(data, np.ndarray) and (progress is None or data.ndim == 0):
        if data.size:
            dataset[...] = data
        return dataset
    rows = max(1, _SLAB_BYTES // max(1, data.nbytes // max(1, data.shape[0])))
    for start in range(0, data.shape[0], rows):
        if progress is not None:
            progress(start / data.shape[0], name)
        dataset[start : start + rows] = np.asarray(data[start : start + rows])
    return dataset


def write_own(entry: h5py.Group, kind: str, value: SpectralStack | MapSet) -> h5py.Group:
    """Write the group with history, source, pixel size and metadata of a stack or of maps."""
    from napari_xanes.version import __version__

    group = entry.create_group(GROUP)
    group.attrs["NX_class"] = np.bytes_("NXcollection")
    group.attrs["format"] = kind
    group.attrs["version"] = __version__
    metadata, lost_keys = pack_mapping(value.metadata, keep_in(group))
    if lost_keys:
        warnings.warn(
            f"HDF5 can't hold the metadata {', '.join(lost_keys)}; they are left out", UserWarning, stacklevel=5
        )
    group["metadata"] = json.dumps(metadata)
    group["history"] = json.dumps([step.to_plain(exact=True) for step in value.history])
    group["source"] = json.dumps(value.source.to_plain() if value.source else None)
    group["pixel_size"] = json.dumps(value.pixel_size)
    return group


def keep_in(group: h5py.Group) -> Keep:
    """Return what stores arrays in a new part of a group."""
    arrays = group.create_group("arrays")
    arrays.attrs["NX_class"] = np.bytes_("NXcollection")

    def keep(name: str, data: Any) -> str:
        key = re.sub(r"[^A-Za-z0-9_.\-]", "_", name).strip(".") or "array"
        while key in arrays:
            key += "_"
        write_array(arrays, key, data)
        return key

    return keep


def fetch_from(group: h5py.Group) -> Fetch:
    """Return what finds the arrays again that `keep_in` stored."""

    def fetch(key: Any) -> Any:
        return load(_stored(group, str(key)))

    return with_memory_limit(fetch, file_size(group))


def own_group(file: h5py.File, kind: str) -> tuple[h5py.Group, h5py.Group] | None:
    """Return the entry and our group in it, if napari-xanes wrote a file of this kind."""
    for name in file:
        entry = child(file, name) if isinstance(file.get(name, getlink=True), h5py.HardLink) else None
        if isinstance(entry, h5py.Group):
            group = child(entry, GROUP)
            if isinstance(group, h5py.Group) and text(group.attrs.get("format", "")) == kind:
                return entry, group
    return None


def read_own(group: h5py.Group) -> dict[str, Any]:
    """History, source, pixel size and metadata, as arguments of a stack or of maps.

    Raises
    ------
    ValueError
        If they are damaged.
    """
    notes = {name: json.loads(json_text(group, name)) for name in PROVENANCE}
    return parse_provenance(notes, fetch_from(group))


def json_text(group: h5py.Group, name: str) -> str:
    """Return a text of a group that lies in the file and is no longer than it.

    Raises
    ------
    ValueError
        If there is none.
    """
    value = child(group, name)
    is_dataset_of_file = isinstance(value, h5py.Dataset) and not value.is_virtual and not value.external
    is_text = is_dataset_of_file and h5py.check_string_dtype(value.dtype) is not None
    if not is_text or value.shape != () or value.dtype.itemsize > file_size(group):
        raise ValueError(f"{group.name}/{name} is missing: the file is damaged; copy it again")
    return value.asstr()[()]  # type: ignore[no-any-return]


def _stored(group: h5py.Group, key: str) -> h5py.Dataset:
    arrays = child(group, "arrays")
    dataset = array(arrays, key, "fiub") if isinstance(arrays, h5py.Group) else None
    if dataset is None:
        raise ValueError(f"{group.name}/arrays/{key} is missing: the file is damaged; copy it again")
    return dataset


def write_texts(parent: h5py.Group, values: Mapping[str, str]) -> None:
    """Fixed-length strings, each as an array of one, the way microscopes and older readers have them."""
    for name, value in values.items():
        parent[name] = np.array([encodable(value).encode()])
