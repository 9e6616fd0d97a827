"""Maps in the TIFF files that napari-xanes writes."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from napari_xanes.history import Source, Step
from napari_xanes.io.metadata_json import fetch_inline, unpack
from napari_xanes.io.registry import maps_reader
from napari_xanes.io.tiff.file import MAPS, images, is_tiff, opened, own_notes
from napari_xanes.parameter_map import MapSet, ParameterMap


def why_not_readable(path: Path) -> str | None:
    """Why the file holds no maps of ours; None if it does."""
    if not is_tiff(path):
        return "not a TIFF file"
    with opened(path) as tiff:
        return None if own_notes(tiff, MAPS) else "not written by napari-xanes"


@maps_reader("tiff_maps", title="maps in ImageJ TIFF", patterns=("*.tif", "*.tiff"), why_not_readable=why_not_readable)
def read_maps(path: Path) -> MapSet:
    """The maps in a file that `tiff_writer.write_maps` wrote.

    Raises
    ------
    OSError
        If the file is cut short.
    ValueError
        If it is damaged.
    """
    with opened(path) as tiff:
        notes = own_notes(tiff, MAPS)
        if notes is None:
            raise ValueError("not written by napari-xanes")
        planes = images(tiff, own=True).asarray().reshape(-1, *notes["shape"])
    if planes.dtype != np.float32:
        raise ValueError(f"its images are {planes.dtype}, not float32: the file is damaged or was changed")
    maps, at = {}, 0
    for one in notes["maps"]:
        value, sigma, mask = planes[at], None, planes[at + 1]
        if one["sigma"]:
            sigma, mask = planes[at + 1], planes[at + 2]
        at += 3 if one["sigma"] else 2
        labels = None if one["labels"] is None else {int(label): name for label, name in one["labels"]}
        with np.errstate(invalid="ignore"):
            value = value.astype(np.dtype(one["dtype"]))
        maps[one["name"]] = ParameterMap(value, one["unit"], sigma, mask > 0.5, labels, one["companion"])
    size = notes["pixel_size"]
    return MapSet(
        maps,
        tuple(Step.from_plain(step) for step in notes["history"]),
        Source.from_plain(notes["source"]),
        None if size is None else tuple(size),
        unpack(notes["metadata"], fetch_inline),
    )
