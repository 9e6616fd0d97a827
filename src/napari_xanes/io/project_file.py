"""Projects as one HDF5 file: stacks and maps as in files of their own, all else as JSON and arrays; no pickle."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from napari_xanes.history import Source
from napari_xanes.io.files import fingerprint, one_line
from napari_xanes.io.frames import MEMORY_LIMIT
from napari_xanes.io.hdf5.file import child, is_hdf5, open_hdf5, text
from napari_xanes.io.hdf5.maps import maps_in
from napari_xanes.io.hdf5.native import GROUP, fetch_from, json_text, keep_in
from napari_xanes.io.hdf5.nexus import own_stack
from napari_xanes.io.hdf5.writer import add_maps, add_stack
from napari_xanes.io.metadata_json import Fetch, Keep, expect, expect_mappings, pack, unpack
from napari_xanes.io.read_errors import wrap_read_errors
from napari_xanes.io.reading import read
from napari_xanes.parameter_map import MapSet
from napari_xanes.project import LayerValue, Project, ProjectLayer
from napari_xanes.saving.replacing import replacing
from napari_xanes.spectrum import Spectrum
from napari_xanes.stack import SpectralStack
from napari_xanes.version import __version__

_FORMAT = "napari-xanes project 1"
_ROOT = "project"


def write_project(project: Project, path: str | Path) -> None:
    """Write a project to one HDF5 file, which appears whole or not at all.

    Stacks are copied, lazy ones piece by piece; a layer whose value is a `Source` keeps the path of its file, also
    relative to the folder of the project, so that both can be moved together. Lazy stacks that were read from the file
    that is replaced can't be read any more: read the project again.

    Parameters
    ----------
    project : Project
        What to write.
    path : path
        The file.

    Raises
    ------
    OSError
        If the file can't be written; one that was there is as it was.
    TypeError
        If the settings hold something that no file can hold.
    ValueError
        If a layer holds none of the values that `ProjectLayer` names.
    """
    path = Path(path)
    with replacing(path) as draft, h5py.File(draft, "w") as file:
        root = file.create_group(_ROOT)
        root.attrs["format"], root.attrs["version"] = _FORMAT, __version__
        keep = keep_in(root)
        layers = [_put(root, i, layer, keep, path.parent) for i, layer in enumerate(project.layers)]
        contents = {
            "layers": layers,
            "references": [pack(spectrum, keep, spectrum.name) for spectrum in project.references],
            "settings": pack(dict(project.settings), keep),
        }
        root["contents"] = json.dumps(contents)


def _put(root: h5py.Group, number: int, layer: ProjectLayer, keep: Keep, folder: Path) -> dict[str, Any]:
    """Write one layer; return what the list of layers says of it."""
    value, name = layer.value, f"layer_{number:03d}"
    notes: dict[str, Any] = {"name": layer.name, "settings": pack(dict(layer.settings), keep, name)}
    if isinstance(value, SpectralStack):
        add_stack(root, name, value)
        return notes | {"kind": "stack", "group": name}
    if isinstance(value, MapSet):
        add_maps(root, name, value)
        return notes | {"kind": "maps", "group": name}
    if isinstance(value, Source):
        return notes | {"kind": "file", "source": value.to_plain(), "relative": _relative(value.path, folder)}
    reason = _no_shapes(value) if isinstance(value, list) else _no_labels(value)
    if reason:
        raise ValueError(f"{layer.name!r} {reason}, so no project can hold it")
    return notes | {"kind": "shapes" if isinstance(value, list) else "labels", "value": pack(value, keep, name)}


def _no_labels(value: Any) -> str:
    """Return why a value is no labels; empty if it is."""
    if isinstance(value, np.ndarray) and value.dtype.kind in "iub" and value.ndim in (2, 3):
        return ""
    return f"is no image or volume of whole numbers ({type(value).__name__} of shape {np.shape(value)})"


def _no_shapes(value: list[Any]) -> str:
    """Return why values are no corners of shapes; empty if they are."""
    odd = [item for item in value if not (isinstance(item, np.ndarray) and item.ndim == 2 and item.dtype.kind in "fiu")]
    return f"has corners of shape {np.shape(odd[0])}, not rows of numbers" if odd else ""


def _relative(path: str, folder: Path) -> str | None:
    """Return a path relative to a folder; None on another drive."""
    try:
        return Path(os.path.relpath(path, folder.resolve())).as_posix()
    except ValueError:
        return None


def holds_project(path: str | Path) -> bool:
    """Return whether a file is a project that napari-xanes wrote."""
    path = Path(path)
    if not path.is_file() or not is_hdf5(path):
        return False
    with open_hdf5(path) as file:
        return _root(file) is not None


def _root(file: h5py.File) -> h5py.Group | None:
    root = child(file, _ROOT)
    is_ours = isinstance(root, h5py.Group) and text(root.attrs.get("format", "")) == _FORMAT
    return root if is_ours else None


def read_project(path: str | Path, *, memory_limit: int | None = None) -> Project:
    """Read a project.

    Parameters
    ----------
    path : path
        File that `write_project` wrote.
    memory_limit : int, optional
        Stacks of more bytes stay in their file; 2 GiB by default.

    Returns
    -------
    Project
        Layers whose own file is missing or can't be read are left out, and the notes name them with the reason. Notes
        also say which files have changed, and which lie outside the folder of the project.

    Raises
    ------
    OSError
        If the file can't be read.
    ValueError
        If it is no project, or damaged.
    """
    path = Path(path)
    token = MEMORY_LIMIT.set(MEMORY_LIMIT.get() if memory_limit is None else memory_limit)
    try:
        with wrap_read_errors(path):
            return _read(path)
    finally:
        MEMORY_LIMIT.reset(token)


def _read(path: Path) -> Project:
    if not is_hdf5(path):
        raise ValueError("not a project of napari-xanes")
    notes: list[str] = []
    with open_hdf5(path) as file:
        root = _root(file)
        if root is None:
            raise ValueError("not a project of napari-xanes")
        fetch = fetch_from(root)
        contents = expect(json.loads(json_text(root, "contents")), dict, "the list of contents")
        references = [unpack(item, fetch) for item in expect_mappings(contents.get("references"), "references")]
        settings = unpack(expect(contents.get("settings"), dict, "the settings"), fetch)
        layers = [_layer(root, item, fetch, path, notes) for item in expect_mappings(contents.get("layers"), "layers")]
    for spectrum in references:
        expect(spectrum, Spectrum, "a reference")
    return Project([layer for layer in layers if layer is not None], references, settings, notes)


def _layer(root: h5py.Group, item: dict[str, Any], fetch: Fetch, path: Path, notes: list[str]) -> ProjectLayer | None:
    """Return one layer; None if its own file can't be read, and why among the notes."""
    name, kind = expect(item.get("name"), str, "the name of a layer"), item.get("kind")
    settings = unpack(expect(item.get("settings"), dict, f"the settings of {name}"), fetch)
    value: LayerValue
    if kind == "file":
        stack = _from_own_file(name, item, path, notes)
        return None if stack is None else ProjectLayer(name, stack, settings)
    if kind in ("stack", "maps"):
        value = _stored(root, expect(item.get("group"), str, f"the group of {name}"), kind)
    elif kind == "labels":
        value = np.asarray(unpack(item.get("value"), fetch))
        if reason := _no_labels(value):
            raise ValueError(f"{name!r} {reason}: the file is damaged")
    elif kind == "shapes":
        value = [np.asarray(corners) for corners in expect(unpack(item.get("value"), fetch), list, name)]
        if reason := _no_shapes(value):
            raise ValueError(f"{name!r} {reason}: the file is damaged")
    else:
        raise ValueError(f"the layer {name!r} is a {str(kind)[:40]!r}, which this version does not know")
    return ProjectLayer(name, value, settings)


