"""OME-Zarr and plain Zarr folders (Zarr 2 and 3), read chunk by chunk where they are large."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, get_args

import numpy as np

from napari_xanes.io import ways_out
from napari_xanes.io.allocation_limits import LONGEST_LIST, with_memory_limit
from napari_xanes.io.energies import given_energies, to_ev
from napari_xanes.io.energy_limits import looks_like_energies
from napari_xanes.io.files import inside, one_line, read_text
from napari_xanes.io.metadata_json import PROVENANCE, parse_provenance
from napari_xanes.io.packing import scale_note, scale_of, scaled
from napari_xanes.io.quantity_guess import guess_quantity
from napari_xanes.io.raw_stack import RawStack
from napari_xanes.io.read_errors import DAMAGE_ERRORS
from napari_xanes.io.registry import reader
from napari_xanes.io.sidecar import only_fitting, same_stem
from napari_xanes.io.unchanged import FileState, unchanged
from napari_xanes.io.zarr.nodes import attributes, child
from napari_xanes.io.zarr.ome import Image, energies_of, image_of
from napari_xanes.io.zarr.ome_transforms import NotUsedError
from napari_xanes.stack import Quantity

OWN = "napari_xanes"
"""Attribute of the root that marks a store of our own, and the group with the arrays of its metadata."""
STACK = "stack 1"
IMAGE = "image/0"
"""The images. Their group comes before that of our arrays, because napari's own reader opens the first group."""
COMPLETE = "complete"
"""Says that every chunk was written, empty ones too. False lets a store with gaps be read."""

_OLD_IMAGE = "0"

_MARKS = ("zarr.json", ".zgroup", ".zarray")
_ENERGY_NAMES = ("energy", "energies", "energy_eV", "energy_ev", "photon_energy", "X_eng", "eng_list")


def why_not_readable(path: Path, energies: Any = None) -> str | None:
    """Return why the folder is not a Zarr store of a stack with energies, or None if it is."""
    if path.is_file():
        return "a file; a Zarr store is a folder"
    names = {item.name for item in path.iterdir()}
    marks = [path / name for name in _MARKS if name in names]
    if not marks:
        return "not a folder with zarr.json, .zgroup or .zarray"
    try:
        if not inside(path, marks[0]):
            raise ValueError(f"it leads out of the folder, which is not followed; {ways_out.NOT_FOLLOWED}")
        if not isinstance(json.loads(read_text(marks[0])), dict):
            raise ValueError(f"it is no JSON object; {ways_out.COPY}")
    except ValueError as error:
        raise ValueError(f"{marks[0]}: damaged; copy it again ({error})") from None
    from napari_xanes.io.zarr.store import open_store

    try:
        root = open_store(path)
        if OWN in attributes(root):
            return None
        image = image_of(root)
        if image is None:
            return "no image stack in it, neither OME multiscales nor one array (E, Y, X); open the folder of the array"
        if energies is None and _energies(path, root, image) is None:
            return "no energies in it: put them into an array 'energy', or pass energies="
    except NotUsedError as error:
        return str(error)
    except DAMAGE_ERRORS as error:
        # Stores hold all kinds of things (plates, tables, text) that other programs understand.
        return f"damaged, or nothing that is understood ({one_line(f'{type(error).__name__}: {error}')})"
    return None


@reader("zarr_folder", title="OME-Zarr and Zarr", patterns=("*.zarr",), why_not_readable=why_not_readable, folders=True)
def read(path: Path, energies: Any = None) -> RawStack:
    """Read the images (E, Y, X) or (E, Z, Y, X) at full resolution.

    Raises
    ------
    OSError
        If a file of the store is damaged, a link leads out of the folder, or another store takes its place meanwhile.
    ValueError
        If it is damaged, promises more than its files can hold, or energies are missing.
    """
    with unchanged(FileState.of(next(path / name for name in _MARKS if (path / name).is_file()))):
        return _read(path, energies)


