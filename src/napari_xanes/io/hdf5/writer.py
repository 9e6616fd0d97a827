"""Stacks and maps as NeXus HDF5: NXstxm that MANTiS opens, with everything else that we know beside it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from napari_xanes.io.files import encodable
from napari_xanes.io.hdf5.native import MAPS, STACK, write_array, write_own, write_texts
from napari_xanes.io.registry import writer
from napari_xanes.parameter_map import MapSet
from napari_xanes.progress import Progress
from napari_xanes.saving.replacing import replacing
from napari_xanes.stack import SpectralStack

_SUFFIXES = (".h5", ".hdf5", ".nxs")


@writer("hdf5_stack", title="NeXus HDF5", suffixes=_SUFFIXES)
def write_stack(stack: SpectralStack, path: Path) -> None:
    """Write a stack, its history and its metadata; reading it back gives the same stack.

    Parameters
    ----------
    stack : SpectralStack, (E, Y, X) or (E, Z, Y, X)
        Data keep their type; lazy data are computed slab by slab.
    path : Path
        The file to write.

    Raises
    ------
    OSError
        If the file can't be written.
    """
    with replacing(path) as draft, h5py.File(draft, "w") as file:
        file.attrs["default"] = "entry"
        add_stack(file, "entry", stack)


def add_stack(parent: h5py.Group, name: str, stack: SpectralStack, progress: Progress | None = None) -> None:
    """Write a stack into a new group; `progress` is called before each part of it."""
    entry = _entry(parent, name, "data", stack.metadata)
    write_texts(entry, {"definition": "NXstxm", "title": stack.name})
    data = entry.create_group("data")
    axes = ("energy", *("sample_z", "sample_y", "sample_x")[-len(stack.shape) + 1 :])
    _nxdata(data, "data", axes)
    write_array(data, "data", stack.data, progress).attrs["units"] = np.bytes_(stack.unit)
    data["energy"] = stack.energy
    data["energy"].attrs["units"] = np.bytes_("eV")
    _positions(data, axes[1:], stack.shape[1:], stack.pixel_size)
    data["count_time"] = _count_time(stack)
    data["count_time"].attrs["units"] = np.bytes_("s")
    _name_dimensions(data, axes, {"data": axes, "count_time": axes[:1]})
    write_texts(data, {"stxm_scan_type": "sample image stack"})
    write_own(entry, STACK, stack).attrs["quantity"] = stack.quantity


@writer("hdf5_maps", title="NeXus HDF5", suffixes=_SUFFIXES)
def write_maps(maps: MapSet, path: Path) -> None:
    """Write maps with their standard errors, masks, units and labels; reading them back gives the same maps.

    Parameters
    ----------
    maps : MapSet
        Each map becomes one NXdata group with the datasets value, sigma and mask.
    path : Path
        The file to write.

    Raises
    ------
    OSError
        If the file can't be written.
    """
    with replacing(path) as draft, h5py.File(draft, "w") as file:
        file.attrs["default"] = "entry"
        add_maps(file, "entry", maps)


def add_maps(parent: h5py.Group, name: str, maps: MapSet) -> None:
    """Write maps into a new group."""
    entry = _entry(parent, name, f"map_000_{_plain_name(next(iter(maps), ''))}", maps.metadata)
    write_texts(entry, {"title": maps.name})
    for number, (map_name, item) in enumerate(maps.items()):
        group = entry.create_group(f"map_{number:03d}_{_plain_name(map_name)}")
        axes = ("sample_z", "sample_y", "sample_x")[-item.data.ndim :]
        _nxdata(group, "value", axes)
        write_array(group, "value", item.data).attrs["units"] = encodable(item.unit)
        if item.sigma is not None:
            write_array(group, "sigma", item.sigma).attrs["units"] = encodable(item.unit)
            # The same dataset by the name under which programs that plot NeXus look for error bars.
            group["value_errors"] = group["sigma"]
        group["mask"] = item.mask
        _positions(group, axes, item.data.shape, maps.pixel_size)
        _name_dimensions(group, axes, {key: axes for key in ("value", "sigma", "mask") if key in group})
        notes = {"name": map_name, "companion": item.companion, "unit": item.unit}
        notes["labels"] = None if item.labels is None else list(map(list, item.labels.items()))  # type: ignore[assignment]
        group.attrs["map"] = json.dumps(notes)
    write_own(entry, MAPS, maps).attrs["maps"] = len(maps)


def _entry(parent: h5py.Group, name: str, default: str, metadata: Mapping[str, Any]) -> h5py.Group:
    entry = parent.create_group(name)
    entry.attrs["NX_class"] = np.bytes_("NXentry")
    entry.attrs["default"] = default
    # silx takes an entry without an end for one that is being written, and leaves it out.
    written = datetime.now().astimezone().isoformat(timespec="seconds")
    start = str(metadata.get("start_time") or written)
    write_texts(entry, {"start_time": start, "end_time": str(metadata.get("end_time") or start)})
    return entry


def _name_dimensions(group: h5py.Group, axes: tuple[str, ...], datasets: Mapping[str, tuple[str, ...]]) -> None:
    """Attach the positions to the axes of datasets, as netCDF does: xarray would pair axes by their lengths alone."""
    for axis in axes:
        group[axis].make_scale(axis)
    for name, dimensions in datasets.items():
        for number, axis in enumerate(dimensions):
            group[name].dims[number].label = axis
            group[name].dims[number].attach_scale(group[axis])


def _nxdata(group: h5py.Group, signal: str, axes: tuple[str, ...]) -> None:
    group.attrs["NX_class"] = np.bytes_("NXdata")
    group.attrs["signal"] = np.bytes_(signal)
    group.attrs["axes"] = np.array([axis.encode() for axis in axes])
    for number, axis in enumerate(axes):
        group.attrs[f"{axis}_indices"] = np.array([number], dtype=np.uint32)


def _positions(
    group: h5py.Group, axes: tuple[str, ...], shape: tuple[int, ...], pixel_size: tuple[float, ...] | None
) -> None:
    """Positions in µm along each axis; pixel numbers where the pixel size is not known."""
    for number, (axis, length) in enumerate(zip(axes, shape, strict=True)):
        group[axis] = np.arange(length) * (pixel_size[number] if pixel_size else 1.0)
        group[axis].attrs["units"] = np.bytes_("um" if pixel_size else "pixel")


def _count_time(stack: SpectralStack) -> NDArray[np.float64]:
    """Exposures in s (E,), 1 where they are not known: MANTiS divides by them and takes 1 as well."""
    exposure = np.asarray(stack.metadata.get("exposure", 1.0), dtype=np.float64)
    if exposure.size not in (1, stack.energy.size):
        return np.ones(stack.energy.size)
    seconds = np.where(np.isfinite(exposure) & (exposure > 0), exposure, 1.0)
    return np.broadcast_to(seconds.ravel(), stack.energy.shape)


def _plain_name(name: str) -> str:
    return re.sub(r"\W", "_", name, flags=re.ASCII)