def _stored(root: h5py.Group, group: str, kind: str) -> SpectralStack | MapSet:
    entry = child(root, group)
    own = child(entry, GROUP) if isinstance(entry, h5py.Group) else None
    if not isinstance(entry, h5py.Group) or not isinstance(own, h5py.Group):
        raise ValueError(f"{group} is missing: the file is damaged")
    if kind == "maps":
        return maps_in(entry, own)
    raw = own_stack(entry, own)
    assert raw.energy is not None
    return SpectralStack(raw.data, raw.energy, raw.quantity, raw.pixel_size, raw.history, raw.source, raw.metadata)


def _from_own_file(name: str, item: dict[str, Any], path: Path, notes: list[str]) -> SpectralStack | None:
    """Read a stack from its own file: beside the project, or else where it was."""
    source = Source.from_plain(expect(item.get("source"), dict, f"the source of {name}"))
    assert source is not None
    relative = item.get("relative")
    moved = None if relative is None else (path.parent / expect(relative, str, f"the file of {name}")).resolve()
    place = moved if moved is not None and moved.exists() else Path(source.path)
    try:
        paths, keywords = Source(str(place), reading=source.reading).to_read()
        stack = read(paths, **keywords)
        changed = source.fingerprint not in (None, fingerprint(place))
    except (OSError, ValueError) as error:
        notes.append(one_line(f"{name!r} is left out: {error}"))
        return None
    if changed:
        notes.append(one_line(f"{place} has changed since the project was saved"))
    if not place.resolve().is_relative_to(path.parent.resolve()):
        notes.append(one_line(f"{name!r} was read from {place}, outside the folder of the project"))
    return stack
