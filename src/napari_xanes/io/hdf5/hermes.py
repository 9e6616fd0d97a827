"""SOLEIL HERMES and MAX IV SoftiMAX: HDF5 files laid out like NXstxm, but without its definition and classes."""

from __future__ import annotations

from pathlib import Path

import h5py

from napari_xanes.io.hdf5.file import array, child, is_hdf5, open_hdf5, text
from napari_xanes.io.hdf5.nexus import selected_stack
from napari_xanes.io.raw_stack import RawStack
from napari_xanes.io.registry import reader

_BEAMLINES = ("hermes", "softimax")


def why_not_readable(path: Path) -> str | None:
    """Return why the file is not of these beamlines, or None if it is."""
    if not is_hdf5(path):
        return "not an HDF5 file"
    with open_hdf5(path) as file:
        return None if _detectors(file) else "no entry of HERMES or SoftiMAX with a counter in it"


@reader("hermes", title="HERMES and SoftiMAX", patterns=("*.h5", "*.hdf5"), why_not_readable=why_not_readable)
def read(path: Path, select: str | int | None = None) -> RawStack:
    """Read an image stack, by default the first one; see `napari_xanes.io.hdf5.nexus.read`.

    Raises
    ------
    ValueError
        If the file holds scans, but none of them a stack, or not the selected one.
    """
    with open_hdf5(path) as file:
        return selected_stack(_detectors(file), select)


def _detectors(file: h5py.File) -> list[h5py.Group]:
    """Return the groups with measured values of all entries of these beamlines."""
    entries = [group for group in _groups(file) if _is_hermes(group)]
    return [group for entry in entries for group in _groups(entry) if array(group, "data") is not None]


def _is_hermes(entry: h5py.Group) -> bool:
    try:
        beamline = text(child(entry, "collection/beamline")).lower()
    except ValueError:
        return False
    return any(name in beamline for name in _BEAMLINES)


def _groups(parent: h5py.Group) -> list[h5py.Group]:
    inside = [name for name in parent if not isinstance(parent.get(name, getlink=True), h5py.ExternalLink)]
    children = [child(parent, name) for name in inside if name != "control"]
    return [group for group in children if isinstance(group, h5py.Group)]
