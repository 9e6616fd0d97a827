"""OME-Zarr and plain Zarr folders (Zarr 2 and 3), read chunk by chunk where they are large."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from napari_xanes.io.allocation_limits import LONGEST_LIST, counted
from napari_xanes.io.energies import given_energies, looks_like_energies, to_ev
from napari_xanes.io.files import inside, one_line, read_text
from napari_xanes.io.metadata_json import PROVENANCE, parse_provenance
from napari_xanes.io.quantity_guess import guessed
from napari_xanes.io.raw_stack import RawStack
from napari_xanes.io.read_errors import DAMAGE_ERRORS
from napari_xanes.io.registry import reader
from napari_xanes.io.sidecar import only_fitting, same_stem
from napari_xanes.io.zarr.nodes import attributes, child
from napari_xanes.io.zarr.ome import Image, energies_of, image_of

OWN = "napari_xanes"
"""Attribute of the root that marks a store of our own, and the group with the arrays of its metadata."""
STACK = "stack 1"

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
            raise ValueError("it leads out of the folder, which is not followed")
        if not isinstance(json.loads(read_text(marks[0])), dict):
            raise ValueError("it is no JSON object")
    except ValueError as error:
        raise ValueError(f"{marks[0]}: damaged ({error})") from None
    from napari_xanes.io.zarr import store as zarr_store

    try:
        root = zarr_store.opened(path)
        if OWN in attributes(root):
            return None
        image = image_of(root)
        if image is None:
            return "no image stack in it, neither OME multiscales nor one array (E, Y, X)"
        if energies is None and _energies(path, root, image) is None:
            return "no energies in it: put them into an array 'energy', or pass energies="
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
        If a file of the store is damaged, or a link leads out of the folder.
    ValueError
        If it is damaged, promises more than its files can hold, or energies are missing.
    """
    from napari_xanes.io.zarr import store as zarr_store

    root = zarr_store.opened(path)
    if OWN in attributes(root):
        return _own(path, root)
    image = image_of(root)
    if image is None:
        raise ValueError("no image stack in it")
    data = zarr_store.load(zarr_store.checked(image.array, path))
    if energies is not None:
        values, unit = given_energies(energies)
        metadata: dict[str, Any] = {"energy_unit": unit}
    else:
        told = _energies(path, root, image)
        if told is None:
            raise ValueError("no energies in it: put them into an array 'energy', or pass energies=")
        values, metadata = told
    data, size = image.arranged(data, values.size)
    quantity = attributes(root).get("quantity")
    if quantity not in ("counts", "transmission", "optical_depth", "fluorescence", "normalized"):
        quantity, metadata["quantity_source"] = guessed(data)
    return RawStack(data, values, quantity, size, metadata)


def _energies(path: Path, root: Any, image: Image) -> tuple[Any, dict[str, Any]] | None:
    """Return energies in eV and their source: attributes, an array, OME metadata, or a text file in the same folder."""
    from napari_xanes.io.zarr import store as zarr_store

    group = image.group
    for place in (image.array, group, root):
        about = {} if place is None else attributes(place)
        for name in _ENERGY_NAMES if place is not None else ():
            said, unit = about.get(name), about.get(f"{name}_unit")
            beside = None if hasattr(place, "shape") else child(place, name)
            if beside is not None and hasattr(beside, "shape") and beside.ndim == 1 and beside.size <= LONGEST_LIST:
                said = zarr_store.load(zarr_store.checked(beside, path))
                unit = attributes(beside).get("units") or attributes(beside).get("unit")
            if isinstance(said, list | np.ndarray) and looks_like_energies(np.sort(np.asarray(said, np.float64))):
                values, known = to_ev(said, str(unit or ("eV" if name.lower().endswith("_ev") else "")))
                return values, {"energy_unit": known}
    if told := energies_of(image):
        return told[0], {"energy_unit": told[1], "energy_source": "the OME metadata"}
    found = same_stem(path) or only_fitting(path.parent, image.counts)
    return (found.values, {"energy_unit": found.unit, "energy_source": str(found.path.resolve())}) if found else None


def _own(path: Path, root: Any) -> RawStack:
    from napari_xanes.io.zarr import store as zarr_store

    about = attributes(root)[OWN]
    kind = about.get("format") if isinstance(about, dict) else about
    if kind != STACK or not isinstance(about, dict):
        raise ValueError(f"its format is {kind!r}, not {STACK!r}: the store is damaged or of a newer version")
    notes = {name: json.loads(str(about[name])) for name in PROVENANCE}

    def fetch(key: Any) -> Any:
        return zarr_store.load(zarr_store.checked(child(root, f"{OWN}/{key}"), path))

    return RawStack(
        zarr_store.load(zarr_store.checked(child(root, "0"), path)),
        np.asarray(zarr_store.load(zarr_store.checked(child(root, "energy"), path)), dtype=np.float64),
        about["quantity"],
        own=True,
        **parse_provenance(notes, counted(fetch, zarr_store.held(path / OWN))),
    )
