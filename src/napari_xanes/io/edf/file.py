"""One EDF file of the ESRF: images one after the other, each after a header of text.

The sizes in a header are checked before any pixel is read. Compressed pixels, and pixels in other files, are not read.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from napari_xanes.io import ways_out
from napari_xanes.io.energies import to_ev
from napari_xanes.io.energy_limits import HIGHEST, LOWEST
from napari_xanes.io.files import starts_with
from napari_xanes.io.time_units import time_in_s

_FIRST_BYTES = 8192
_MOST_HEADER = 1 << 18
_MOST_FRAMES = 100_000
_BLANK = b" \t\r\n\v\f\0"
_KEYS = re.compile(rb"\b(HeaderID|EDF_DataBlockID|ByteOrder|DataType|Dim_1|Dim_2)\s*=", re.IGNORECASE)
_HEADER_END = re.compile(rb"\}\r?\n")
_INTEGER = re.compile(r"\d{1,12}", re.ASCII)
_NUMBER = re.compile(r"([+-]?\d+(?:\.\d*)?(?:[eE][+-]?\d{1,3})?)\s*([A-Za-z]*)", re.ASCII)

_TYPES = {
    "u1": ("UnsignedByte", "Unsigned8"),
    "i1": ("SignedByte", "Signed8"),
    "u2": ("UnsignedShort", "Unsigned16", "UnsignedShortInteger"),
    "i2": ("SignedShort", "Signed16"),
    "u4": ("UnsignedInteger", "UnsignedLong", "Unsigned32"),
    "i4": ("SignedInteger", "SignedLong", "Signed32"),
    "u8": ("Unsigned64",),
    "i8": ("Signed64",),
    "f4": ("FloatValue", "FLOATVALUE", "FLOAT", "Float", "FloatIEEE32", "Float32"),
    "f8": ("Double", "DoubleValue", "FloatIEEE64", "DoubleIEEE64"),
}
_DTYPES = {name: np.dtype(code) for code, names in _TYPES.items() for name in names}

_ENERGY = ("energy", "photon_energy", "nrj", "mono")
_MOST_DEGREES = 90.0
"""A motor called mono may be the angle of the monochromator: then it has no unit and no larger number."""
_EXPOSURE = ("exposure_time", "acq_expo_time", "count_time")
_GENERAL = "edf_dataformatversion"
"""Entry of a header without an image: its entries hold for all images that lack them (since format 2)."""
_BLOCK = "edf_datablockid"
"""Entry that says what a block holds, such as ``1.Image.Psd`` for an image or ``1.Image.Error`` for its errors."""
_LISTS = ("counter_mne", "counter_pos", "motor_mne", "motor_pos")
_OWN_SIZES = ("size", "edf_binarysize")
"""Entries that hold for their own block alone, also those of a general block."""

_LAYOUT = ("edf_binaryfilename", "compression", "datatype", "byteorder", "datavalueoffset")
_KEPT = {
    *_ENERGY,
    *_EXPOSURE,
    *_LISTS,
    *_OWN_SIZES,
    *_LAYOUT,
    "nb_frames",
    "roi",
    _GENERAL,
    _BLOCK,
    *(f"dim_{axis}" for axis in range(1, 10)),
}


@dataclass(frozen=True)
class Frame:
    """The place of one complete image in a file.

    Parameters
    ----------
    path : Path
        The file.
    start : int
        The byte where its pixels begin.
    shape : tuple of int
        (Y, X).
    stored : numpy dtype
        Of the pixels, in the byte order of the file.
    header : mapping
        Values by their names in lower case; only the names that readers use.
    """

    path: Path
    start: int
    shape: tuple[int, int]
    stored: np.dtype[Any]
    header: Mapping[str, str]

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of the pixels, in native byte order."""
        return self.stored.newbyteorder("=")


