"""The directories of a TIFF, one per image: each says where the next one lies, so that a missing end is seen."""

from __future__ import annotations

from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray

_SIZES = np.zeros(1 << 16)
"""Bytes of a value of each type of tag; 0 for numbers that stand for no type."""
_SIZES[1:14] = 1, 1, 2, 4, 8, 1, 1, 2, 4, 8, 4, 8, 4
_SIZES[16:19] = 8


def broken_off(tiff: tifffile.TiffFile) -> str:
    """Return which directory lies, or has values, beyond the end of a file; an empty text if none does.

    Many programs write the directories last. So a file may have lost some of them and no pixel.

    Parameters
    ----------
    tiff : TiffFile
        The file.
    """
    form = tiff.tiff
    if form.is_ndpi:
        return ""
    order, offset = form.byteorder, f"{form.byteorder}u{form.offsetsize}"
    tag = np.dtype([("code", f"{order}u2"), ("type", f"{order}u2"), ("n", offset), ("at", offset)])
    link, places = (8 if form.offsetsize == 8 else 4), set[int]()
    try:
        while (place := int(_numbers(tiff, link, offset)[0])) and place not in places:
            places.add(place)
            n_tags = int(_numbers(tiff, place, f"{order}u{form.tagnosize}")[0])
            tags = _numbers(tiff, place + form.tagnosize, tag, n_tags)
            n_bytes = tags["n"] * _SIZES[tags["type"]]
            if ((n_bytes > form.offsetsize) & (tags["at"] + n_bytes > tiff.filehandle.size)).any():
                raise EOFError
            link = place + form.tagnosize + n_tags * tag.itemsize
    except EOFError:
        return (
            f"the directory of image {max(1, len(places))} does not lie within the {tiff.filehandle.size} bytes of it"
        )
    return ""


def _numbers(tiff: tifffile.TiffFile, place: int, dtype: Any, count: int = 1) -> NDArray[Any]:
    """Return numbers in a file, or raise EOFError if it ends before."""
    file, n_bytes = tiff.filehandle, np.dtype(dtype).itemsize * count
    if place + n_bytes > file.size:
        raise EOFError
    file.seek(place)
    return np.frombuffer(file.read(n_bytes), dtype)
