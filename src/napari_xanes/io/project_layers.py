"""The layers of a project file: each written and read back."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from napari_xanes.history import Source
from napari_xanes.io import ways_out
from napari_xanes.io.files import fingerprint, one_line
from napari_xanes.io.hdf5.file import array, child, load
from napari_xanes.io.hdf5.maps import maps_in
from napari_xanes.io.hdf5.native import GROUP, write_array
from napari_xanes.io.hdf5.nexus import own_stack
from napari_xanes.io.hdf5.writer import add_maps, add_stack
from napari_xanes.io.metadata_json import Fetch, Keep, expect, pack, unpack
from napari_xanes.io.reading import read
from napari_xanes.parameter_map import MapSet
from napari_xanes.progress import Progress
from napari_xanes.project import LayerValue, MissingLayer, Picture, Places, ProjectLayer
from napari_xanes.stack import SpectralStack


class LayerWriter:
    """Writes layers into the group of a project; values that several layers share are written once.

    Parameters
    ----------
    root : h5py.Group
        The group.
    folder : Path
        The folder of the project.
    keep : callable
        Stores arrays of settings.
    """

    def __init__(self, root: h5py.Group, folder: Path, keep: Keep) -> None:
        self._root, self._folder, self._keep = root, folder.resolve(), keep
        self._written: list[tuple[Any, dict[str, Any]]] = []

    def put(self, number: int, layer: ProjectLayer, progress: Progress | None) -> dict[str, Any]:
        """Write one layer; return what the list of layers says of it.

        Raises
        ------
        ValueError
            If it holds none of the values that `ProjectLayer` names.
        """
        name = f"layer_{number:03d}"
        notes = {"name": layer.name, "settings": pack(dict(layer.settings), self._keep, name)}
        known = next((notes for value, notes in self._written if value is layer.value), None)
        if known is None:
            known = self._value(layer, name, progress)
            self._written.append((layer.value, known))
        return notes | known

    def _value(self, layer: ProjectLayer, name: str, progress: Progress | None) -> dict[str, Any]:
        value = layer.value
        if isinstance(value, SpectralStack):
            add_stack(self._root, name, value, progress)
            return {"kind": "stack", "group": name}
        if isinstance(value, MapSet):
            add_maps(self._root, name, value)
            return {"kind": "maps", "group": name}
        if isinstance(value, Source):
            return {"kind": "file", "source": value.to_plain(), "relative": _relative(value.path, self._folder)}
        if reason := why_not_storable(value):
            raise ValueError(f"{layer.name!r} {reason}, so no project can hold it; save it as a file of its own")
        if isinstance(value, Picture):
            write_array(self._root, name, value.data, progress)
            return {"kind": "picture", "array": name}
        kind = "places" if isinstance(value, Places) else "shapes" if isinstance(value, list) else "labels"
        plain = pack(value.data if isinstance(value, Places) else value, self._keep, name)
        return {"kind": kind, "value": plain}


def why_not_storable(value: Any) -> str:
    """Return why a value that is neither stack nor maps can't be a layer of a project; empty if it can."""
    if isinstance(value, Picture):
        dtype, shape = getattr(value.data, "dtype", None), np.shape(value.data)
        is_image = dtype is not None and dtype.kind in "fiub" and dtype.itemsize <= 8 and 2 <= len(shape) <= _MOST_AXES
        return "" if is_image else f"is no image of numbers (of shape {shape})"
    if isinstance(value, Places):
        return "" if value.data.ndim == 2 and value.data.dtype.kind in "fiu" else "holds no coordinates of points"
    return _no_shapes(value) if isinstance(value, list) else _no_labels(value)


_MOST_AXES = 6


def _no_labels(value: Any) -> str:
    """Return why a value is no labels; empty if it is."""
    if isinstance(value, np.ndarray) and value.dtype.kind in "iub" and value.ndim in (2, 3, 4):
        return ""
    return f"is no image or volume of whole numbers ({type(value).__name__} of shape {np.shape(value)})"


def _no_shapes(value: list[Any]) -> str:
    """Return why values are no corners of shapes; empty if they are."""
    odd = [item for item in value if not (isinstance(item, np.ndarray) and item.ndim == 2 and item.dtype.kind in "fiu")]
    return f"has corners of shape {np.shape(odd[0])}, not rows of numbers" if odd else ""


def _relative(path: str, folder: Path) -> str | None:
    """Return a path relative to a folder; None on another drive."""
    try:
        return Path(os.path.relpath(path, folder)).as_posix()
    except ValueError:
        return None


