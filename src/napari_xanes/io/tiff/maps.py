"""Maps in the TIFF files that napari-xanes writes."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from napari_xanes.io import ways_out
from napari_xanes.io.metadata_json import (
    expect,
    fetch_inline,
    parse_dtype,
    parse_map_notes,
    parse_provenance,
    parse_shape,
)
from napari_xanes.io.registry import maps_reader
from napari_xanes.io.tiff.file import MAPS, images, is_tiff, open_tiff, own_notes, pixels
from napari_xanes.parameter_map import MapSet, ParameterMap


def why_not_readable(path: Path) -> str | None:
    """Return why the file holds no maps of napari-xanes, or None if it does."""
    if not is_tiff(path):
        return "not a TIFF file"
    with open_tiff(path) as tiff:
        return None if own_notes(tiff, MAPS) else "not written by napari-xanes"


@maps_reader("tiff_maps", title="maps in ImageJ TIFF", patterns=("*.tif", "*.tiff"), why_not_readable=why_not_readable)
def read_maps(path: Path) -> MapSet:
    """Read the maps in a file that `napari_xanes.io.tiff.writer` wrote.

    Raises
    ------
    OSError
        If the file is cut short.
    ValueError
        If it is damaged.
    """
    with open_tiff(path) as tiff:
        notes = own_notes(tiff, MAPS)
        if notes is None:
            raise ValueError(f"not written by napari-xanes; {ways_out.MAPS_ONLY}")
        planes = pixels(images(tiff, own=True)).reshape(-1, *parse_shape(notes["shape"]))
    if planes.dtype != np.float32:
        raise ValueError(f"its images are {planes.dtype}, not float32: the file is damaged or was changed")
    maps, at = {}, 0
    for fields in map(parse_map_notes, expect(notes["maps"], list, "the list of maps")):
        value, sigma, mask = planes[at], None, planes[at + 1]
        if fields["sigma"]:
            sigma, mask = planes[at + 1], planes[at + 2]
        at += 3 if fields["sigma"] else 2
        with np.errstate(invalid="ignore"):
            value = value.astype(parse_dtype(fields["dtype"]))
        maps[fields["name"]] = ParameterMap(
            value, fields["unit"], sigma, mask > 0.5, fields["labels"], fields["companion"]
        )
    return MapSet(maps, **parse_provenance(notes, fetch_inline))