def why_not_edf(path: Path) -> str | None:
    """Return why the file is not an EDF file; None if it is.

    Raises
    ------
    OSError
        If it can't be read.
    """
    first = starts_with(path, _FIRST_BYTES).lstrip(_BLANK)
    if not first.startswith(b"{"):
        return "not an EDF file, which begins with {"
    header = _HEADER_END.split(first)[0]
    if _GENERAL.encode() not in header.lower() and len({key.lower() for key in _KEYS.findall(header)}) < 3:
        return "not an EDF file, its header names neither Dim_1 nor DataType nor ByteOrder"
    return None


def read_frames(path: Path) -> tuple[list[Frame], bool]:
    """Return the complete images of a file, and whether an incomplete one follows them; no pixel is read.

    Raises
    ------
    OSError
        If the file can't be read.
    ValueError
        If the first header is not understood: unknown types, sizes that are no numbers, compressed or external data.
    """
    frames: list[Frame] = []
    common: dict[str, str] = {}
    size = path.stat().st_size
    with path.open("rb") as file:
        start = 0
        while start < size and len(frames) < _MOST_FRAMES:
            file.seek(start)
            try:
                header, data = _header(file, path)
                if header is None:
                    break
                if _GENERAL in header:
                    common = {name: value for name, value in header.items() if name not in (_GENERAL, *_OWN_SIZES)}
                    start = data + _general_size(header)
                    continue
                header = common | header
                shape, dtype, stored = _layout(header, path)
            except ValueError:
                if frames:
                    return frames, True
                raise
            if data + shape[0] * shape[1] * dtype.itemsize > size:
                return frames, True
            if not _holds_errors(header):
                frames.append(Frame(path, data, shape, dtype, header))
            start = data + stored
    return frames, len(frames) == _MOST_FRAMES


def _general_size(header: Mapping[str, str]) -> int:
    """Bytes behind the header of a general block; mostly none."""
    match = _INTEGER.fullmatch(header.get("edf_binarysize", ""))
    return int(match[0]) if match else 0


def _holds_errors(header: Mapping[str, str]) -> bool:
    """Whether a block holds the errors of an image, as the third word of its name says."""
    return header.get(_BLOCK, "").lower().split(".")[2:3] == ["error"]


def read_image(frame: Frame) -> NDArray[Any]:
    """Read the pixels (Y, X) of one image.

    Raises
    ------
    OSError
        If the file has been cut short since its header was read.
    """
    count = frame.shape[0] * frame.shape[1]
    with frame.path.open("rb") as file:
        file.seek(frame.start)
        pixels = np.fromfile(file, frame.stored, count)
    if pixels.size != count:
        raise OSError(f"{frame.path.name}: cut short since its header was read; copy it again")
    return pixels.reshape(frame.shape).astype(frame.dtype, copy=False)


def energy_in_header(header: Mapping[str, str]) -> tuple[float, str, str] | None:
    """Return the photon energy of a header in eV, the name of its entry, and how its unit was known.

    It is an entry of its own, or in the lists of counters and motors (``counter_mne``, ``motor_mne``) of SPEC. None if
    there is none.

    Examples
    --------
    >>> energy_in_header({"energy": "7.112 keV"})
    (7112.0, 'energy', 'keV')
    >>> energy_in_header({"motor_mne": "sz nrj", "motor_pos": "1 7.1125"})
    (7112.5, 'motor nrj', 'keV (guessed: below 100)')
    """
    entries = {name: header[name] for name in _ENERGY if name in header}
    for kind in ("counter", "motor"):
        names, values = (header.get(f"{kind}_{part}", "").split() for part in ("mne", "pos"))
        if len(names) == len(values):
            by_name = {name.lower(): value for name, value in zip(names, values, strict=True)}
            entries |= {f"{kind} {name}": by_name[name] for name in _ENERGY if name in by_name}
    for source, text in entries.items():
        if match := _NUMBER.fullmatch(text):
            (energy,), unit = to_ev([float(match[1])], match[2])
            is_angle = source.endswith("mono") and not match[2] and abs(float(match[1])) <= _MOST_DEGREES
            if LOWEST <= energy <= HIGHEST and not is_angle:
                return float(energy), source, unit
    return None


