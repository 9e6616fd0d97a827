"""Projects as one HDF5 file: stacks and maps as in files of their own, all else as JSON and arrays; no pickle."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py

from napari_xanes.io.frames import MEMORY_LIMIT
from napari_xanes.io.hdf5.file import child, is_hdf5, open_hdf5, text
from napari_xanes.io.hdf5.native import fetch_from, json_text, keep_in
from napari_xanes.io.metadata_json import expect, expect_mappings, pack, unpack
from napari_xanes.io.project_layers import LayerReader, LayerWriter
from napari_xanes.io.read_errors import wrap_read_errors
from napari_xanes.progress import Progress, part
from napari_xanes.project import Project, ProjectLayer
from napari_xanes.saving.replacing import replacing
from napari_xanes.spectrum import Spectrum
from napari_xanes.version import __version__

_FORMAT = "napari-xanes project 1"
_ROOT = "project"


def write_project(project: Project, path: str | Path, *, progress: Progress | None = None) -> None:
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
    progress : callable, optional
        Called with the fraction done and a message; it may raise `Cancelled`, and the file is as it was.

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
        writer, layers = LayerWriter(root, path.parent, keep), []
        for i, layer in enumerate(project.layers):
            share = part(progress, i / len(project.layers), (i + 1) / len(project.layers))
            if share is not None:
                share(0.0, layer.name)
            layers.append({"index": project.indices[i], **writer.put(i, layer, share)})
        contents = {
            "layers": layers,
            "references": [pack(spectrum, keep, spectrum.name) for spectrum in project.references],
            "settings": pack(dict(project.settings), keep),
        }
        root["contents"] = json.dumps(contents)


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


@contextmanager
def _opened(path: Path) -> Iterator[tuple[h5py.Group, dict[str, Any]]]:
    """Open a project; yield its group and the list of contents.

    Raises
    ------
    OSError, ValueError
        As `read_project`.
    """
    with wrap_read_errors(path):
        if not is_hdf5(path):
            raise ValueError("not a project of napari-xanes; choose one that it saved")
        with open_hdf5(path) as file:
            root = _root(file)
            if root is None:
                raise ValueError("not a project of napari-xanes; choose one that it saved")
            yield root, expect(json.loads(json_text(root, "contents")), dict, "the list of contents")


def read_project(path: str | Path, *, memory_limit: int | None = None, progress: Progress | None = None) -> Project:
    """Read a project.

    Parameters
    ----------
    path : path
        File that `write_project` wrote.
    memory_limit : int, optional
        Stacks of more bytes stay in their file; 2 GiB by default.
    progress : callable, optional
        Called with the fraction done and a message; it may raise `Cancelled`.

    Returns
    -------
    Project
        Layers whose own file is missing or can't be read are left out: they are in ``missing``, and the notes name them
        with the reason. Notes also say which files have changed, and which lie outside the folder of the project.

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
        with _opened(path) as (root, contents):
            return _read(root, contents, path, progress)
    finally:
        MEMORY_LIMIT.reset(token)


def _read(root: h5py.Group, contents: dict[str, Any], path: Path, progress: Progress | None) -> Project:
    fetch = fetch_from(root)
    references = [unpack(item, fetch) for item in expect_mappings(contents.get("references"), "references")]
    for spectrum in references:
        expect(spectrum, Spectrum, "a reference")
    settings = unpack(expect(contents.get("settings"), dict, "the settings"), fetch)
    items, reader = expect_mappings(contents.get("layers"), "layers"), LayerReader(root, fetch, path)
    found: dict[int, ProjectLayer] = {}
    for i, item in enumerate(items):
        if progress is not None:
            progress(i / len(items), str(item.get("name")))
        index = expect(item.get("index", i), int, "the index of a layer")
        layer = reader.get(index, item)
        if layer is not None:
            found[index] = layer
    return Project(list(found.values()), references, settings, reader.notes, reader.missing, list(found))


def read_stored(path: str | Path, indices: Iterable[int]) -> dict[int, ProjectLayer]:
    """Read some layers that lie in a project itself; all that is larger than an image stays in its file.

    Parameters
    ----------
    path : path
        File that `write_project` wrote.
    indices : iterable of int
        Which of its layers.

    Raises
    ------
    OSError, ValueError
        As `read_project`.
    """
    path, token = Path(path), MEMORY_LIMIT.set(0)
    try:
        with _opened(path) as (root, contents):
            items, reader = expect_mappings(contents.get("layers"), "layers"), LayerReader(root, fetch_from(root), path)
            layers = {index: reader.get(index, items[index]) for index in indices}
            return {index: layer for index, layer in layers.items() if layer is not None}
    finally:
        MEMORY_LIMIT.reset(token)


def project_contents(path: str | Path) -> dict[str, Any]:
    """Return what is in a project, without reading its stacks.

    Parameters
    ----------
    path : path
        File that `write_project` wrote.

    Returns
    -------
    dict
        ``layers``: name and kind of each, and its file where it has its own; ``references``: their names;
        ``settings``: their names; ``version``: of napari-xanes.

    Raises
    ------
    OSError, ValueError
        As `read_project`.
    """
    with _opened(Path(path)) as (root, contents):
        layers = []
        for item in expect_mappings(contents.get("layers"), "layers"):
            kind = str(item.get("kind"))
            facts = {"name": str(item.get("name")), "kind": "stack" if kind == "file" else kind}
            if kind == "file":
                source = expect(item.get("source"), dict, "the source of a layer")
                facts["file"] = str(source.get("path"))
            layers.append(facts)
        spectra = expect_mappings(contents.get("references"), "references")
        names = [expect(item.get("__spectrum__"), dict, "a reference").get("name") for item in spectra]
        return {
            "layers": layers,
            "references": [str(name) for name in names],
            "settings": sorted(expect(contents.get("settings"), dict, "the settings")),
            "version": text(root.attrs.get("version", "")),
        }
