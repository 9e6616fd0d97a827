"""TIFF stacks: a page per energy, the energies beside it in a text, in the names of its images, or noted by us."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tifffile

from napari_xanes.io.energies import given_energies
from napari_xanes.io.energy_names import energies_in
from napari_xanes.io.metadata_json import fetch_inline, parse_numbers, parse_provenance, parse_shape
from napari_xanes.io.packing import scaled
from napari_xanes.io.quantity_guess import guess_quantity
from napari_xanes.io.raw_stack import RawStack
from napari_xanes.io.registry import reader
from napari_xanes.io.sidecar import missing, only_fitting, same_stem
from napari_xanes.io.tiff import folder
from napari_xanes.io.tiff.directories import broken_off
from napari_xanes.io.tiff.file import (
    MAPS,
    STACK,
    calibration,
    images,
    is_tiff,
    load,
    main_series,
    open_tiff,
    own_notes,
    pixel_size,
    remarks,
    slice_distance,
)
from napari_xanes.io.tiff.ome import Ome, ome_header
from napari_xanes.stack import Quantity

_XRF_WORDS = ("xrf", "fluorescence", "fluo")


def why_not_readable(path: Path, energies: Any = None) -> str | None:
    """Return why the path is not a TIFF stack with energies or a folder of TIFFs, or None if it is."""
    if path.is_dir():
        files = folder.tiffs_in(path)
        if len(files) != 1:
            return folder.why_not_readable(path, files, energies)
        path = files[0]
    if not is_tiff(path):
        return "not a TIFF file"
    with open_tiff(path) as tiff:
        if own_notes(tiff, STACK):
            return None
        if own_notes(tiff, MAPS):
            return "it holds parameter maps; open it with napari_xanes.read_maps"
        if not tiff.series:
            return "it holds no image; save the images again as TIFF"
        axes, shape = tiff.series[main_series(tiff)].axes, tiff.series[main_series(tiff)].shape
        if "S" in axes:
            return (
                f"a colour image, {shape[axes.index('S')]} numbers a pixel; save it as a stack of grey images of 16 or "
                "32 bits, in ImageJ by Image > Type"
            )
        ome = _ome(tiff)
        counts = _counts(shape, ome)
        if len(counts) not in (1, 2):
            return (
                f"no stack of images of one size but data of shape {shape}; save them as one stack, or read the folder "
                "if each energy has a file"
            )
        if ome and ome.planes != np.prod(counts):
            return f"its OME header announces {ome.planes} images, {np.prod(counts)} are in this file; open the folder"
        if energies is None and not _energies(path, tiff, ome, counts):
            return missing(path)
    return None


@reader(
    "tiff", title="TIFF with energies", patterns=("*.tif", "*.tiff"), why_not_readable=why_not_readable, folders=True
)
def read(path: Path, energies: Any = None) -> RawStack:
    """Read the pages of a file, or the files of a folder, as frames (E, Y, X) or (E, Z, Y, X).

    Raises
    ------
    OSError
        If a file is cut short.
    ValueError
        If there is another number of energies than of pages.
    """
    if path.is_dir():
        files = folder.tiffs_in(path)
        if len(files) != 1:
            return read_files(path, files, energies)
        path = files[0]
    with open_tiff(path) as tiff:
        notes = own_notes(tiff, STACK)
        data = load(tiff, images(tiff, own=notes is not None), path)
        if notes is not None:
            return _read_own(data, notes)
        size: tuple[float, ...] | None = pixel_size(tiff)
        depth, axes, scale = slice_distance(tiff), tiff.series[main_series(tiff)].axes, calibration(tiff)
        further = remarks(tiff)
        ome = _ome(tiff)
        counts = _counts(data.shape, ome)
        file_energies = None if energies is not None else _energies(path, tiff, ome, counts)
        broken = broken_off(tiff)
    if energies is not None:
        values, unit, place = *given_energies(energies), "the energies given"
        metadata: dict[str, Any] = {"energy_unit": unit}
        energy_notes: tuple[str, ...] = ()
    elif file_energies is not None:
        values, place, metadata, energy_notes = file_energies
    else:
        raise ValueError(missing(path))
    data = data.reshape(*counts, *data.shape[-2:])
    volume = axes[1:2]
    if data.ndim == 4 and data.shape[0] != values.size == data.shape[1]:
        data, volume = data.swapaxes(0, 1), axes[:1]
    if data.shape[0] != values.size:
        raise ValueError(f"{path}: {data.shape[0]} images but {values.size} energies in {place}; give one each")
    data, told = _calibrated(data, scale)
    quantity, metadata["quantity_source"] = _quantity(path, data)
    if data.ndim == 4:
        # ImageJ's distance is that of slices, not of times or channels.
        size = (depth, *size) if size and depth and volume == "Z" else None
    warnings = [f"{broken}: it is cut short or damaged, and images may be missing"] if broken else []
    return RawStack(data, values, quantity, size, metadata, warnings, [*energy_notes, *told, *further])


def _calibrated(data: Any, scale: tuple[float, float] | None) -> tuple[Any, list[str]]:
    """Return the values that grey values stand for, and a note; those with a sign stay whole numbers."""
    if scale is None:
        return data, []
    note = f"grey values times {scale[0]:g} plus {scale[1]:g}, as ImageJ calibrated them"
    is_shift = scale[0] == 1 and data.dtype.kind == "u" and data.dtype.itemsize <= 2 and scale[1] == int(scale[1])
    return (data.astype(np.int32) + np.int32(scale[1]) if is_shift else scaled(data, scale)), [note]


def read_files(path: Path, files: Sequence[Path], energies: Any = None) -> RawStack:
    """Read some files of a folder as frames, one energy each; see `folder.read`.

    Raises
    ------
    OSError
        If a file is cut short.
    ValueError
        If energies are missing, several series lie in the folder, or the files differ in shape.
    """
    stack = folder.read(path, files, energies)
    stack.quantity, stack.metadata["quantity_source"] = _quantity(files[0], stack.data)
    return stack


def _read_own(data: Any, notes: dict[str, Any]) -> RawStack:
    energy = parse_numbers(notes["energy"])
    provenance = parse_provenance(notes, fetch_inline)
    return RawStack(data.reshape(parse_shape(notes["shape"])), energy, notes["quantity"], own=True, **provenance)


def _ome(tiff: tifffile.TiffFile) -> Ome | None:
    return ome_header(tiff.pages[0].description)  # type: ignore[union-attr]


def _counts(shape: tuple[int, ...], ome: Ome | None) -> tuple[int, ...]:
    """Lengths of the axes before (Y, X), slowest first: tifffile, told to ignore OME, sees one long row of pages."""
    counts = tuple(shape[:-2])
    if ome and len(counts) == 1 and ome.planes == counts[0] and ome.counts:
        return ome.counts
    return counts


def _energies(path: Path, tiff: tifffile.TiffFile, ome: Ome | None, counts: tuple[int, ...]) -> Any:
    """Find energies in eV; return them with the name of their place, metadata and notes, or None.

    A text of the file's own name comes first, because a user put it there; then the names of the images.
    """
    sidecar = same_stem(path)
    if sidecar is None:
        labels = (tiff.imagej_metadata or {}).get("Labels") if tiff.is_imagej else (ome.channels if ome else None)
        name_energies = energies_in(map(str, labels)) if isinstance(labels, list | tuple) else None
        if name_energies is not None and name_energies[0].size in counts:
            metadata = {"energy_unit": name_energies[1], "energy_source": "names of the images"}
            return name_energies[0], "the names of the images", metadata, ()
        sidecar = only_fitting(path.parent, counts)
    if sidecar is None:
        return None
    metadata = {"energy_unit": sidecar.unit, "energy_source": str(sidecar.path.resolve())}
    return sidecar.values, sidecar.path.name, metadata, sidecar.notes


def _quantity(path: Path, data: Any) -> tuple[Quantity, str]:
    """Return the quantity of the values, and the reason."""
    logs = (p.name for p in path.parent.iterdir() if p.name.startswith("maps_log"))
    hint = path.name if any(word in path.name.lower() for word in _XRF_WORDS) else next(logs, None)
    if hint is not None:
        return "fluorescence", f"guessed from the file name {hint}"
    return guess_quantity(data)