def exposure_in_header(header: Mapping[str, str]) -> float:
    """Return the exposure of one camera frame in s, 0 if it is not known."""
    match = next((_NUMBER.fullmatch(header[name]) for name in _EXPOSURE if name in header), None)
    value = float(match[1]) * (time_in_s(match[2]) or 0.0) if match else 0.0
    return value if 1e-9 < value < 1e6 else 0.0


def n_summed_in_header(header: Mapping[str, str]) -> int:
    """Return the number of camera frames that were summed in the image, 1 if the header does not tell it."""
    match = _INTEGER.fullmatch(header.get("nb_frames", ""))
    return int(match[0]) if match and 0 < int(match[0]) < 1e6 else 1


def _header(file: BinaryIO, path: Path) -> tuple[dict[str, str] | None, int]:
    """Read the header that begins here, and the byte where its image begins; None if only blanks follow."""
    start = file.tell()
    block = file.read(_FIRST_BYTES)
    begin = len(block) - len(block.lstrip(_BLANK))
    if begin == len(block):
        return None, start
    if block[begin : begin + 1] != b"{" or begin >= 512:
        raise ValueError(f"{path.name}: no EDF header at byte {start}; {ways_out.COPY}")
    while (end := _HEADER_END.search(block, begin)) is None:
        next_block = file.read(_FIRST_BYTES)
        if not next_block or len(block) > _MOST_HEADER:
            raise ValueError(
                f"{path.name}: the EDF header at byte {start} has no end: damaged or cut short; copy it again"
            )
        block += next_block
    header = {}
    for line in block[begin + 1 : end.start()].split(b";"):
        key, _, value = line.partition(b"=")
        name = key.strip(_BLANK).decode("latin-1").lower()
        if name in _KEPT:
            header[name] = value.strip(_BLANK).decode("latin-1")
    return header, start + end.end()


def _layout(header: Mapping[str, str], path: Path) -> tuple[tuple[int, int], np.dtype[Any], int]:
    """Return shape (Y, X) and type of the image after a header, and the number of bytes up to the next header."""
    if header.get("compression", "none").lower()[:2] != "no":
        raise ValueError(f"{path.name}: compressed with {header['compression']}; save it uncompressed")
    if "edf_binaryfilename" in header:
        raise ValueError(
            f"{path.name}: its pixels are in the file {header['edf_binaryfilename']!r}; save them in one file"
        )
    if any(name.startswith("dim_") and name not in ("dim_1", "dim_2") and header[name] != "1" for name in header):
        raise ValueError(f"{path.name}: more than two axes in one EDF image; save one image per energy")
    if header.get("datavalueoffset", "0").strip("+-0.") != "":
        raise ValueError(f"{path.name}: its pixels need DataValueOffset = {header['datavalueoffset']}; save the values")
    columns, rows = (_size(header, name, path) for name in ("dim_1", "dim_2"))
    dtype = _DTYPES.get(header.get("datatype", ""))
    if dtype is None:
        raise ValueError(f"{path.name}: DataType {header.get('datatype')!r} is not known; {ways_out.SAVE_AS}")
    order = header.get("byteorder", "").lower()
    if order not in ("lowbytefirst", "highbytefirst"):
        raise ValueError(
            f"{path.name}: ByteOrder {header.get('byteorder')!r} is neither LowByteFirst nor HighByteFirst"
        )
    needed = rows * columns * dtype.itemsize
    stored = next((_size(header, name, path) for name in _OWN_SIZES if name in header), needed)
    if stored < needed:
        raise ValueError(f"{path.name}: {columns} x {rows} pixels need {needed} bytes, the header promises {stored}")
    return (rows, columns), dtype.newbyteorder("<" if order == "lowbytefirst" else ">"), stored


def _size(header: Mapping[str, str], name: str, path: Path) -> int:
    match = _INTEGER.fullmatch(header.get(name, ""))
    if not match or not int(match[0]):
        raise ValueError(
            f"{path.name}: {name} in its header is {header.get(name)!r}, it should be a number above 0; {ways_out.COPY}"
        )
    return int(match[0])
