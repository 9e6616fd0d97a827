"""Files in and out: formats are recognised by content, read into stacks, spectra and maps, and written."""

from __future__ import annotations

from napari_xanes.io.column_choice import CHOICES
from napari_xanes.io.copied_frames import is_slow_by_pixels
from napari_xanes.io.copy_cache import WorkingCopy, cache_folder, cache_limit, remove_copies, working_copies
from napari_xanes.io.copying import working_copy
from napari_xanes.io.files import fingerprint
from napari_xanes.io.formats import MapsReader, Reader, SpectraReader, Writer
from napari_xanes.io.frames import ordered
from napari_xanes.io.raw_stack import RawStack
from napari_xanes.io.reading import read, read_i0, read_maps, read_spectra
from napari_xanes.io.recognition import (
    are_one_stack,
    group_paths,
    holds_maps,
    is_spectra_file,
    is_text_name,
    readers_of,
    real_reason,
)
from napari_xanes.io.registry import (
    MAP_READERS,
    READERS,
    SPECTRA_READERS,
    WRITERS,
    maps_reader,
    reader,
    spectra_reader,
    writer,
)
from napari_xanes.io.writing import write

__all__ = [
    "CHOICES",
    "MAP_READERS",
    "READERS",
    "SPECTRA_READERS",
    "WRITERS",
    "MapsReader",
    "RawStack",
    "Reader",
    "SpectraReader",
    "WorkingCopy",
    "Writer",
    "are_one_stack",
    "cache_folder",
    "cache_limit",
    "fingerprint",
    "group_paths",
    "holds_maps",
    "is_slow_by_pixels",
    "is_spectra_file",
    "is_text_name",
    "maps_reader",
    "ordered",
    "read",
    "read_i0",
    "read_maps",
    "read_spectra",
    "reader",
    "readers_of",
    "real_reason",
    "remove_copies",
    "spectra_reader",
    "working_copies",
    "working_copy",
    "write",
    "writer",
]
