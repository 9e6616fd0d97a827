"""ITEX images of Hamamatsu's cameras (``.img`` of HiPic and HPD-TA), one energy each: alone, or a folder of them.

The header has 64 bytes (``IM``, length of the comment, width, height, offsets, type), a comment follows, then the
pixels, little-endian. The type is 0 for 8, 2 for 16 and 3 for 32 bits; the pixels have no sign. What follows them, such
as tables of scales, is not read.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_xanes.io import ways_out
from napari_xanes.io.energy_names import energy_in
from napari_xanes.io.files import files_in, link_warnings, starts_with
from napari_xanes.io.image_folder import read_images, why_no_energies
from napari_xanes.io.part import Part
from napari_xanes.io.raw_arrays import RawArray
from napari_xanes.io.raw_stack import RawStack
from napari_xanes.io.registry import reader
from napari_xanes.io.series import assemble
from napari_xanes.io.time_units import time_in_s

_SUFFIXES = (".img",)
_HEADER = 64
_TYPES = {0: "<u1", 2: "<u2", 3: "<u4"}
_EXPOSURE = re.compile(rb'(?:ExposureTime|TimeOfExposure)\s*=\s*"?\s*([0-9.eE+-]+)\s*([A-Za-z\xb5]*)')


@dataclass(frozen=True)
class _Header:
    """What the first bytes of a file say."""

    shape: tuple[int, int]
    kind: int
    offset: int
    exposure: float | None

    @property
    def n_bytes(self) -> int:
        """Bytes up to the end of the pixels."""
        return self.offset + prod(self.shape) * np.dtype(_TYPES.get(self.kind, "<u2")).itemsize


def why_not_readable(path: Path, energies: Any = None) -> str | None:
    """Return why the file or folder holds no ITEX images with energies; None if it does."""
    if not path.is_dir():
        return (
            None if _header_of(path) else "not an ITEX image (it must begin with IM, and hold the pixels it promises)"
        )
    files, links = files_in(path, _SUFFIXES)
    if not files or not _header_of(files[0]):
        return "; ".join(["no ITEX images in the folder", *link_warnings(links)])
    return why_no_energies(path, files, energies)


@reader("itex", title="ITEX of Hamamatsu", patterns=("*.img",), why_not_readable=why_not_readable, folders=True)
def read(path: Path, energies: Any = None, files: Sequence[Path] | None = None) -> RawStack:
    """Read images as counts (E, Y, X). Files called flat, ref or dark are the flats and darks, as with TIFF.

    Parameters
    ----------
    path : Path
        One file, or the folder of a series.
    energies : array_like of eV, or path of a text file, optional
        One for each file; then their names need not tell them.
    files : sequence of Path, optional
        Of the folder only these.

    Raises
    ------
    OSError
        If a file is cut short.
    ValueError
        If a file is compressed, energies are missing, or the files differ in shape.
    """
    warnings: list[str] = []
    if not path.is_dir() and files is None:
        return assemble([_parse(path)], energies=energies, energy_place="in its name")
    in_folder, links = files_in(path, _SUFFIXES) if files is None else (list(files), [])
    warnings += link_warnings(links)
    stack = read_images(path, in_folder, _parse, energies, warnings)
    stack.quantity = "counts"
    return stack


def _header_of(path: Path) -> _Header | None:
    """Return the header of a file; None if it is no ITEX image, or shorter than it says."""
    content = starts_with(path, _HEADER + (1 << 16))
    if content[:2] != b"IM" or len(content) < _HEADER:
        return None
    length, width, height, _, _, kind = struct.unpack_from("<6H", content, 2)
    comment = content[_HEADER : _HEADER + length]
    if not width or not height or kind > max(_TYPES) or len(comment) < length:
        return None
    found = _EXPOSURE.search(comment)
    exposure = _number(found[1]) * (time_in_s(found[2].decode("latin-1")) or 0.0) if found else 0.0
    header = _Header((height, width), kind, _HEADER + length, exposure if 0 < exposure < np.inf else None)
    return header if kind == 1 or path.stat().st_size >= header.n_bytes else None


def _number(text: bytes) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0


def _parse(path: Path) -> Part:
    header = _header_of(path)
    if header is None:
        raise ValueError(f"{path.name} is no ITEX image, or shorter than its header says; {ways_out.COPY}")
    if header.kind not in _TYPES:
        raise ValueError(f"{path.name} is a compressed ITEX image; save it uncompressed")
    dtype = np.dtype(_TYPES[header.kind])
    energy = energy_in(path.stem)
    return Part(
        path.resolve(),
        None if energy is None else energy[0],
        header.shape,
        dtype.newbyteorder("="),
        partial(_pixels, path.resolve(), dtype, header.shape, header.offset),
        "eV" if energy is None else energy[1],
        header.exposure,
    )


def _pixels(path: Path, dtype: np.dtype[Any], shape: tuple[int, int], offset: int) -> NDArray[Any]:
    return np.asarray(RawArray(path, dtype, shape, offset)[()])