@dataclass
class LayerReader:
    """Reads layers from the group of a project.

    Parameters
    ----------
    root : h5py.Group
        The group.
    fetch : callable
        Returns arrays of settings.
    path : Path
        The file of the project.

    Attributes
    ----------
    notes : list of str
        What a user should know of the files that layers were read from.
    missing : list of MissingLayer
        Layers whose own file can't be read.
    """

    root: h5py.Group
    fetch: Fetch
    path: Path
    notes: list[str] = field(default_factory=list)
    missing: list[MissingLayer] = field(default_factory=list)
    _known: dict[str, Any] = field(default_factory=dict)

    def get(self, index: int, item: Mapping[str, Any]) -> ProjectLayer | None:
        """Return one layer; None if its own file can't be read, and why in `missing`.

        Raises
        ------
        ValueError
            If the file is damaged.
        """
        name, kind = expect(item.get("name"), str, "the name of a layer"), item.get("kind")
        settings = unpack(expect(item.get("settings"), dict, f"the settings of {name}"), self.fetch)
        if kind == "file":
            source = Source.from_plain(expect(item.get("source"), dict, f"the source of {name}"))
            assert source is not None
            relative = expect(item.get("relative"), str | None, f"the file of {name}")
            missing = MissingLayer(index, name, source, settings, "")
            return self._from_own_file(missing, relative)
        if kind in ("stack", "maps"):
            return ProjectLayer(
                name, self._stored(expect(item.get("group"), str, f"the group of {name}"), kind), settings
            )
        value = self._plain(name, kind, item)
        if reason := why_not_storable(value):
            raise ValueError(f"{name!r} {reason}: the file is damaged; copy it again")
        return ProjectLayer(name, value, settings)

    def _plain(self, name: str, kind: Any, item: Mapping[str, Any]) -> LayerValue:
        if kind == "labels":
            return np.asarray(unpack(item.get("value"), self.fetch))
        if kind == "shapes":
            corners = expect(unpack(item.get("value"), self.fetch), list, name)
            return [np.asarray(one) for one in corners]
        if kind == "places":
            return Places(np.asarray(unpack(item.get("value"), self.fetch)))
        if kind == "picture":
            dataset = array(self.root, expect(item.get("array"), str, f"the values of {name}"), "fiub")
            if dataset is None:
                raise ValueError(f"the values of {name!r} are missing: the file is damaged; copy it again")
            return Picture(load(dataset))
        raise ValueError(
            f"the layer {name!r} is a {str(kind)[:40]!r}, which this version does not know; {ways_out.OTHER_VERSION}"
        )

    def _stored(self, group: str, kind: str) -> SpectralStack | MapSet:
        if group not in self._known:
            self._known[group] = self._read(group, kind)
        value: SpectralStack | MapSet = self._known[group]
        if isinstance(value, MapSet) != (kind == "maps"):
            raise ValueError(f"{group} holds no {kind}: the file is damaged; copy it again")
        return value

    def _read(self, group: str, kind: str) -> SpectralStack | MapSet:
        entry = child(self.root, group)
        own = child(entry, GROUP) if isinstance(entry, h5py.Group) else None
        if not isinstance(entry, h5py.Group) or not isinstance(own, h5py.Group):
            raise ValueError(f"{group} is missing: the file is damaged; copy it again")
        if kind == "maps":
            return maps_in(entry, own)
        raw = own_stack(entry, own)
        assert raw.energy is not None
        return SpectralStack(raw.data, raw.energy, raw.quantity, raw.pixel_size, raw.history, raw.source, raw.metadata)

    def _from_own_file(self, layer: MissingLayer, relative: str | None) -> ProjectLayer | None:
        """Read a stack from its own file: beside the project, or else where it was."""
        moved = None if relative is None else (self.path.parent / relative).resolve()
        place = moved if moved is not None and moved.exists() else Path(layer.source.path)
        try:
            read_again, notes = layer_from(layer, place)
        except (OSError, ValueError) as error:
            reason = one_line(str(error))
            self.notes.append(f"{layer.name!r} is left out: {reason}")
            self.missing.append(MissingLayer(layer.index, layer.name, layer.source, layer.settings, reason))
            return None
        self.notes += notes
        if not place.resolve().is_relative_to(self.path.parent.resolve()):
            self.notes.append(one_line(f"{layer.name!r} was read from {place}, outside the folder of the project"))
        return read_again


def _reading_at(place: Path, reading: Mapping[str, Any]) -> dict[str, Any]:
    """Return how a file was read; a text of energies that is gone is taken from beside the file."""
    energies = reading.get("energies")
    if (
        isinstance(energies, str)
        and not Path(energies).exists()
        and (beside := place.parent / Path(energies).name).exists()
    ):
        return {**reading, "energies": str(beside)}
    return dict(reading)


def layer_from(layer: MissingLayer, place: Path) -> tuple[ProjectLayer, list[str]]:
    """Read a layer whose file lies somewhere from there; return it with what a user should know of the file.

    Parameters
    ----------
    layer : MissingLayer
        The layer.
    place : Path
        Its file or folder.

    Raises
    ------
    OSError, ValueError
        If it can't be read.
    """
    paths, keywords = Source(str(place), reading=_reading_at(place, layer.source.reading)).to_read()
    stack = read(paths, **keywords)
    then, now = layer.source.fingerprint, None if stack.source is None else stack.source.fingerprint
    changed = then is not None and then not in (now, fingerprint(place))
    notes = [one_line(f"{place} has changed since the project was saved")] if changed else []
    return ProjectLayer(layer.name, stack, layer.settings), notes
