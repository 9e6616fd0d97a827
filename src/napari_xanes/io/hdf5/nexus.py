"""NeXus NXstxm: PolLux, MAXYMUS, HERMES, SoftiMAX, CLS, ALS, Diamond I08, BESSY, and what napari-xanes writes.

Application definition: https://manual.nexusformat.org/classes/applications/NXstxm.html
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, get_args

import h5py
import numpy as np

from napari_xanes.io import ways_out
from napari_xanes.io.energies import to_ev
from napari_xanes.io.energy_limits import SOFT_KEV_BELOW
from napari_xanes.io.hdf5.axis_order import axis_names, axis_order, is_energy
from napari_xanes.io.hdf5.file import array, child, in_words, is_hdf5, load, open_hdf5, row, text
from napari_xanes.io.hdf5.frames import exposures, spacing
from napari_xanes.io.hdf5.native import STACK, own_group, read_own
from napari_xanes.io.hdf5.polarizations import frames_of, polarizations
from napari_xanes.io.hdf5.stored_scale import stored_scale
from napari_xanes.io.packing import scale_note, scaled
from napari_xanes.io.raw_stack import RawStack
from napari_xanes.io.registry import reader
from napari_xanes.io.rising_positions import turn_to_rise
from napari_xanes.io.selection import choice_note, selected_index
from napari_xanes.io.time_units import time_in_s
from napari_xanes.stack import Quantity

_NO_SAMPLE = {
    "sample focus": "a focus scan",
    "osa focus": "a focus scan",
    "osa image": "an image of the order-sorting aperture",
    "detector image": "an image of the detector",
}
_SMALL = {
    "image": "a single image, for looking at: steps and maps say how many energies they need",
    "line": "a line scan: its places are the pixels of one row",
    "point": "a point spectrum: its place is the only pixel",
}
"""Scans of fewer axes than a stack, which open as stacks of one energy, one row or one pixel."""


def why_not_readable(path: Path) -> str | None:
    """Return why the file is not NXstxm, or None if it is."""
    if not is_hdf5(path):
        return "not an HDF5 file"
    with open_hdf5(path) as file:
        return None if _entries(file) else "no NXentry in it has the definition NXstxm"


@reader(
    "nexus",
    title="NeXus NXstxm",
    patterns=("*.h5", "*.hdf5", "*.nxs", "*.hdf", "*.stxm"),
    why_not_readable=why_not_readable,
)
def read(path: Path, select: str | int | None = None) -> RawStack:
    """Read an image stack, by default the first one; ``metadata["available"]`` lists all.

    Parameters
    ----------
    path : Path
        The file.
    select : str or int, optional
        Which region and detector, such as ``"entry1/counter0"``.

    Raises
    ------
    ValueError
        If the file holds scans, but none of them a stack, or not the selected one.
    """
    with open_hdf5(path) as file:
        own = own_group(file, STACK)
        if own is not None:
            if select is not None:
                raise ValueError("napari-xanes wrote one stack into it, there is nothing to select; leave select out")
            return own_stack(*own)
        return selected_stack([group for entry in _entries(file) for group in _detectors(entry)], select)


def selected_stack(detectors: list[h5py.Group], select: str | int | None) -> RawStack:
    """Read the selected image stack among groups with ``data``, ``energy`` and positions.

    Raises
    ------
    ValueError
        If none of them is a stack, or not the selected one.
    """
    scans = [(group, _kind(group)) for group in detectors]
    # A file of stacks may hold images of the way there.
    found = [(group, kind) for group, kind in scans if kind == "stack"] or [s for s in scans if s[1] in _SMALL]
    if not found:
        contents = ", ".join(dict.fromkeys(reason for _, reason in scans)) or "no data"
        raise ValueError(f"no image stack in it; it holds {contents}; open a scan over energies")
    choices: list[tuple[h5py.Group, str, float | None]] = []
    for group, kind in found:
        values = None if kind == "image" else polarizations(group, _n_frames(group), _n_planned(group))
        choices += [(group, kind, value) for value in ([None] if values is None else np.unique(values).tolist())]
    available = [_title(group, value) for group, _, value in choices]
    at = selected_index(select, available)
    group, kind, value = choices[at]
    stack = _stack(group, kind, at, available)
    values = None if value is None else polarizations(group, stack.data.shape[0], _n_planned(group))
    return stack if value is None or values is None else frames_of(stack, values, value)


def _title(group: h5py.Group, polarization: float | None) -> str:
    name = group.name.lstrip("/")
    return name if polarization is None else f"{name}, polarization {polarization:g}"


def _n_frames(group: h5py.Group) -> int:
    """Return how many frames a detector has; 0 where its axes do not tell it."""
    signal, field = _signal(group), _energy_field(group)
    if signal is None or not signal.ndim:
        return 0
    if signal.ndim > 2:
        return int(signal.shape[_stack_order(group, signal)[0][0]])
    axes = _axes(group, signal) if signal.ndim > 1 else ["energy"]
    if "energy" in axes:
        return int(signal.shape[axes.index("energy")])
    return 0 if field is None else int(field.size)


def _n_planned(group: h5py.Group) -> int:
    """Return how many energies a scan was to have: an interrupted one has fewer frames."""
    field = _energy_field(group)
    return 0 if field is None else int(field.size)


def _entries(file: h5py.File) -> list[h5py.Group]:
    """Return the entries whose definition is NXstxm, in the order of the file."""
    entries = []
    for name in file:
        if isinstance(file.get(name, getlink=True), h5py.ExternalLink):
            continue
        entry = child(file, name)
        if isinstance(entry, h5py.Group) and text(child(entry, "definition")) == "NXstxm":
            entries.append(entry)
    return entries


def _detectors(entry: h5py.Group) -> list[h5py.Group]:
    """Return the groups of measured values: every NXdata child, but no NXmonitor (ring current)."""
    links = {name: entry.get(name, getlink=True) for name in entry}
    children = [child(entry, name) for name, link in links.items() if not isinstance(link, h5py.ExternalLink)]
    return [g for g in children if isinstance(g, h5py.Group) and text(g.attrs.get("NX_class", "")) == "NXdata"]


def _signal(group: h5py.Group) -> h5py.Dataset | None:
    return array(group, _signal_name(group))


def _signal_name(group: h5py.Group) -> str:
    """Return the name of the data: as the group says, in files before 2014 the field with ``@signal`` 1."""
    if name := text(group.attrs.get("signal", "")):
        return name
    fields = [name for name in group if "signal" in getattr(array(group, name), "attrs", ())]
    primary = [name for name in fields if str(np.ravel(group[name].attrs["signal"])[0]).strip("b'\0 ") == "1"]
    return primary[0] if len(primary) == 1 else "data"


def _kind(group: h5py.Group) -> str:
    """Return what the data of a detector are: stack, image, line or point, else why they are none of these."""
    scan = text(child(group, "stxm_scan_type")).lower()
    data = _signal(group)
    if scan in _NO_SAMPLE:
        return f"{_NO_SAMPLE[scan]} ({scan!r})"
    if data is None:
        return f"{in_words(group, _signal_name(group))} in {group.name}"
    if data.ndim in (3, 4):
        return "stack"
    energies = _energy_field(group)
    n_energies = 0 if energies is None else energies.size
    if data.ndim == 2 and data.size and n_energies <= 1 and "line" not in scan:
        return "image"
    if data.ndim == 2 and n_energies > 1 and n_energies in data.shape and scan != "sample image":
        return "line"
    if data.ndim == 1 and data.size and n_energies == data.size:
        return "point"
    return f"data of shape {data.shape} (scan type {scan or 'not given'!r})"


def _energy_field(group: h5py.Group) -> h5py.Dataset | None:
    return next((f for name in ("energy", "photon_energy") if (f := row(group, name)) is not None), None)


def _axes(group: h5py.Group, signal: h5py.Dataset) -> list[str]:
    """Name of each axis of an image or a line."""
    names = axis_names(group, signal) or ["sample_y", "sample_x"]
    return ["energy" if name == "photon_energy" else name for name in names]


def _stack_order(group: h5py.Group, signal: h5py.Dataset) -> tuple[list[int], list[int]]:
    """Return which axes of images are energy, z, y and x, and which to drop; see `axis_order`."""
    fields = {"energy": _energy_field(group)} | {axis: row(group, f"sample_{axis}") for axis in "zyx"}
    lengths = {name: field.size for name, field in fields.items() if field is not None and field.size > 1}
    try:
        return axis_order(axis_names(group, signal), signal.shape, lengths)
    except ValueError as error:
        raise ValueError(f"{group.name}: {error}") from None


def _stack(group: h5py.Group, kind: str, at: int, available: list[str]) -> RawStack:
    signal, field = _signal(group), _energy_field(group)
    if signal is None:
        raise ValueError(f"{group.name} has no images; {ways_out.COPY}")
    warnings: list[str] = []
    if kind == "stack":
        data, places = _images(group, signal, warnings)
    else:
        data, places = _small_scan(group, signal, kind, warnings)
    # Of a line or a point, which have one place or none, nothing is turned.
    fields = [row(group, name) for name in places[-2:]] if len(places) > 1 else [None, None]
    turn, told = turn_to_rise(*(None if field is None else field[()] for field in fields))
    data, notes = turn(data), choice_note(at, available) + told
    if scale := stored_scale(group, signal):
        data = scaled(data, scale)
        notes.append(scale_note(scale))
    metadata: dict[str, Any] = {"detector": available[at], "available": available}
    energy = None
    if field is not None:
        if field.size > data.shape[0] and field.size == signal.size:
            raise ValueError(f"{field.name} has an energy for each pixel of each image; write one for each image")
        unit = text(field.attrs.get("units", ""))
        energy, metadata["energy_unit"] = to_ev(np.ravel(field[()]), unit, kev_below=SOFT_KEV_BELOW)
    times = row(group, "count_time")
    unit_of_time = "" if times is None else text(times.attrs.get("units", ""))
    if (seconds := time_in_s(unit_of_time)) is None:
        warnings.append(f"count_time is in {unit_of_time[:40]!r}, no known unit of time, and not used; give exposure=")
    else:
        metadata |= exposures(times, data.shape[0], seconds)
    for name in ("title", "start_time"):
        if value := text(child(group.parent, name)):
            metadata[name] = value
    size = _line_step(group) if kind == "line" else _pixel_size(group, places)
    notes += [_SMALL[kind]] if kind in _SMALL else []
    return RawStack(data, energy, "counts", size, metadata, warnings, notes, interruptible=True)


def _images(group: h5py.Group, signal: h5py.Dataset, warnings: list[str]) -> tuple[Any, list[str]]:
    """Return images as (E, Y, X) or (E, Z, Y, X), and the names of the fields with the positions of their pixels."""
    kept, dropped = _stack_order(group, signal)
    names = axis_names(group, signal)
    if not any(is_energy(name) for name in names):
        names = []
        if kept != sorted(kept):
            warnings.append(
                f"images of shape {signal.shape}, whose axes have no names, are turned to (E, Y, X) by the lengths of "
                "energies and positions"
            )
    data = load(signal, [*dropped, *kept])[(0,) * len(dropped)]
    return data, [names[i] for i in kept[1:]] if names else ["sample_z", "sample_y", "sample_x"][1 - len(kept) :]


def _small_scan(group: h5py.Group, signal: h5py.Dataset, kind: str, warnings: list[str]) -> tuple[Any, list[str]]:
    """Return an image as (1, Y, X), a line as (E, 1, X) or a point as (E, 1, 1), and the names of its positions."""
    axes = _axes(group, signal) if signal.ndim > 1 else ["energy"]
    order = [name for name in ("energy", "sample_y", "sample_x") if name in axes]
    is_in_order = len(order) == signal.ndim
    data = load(signal, [axes.index(name) for name in order] if is_in_order else None)
    field = _energy_field(group)
    if kind == "line" and field is not None and not (is_in_order and order[0] == "energy"):
        if axes[-1] == "energy" or data.shape[0] != field.size:
            data = data.T
        elif "energy" not in axes and data.shape[0] == data.shape[1]:
            warnings.append("it has as many places as energies and names no axis: the first one is taken for energies")
    data = data[None] if kind == "image" else data.reshape(data.shape[0], 1, -1)
    return data, [name for name in order if name != "energy"]


def _line_step(group: h5py.Group) -> tuple[float, float] | None:
    """Distance of the places of a line in µm, for both axes of its only row."""
    steps = [spacing(row(group, f"sample_{axis}")) or 0.0 for axis in "xy"]
    step = round(float(np.hypot(steps[0], steps[1])), 9)
    return (step, step) if step else None


def _pixel_size(group: h5py.Group, axes: list[str]) -> tuple[float, ...] | None:
    """Distance of neighbouring positions along each axis in µm, None if one is not known."""
    sizes = [size for name in axes if (size := spacing(row(group, name))) is not None]
    return tuple(sizes) if axes and len(sizes) == len(axes) else None


def own_stack(entry: h5py.Group, own: h5py.Group) -> RawStack:
    """Return the stack in an entry that napari-xanes wrote, and what our group in it says of it.

    Raises
    ------
    ValueError
        If the entry is damaged.
    """
    data, energy = array(entry, "data/data"), row(entry, "data/energy")
    quantity = text(own.attrs.get("quantity", ""))
    if data is None or energy is None or quantity not in get_args(Quantity):
        raise ValueError(f"{own.name}: data, energy or quantity is missing: the file is damaged; copy it again")
    return RawStack(load(data), energy[()], quantity, own=True, **read_own(own))  # type: ignore[arg-type]
