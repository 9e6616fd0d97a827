"""MRC 2014 image stacks, as tomography programs write them, with energies in a text beside them.

The layout is that of Cheng et al., J. Struct. Biol. 192 (2015) 146: a header of 1024 bytes, then the images.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from napari_xanes.io.files import starts_with
from napari_xanes.io.quantity_guess import guess_quantity
from napari_xanes.io.raw_arrays import native_array
from napari_xanes.io.raw_stack import RawStack
from napari_xanes.io.registry import reader
from napari_xanes.io.sidecar import given_or_sidecar_energies, missing, only_fitting, same_stem

_HEADER_BYTES = 1024
_IMOD = 1146047817
_MODES = {0: "i1", 1: "i2", 2: "f4", 6: "u2", 12: "f2"}


@dataclass(frozen=True)
class _Header:
    """What the first 1024 bytes say."""

    shape: tuple[int, int, int]
    dtype: np.dtype[Any]
    offset: int
    pixel_size: tuple[float, float] | None


def why_not_readable(path: Path, energies: Any = None) -> str | None:
    """Return why the file is not an MRC stack with energies, or None if it is."""
    content = starts_with(path, _HEADER_BYTES)
    if content[208:211] != b"MAP":
        return "not an MRC file"
    header = _header(content)
    if header.shape[0] < 2:
        return "it holds a single image; save all energies in one file as sections"
    if energies is None and not (same_stem(path) or only_fitting(path.parent, header.shape[:1])):
        return missing(path)
    return None


@reader(
    "mrc", title="MRC with energies", patterns=("*.mrc", "*.mrcs", "*.st", "*.rec"), why_not_readable=why_not_readable
)
def read(path: Path, energies: Any = None) -> RawStack:
    """Read the sections as frames (E, Y, X).

    Raises
    ------
    OSError
        If the file is cut short.
    ValueError
        If it holds no real numbers, or there is another number of energies than of sections.
    """
    header = _header(starts_with(path, _HEADER_BYTES))
    values, metadata, notes = given_or_sidecar_energies(path, header.shape[0], energies)
    data = native_array(path, header.dtype, header.shape, header.offset)
    quantity, metadata["quantity_source"] = guess_quantity(data)
    return RawStack(data, values, quantity, header.pixel_size, metadata, notes=notes)


def _header(content: bytes) -> _Header:
    if len(content) < _HEADER_BYTES:
        raise OSError("its header is cut short; copy it again")
    # The machine stamp is 0x11 0x11 where the writer was big-endian; where it is wrong the order of the axes tells.
    order = ">" if content[212] == 0x11 else "<"
    if not _standard(content, order) and _standard(content, "<>"[order == "<"]):
        order = "<>"[order == "<"]
    nx, ny, nz, mode = struct.unpack_from(f"{order}4i", content)
    if min(nx, ny, nz) < 1:
        raise ValueError(f"its header names images of {nx} x {ny} x {nz} pixels: damaged; copy it again")
    if mode not in _MODES:
        raise ValueError(
            f"its mode {mode} is none of real numbers ({', '.join(map(str, _MODES))}); "
            "convert it, in IMOD with newstack -mode 2"
        )
    if not _standard(content, order):
        raise ValueError(
            "unsupported axis order: its columns, rows and sections are not x, y and z; "
            "turn it, in IMOD with clip or newstack"
        )
    kind = _MODES[mode]
    (stamp, flags) = struct.unpack_from(f"{order}2i", content, 152)
    if mode == 0 and stamp == _IMOD and not flags & 1:
        kind = "u1"
    (extended,) = struct.unpack_from(f"{order}i", content, 92)
    if extended < 0:
        raise ValueError(f"its extended header has {extended} bytes: damaged; copy it again")
    grid = struct.unpack_from(f"{order}2i", content, 28)
    cell = struct.unpack_from(f"{order}2f", content, 40)
    sizes = [
        round(length / n * 1e-4, 9) if n > 0 and np.isfinite(length) else 0.0
        for n, length in zip(grid, cell, strict=True)
    ]
    # A pixel of 1 Å is what programs write that do not know it.
    has_pixel_size = all(0 < size < 1e6 and size != 1e-4 for size in sizes)
    return _Header(
        (nz, ny, nx), np.dtype(order + kind), _HEADER_BYTES + extended, (sizes[1], sizes[0]) if has_pixel_size else None
    )


def _standard(content: bytes, order: str) -> bool:
    """Whether columns, rows and sections are x, y and z in that order of bytes; old files leave it open."""
    return struct.unpack_from(f"{order}3i", content, 64) in ((1, 2, 3), (0, 0, 0))
