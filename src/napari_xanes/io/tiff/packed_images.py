"""Compressed images in TIFF files: whether they can be unpacked, and whether that stays within bounds."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import Any

import tifffile

from napari_xanes.io import allocation_limits
from napari_xanes.io.unpacked_size import unpacked_size

_CODECS = {8: ("zlib", 1100), 32946: ("zlib", 1100), 34925: ("lzma", 10_000)}
"""Compressions that tifffile unpacks by itself, whatever comes out of them, and by how much they can have shrunk."""

_NEED_PYTHON_3_14 = (34926, 50000)
"""Zstandard: tifffile unpacks it by a module of Python 3.14, else by imagecodecs."""


def _check_codec(page: Any) -> None:
    """Refuse an image that is packed in a way that needs another package.

    Raises
    ------
    ValueError
        If it is.
    """
    try:
        _ = tifffile.TIFF.DECOMPRESSORS[page.compression], tifffile.TIFF.UNPREDICTORS[page.predictor]
        if page.compression in _NEED_PYTHON_3_14 and find_spec("imagecodecs") is None:
            import_module("compression.zstd")
    except (KeyError, ImportError):
        name = getattr(page.compression, "name", page.compression)
        raise ValueError(
            f"its images are compressed by {name}: run pip install imagecodecs and start again, or save it uncompressed"
        ) from None


def check_page(tiff: tifffile.TiffFile, page: Any) -> None:
    """Refuse an image that is too large in one piece, or whose strips or tiles unpack to more than they should.

    Raises
    ------
    ValueError
        If it does, or needs another package.
    """
    file_size, key = tiff.filehandle.size, page.keyframe
    _check_codec(key)
    rows, columns = (key.tilelength, key.tilewidth) if key.is_tiled else (key.rowsperstrip, key.imagewidth)
    pixel = key.samplesperpixel * max(1, key.bitspersample // 8)
    part = min(rows, max(key.imagelength, key.tilelength)) * columns * max(1, key.tiledepth) * pixel
    allocation_limits.check("an image of it", key.nbytes, file_size, piece=max(key.nbytes, part))
    codec, packed = _CODECS.get(key.compression, ("", 0))
    for offset, length in zip(page.dataoffsets, page.databytecounts, strict=False):
        # Only long strips can become too much for the memory: others need not be unpacked twice.
        if length * packed > allocation_limits.memory_allowance(file_size):
            tiff.filehandle.seek(offset)
            if unpacked_size(codec, tiff.filehandle.read(length), part) > part:
                raise ValueError(f"a strip or tile of it unpacks to more than its {part} bytes: damaged; copy it again")