def _read(path: Path, energies: Any) -> RawStack:
    from napari_xanes.io.zarr.arrays import checked, load
    from napari_xanes.io.zarr.store import open_store

    root = open_store(path)
    if OWN in attributes(root):
        return _read_own(path, root)
    image = image_of(root)
    if image is None:
        raise ValueError("no image stack in it; open the folder of the array")
    stored = checked(image.array, path)
    data = load(stored)
    if energies is not None:
        values, unit = given_energies(energies)
        metadata: dict[str, Any] = {"energy_unit": unit}
    else:
        file_energies = _energies(path, root, image)
        if file_energies is None:
            raise ValueError("no energies in it: put them into an array 'energy', or pass energies=")
        values, metadata = file_energies
    data, size = image.arranged(data, values.size)
    scale = _packing(image.array)
    data = data if scale is None else scaled(data, scale)
    notes = [*image.notes, *([scale_note(scale)] if scale else [])]
    quantity: Any = attributes(root).get("quantity")
    if quantity not in get_args(Quantity):
        quantity, metadata["quantity_source"] = guess_quantity(data)
    return RawStack(data, values, quantity, size, metadata, stored.told(), notes)


def _packing(array: Any) -> tuple[float, float] | None:
    """Return factor and offset of whole numbers that xarray packed (CF conventions, section 8.1); None of others.

    Programs for images call other things a scale factor; what xarray writes has names of dimensions.
    """
    notes, names = attributes(array), getattr(array.metadata, "dimension_names", None)
    if array.dtype.kind not in "iu" or not (names or "_ARRAY_DIMENSIONS" in notes):
        return None
    return scale_of(notes.get("scale_factor"), notes.get("add_offset"), "the array")


def _energies(path: Path, root: Any, image: Image) -> tuple[Any, dict[str, Any]] | None:
    """Return energies in eV and their source: attributes, an array, OME metadata, or a text file in the same folder."""
    from napari_xanes.io.zarr.arrays import checked, load

    group = image.group
    for place in (image.array, group, root):
        metadata = {} if place is None else attributes(place)
        for name in _ENERGY_NAMES if place is not None else ():
            value, unit = metadata.get(name), metadata.get(f"{name}_unit")
            array = None if hasattr(place, "shape") else child(place, name)
            if array is not None and hasattr(array, "shape") and array.ndim == 1 and array.size <= LONGEST_LIST:
                value = load(checked(array, path))
                unit = attributes(array).get("units") or attributes(array).get("unit")
            if isinstance(value, list | np.ndarray) and looks_like_energies(np.sort(np.asarray(value, np.float64))):
                values, energy_unit = to_ev(value, str(unit or ("eV" if name.lower().endswith("_ev") else "")))
                return values, {"energy_unit": energy_unit}
    if ome_energies := energies_of(image):
        return ome_energies[0], {"energy_unit": ome_energies[1], "energy_source": "the OME metadata"}
    sidecar = same_stem(path) or only_fitting(path.parent, image.counts)
    return (
        (sidecar.values, {"energy_unit": sidecar.unit, "energy_source": str(sidecar.path.resolve())})
        if sidecar
        else None
    )


def _read_own(path: Path, root: Any) -> RawStack:
    from napari_xanes.io.zarr.arrays import StoredArray, checked, load
    from napari_xanes.io.zarr.store import folder_size

    header = attributes(root)[OWN]
    kind = header.get("format") if isinstance(header, dict) else header
    if kind != STACK or not isinstance(header, dict):
        raise ValueError(f"its format is {kind!r}, not {STACK!r}: the store is damaged or of a newer version")
    notes = {name: json.loads(str(header[name])) for name in PROVENANCE}

    def stored(name: str, *, complete: bool = True) -> StoredArray:
        array = child(root, name)
        if array is None:
            raise OSError(f"{path / name} is missing; copy the whole folder again")
        return checked(array, path, complete=complete)

    is_old = child(root, IMAGE) is None and child(root, _OLD_IMAGE) is not None
    for name in () if is_old else (IMAGE.partition("/")[0], OWN):
        if child(root, name) is None:
            raise OSError(f"{path / name / 'zarr.json'} is missing; copy the whole folder again")
    # All chunks were written, empty ones too, unless somebody says that they are not there any more.
    images = stored(_OLD_IMAGE if is_old else IMAGE, complete=header.get(COMPLETE) is not False)
    return RawStack(
        load(images),
        np.asarray(load(stored("energy")), dtype=np.float64),
        header["quantity"],
        own=True,
        warnings=images.told(),
        **parse_provenance(notes, with_memory_limit(lambda key: load(stored(f"{OWN}/{key}")), folder_size(path / OWN))),
    )
