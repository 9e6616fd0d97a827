"""The header of netCDF-3 files (classic and 64-bit offset): dimensions, global attributes and where variables lie.

SciPy's reader sets attributes of a file on its own object and reads every variable at once, whatever a damaged header
promises; this one reads nothing but the header.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

_MOST_HEADER = 1 << 20
_MAGIC = (b"CDF\x01", b"CDF\x02")
_DTYPES = {1: "i1", 2: "S1", 3: ">i2", 4: ">i4", 5: ">f4", 6: ">f8"}
_DIMENSION, _VARIABLE, _ATTRIBUTE = 10, 11, 12


@dataclass(frozen=True)
class Variable:
    """Where an array lies in the file: its named dimensions, shape, big-endian type and first byte."""

    dimensions: tuple[str, ...]
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    begin: int


@dataclass(frozen=True)
class Header:
    """What a file holds.

    Parameters
    ----------
    dimensions : mapping
        Lengths by their names, 0 for that of records.
    attributes : mapping
        Global attributes: arrays (N,), of single characters where they are text.
    variables : mapping
        Arrays by their names.
    """

    dimensions: Mapping[str, int]
    attributes: Mapping[str, NDArray[Any]]
    variables: Mapping[str, Variable]


def is_netcdf3(first: bytes) -> bool:
    """Whether a file with these first bytes is a netCDF-3 file."""
    return first[:4] in _MAGIC


def header(path: Path) -> Header:
    """The header of a file; no variable is read.

    Raises
    ------
    OSError
        If the file can't be read, or ends within its header.
    ValueError
        If it is no netCDF-3 file, or damaged.
    """
    with path.open("rb") as file:
        content = file.read(_MOST_HEADER)
    if not is_netcdf3(content):
        raise ValueError(f"{path.name}: not a netCDF-3 file")
    cursor = _Cursor(content, path)
    cursor.take(8)  # magic and number of records
    dimensions = [(cursor.name(), cursor.number()) for _ in range(cursor.count(_DIMENSION))]
    attributes = _attributes(cursor)
    variables: dict[str, Variable] = {}
    for _ in range(cursor.count(_VARIABLE)):
        name = cursor.name()
        at = [cursor.number() for _ in range(cursor.number())]
        if any(i >= len(dimensions) for i in at):
            raise ValueError(f"{path.name}: damaged, {name!r} has a dimension that is none")
        _attributes(cursor)
        dtype = cursor.dtype()
        cursor.number(signed=False)  # the size of the variable, which follows from the rest
        begin = cursor.number() if content[3] == 1 else cursor.long()
        names, shape = tuple(dimensions[i][0] for i in at), tuple(dimensions[i][1] for i in at)
        variables[name] = Variable(names, shape, dtype, begin)
    return Header(dict(dimensions), attributes, variables)


def _attributes(cursor: _Cursor) -> dict[str, NDArray[Any]]:
    return {cursor.name(): cursor.values() for _ in range(cursor.count(_ATTRIBUTE))}


class _Cursor:
    """Reads a header from its first byte to its last, and never beyond."""

    def __init__(self, content: bytes, path: Path) -> None:
        self._content, self._path, self._at = content, path, 0

    def take(self, n_bytes: int) -> bytes:
        """The next bytes; what follows begins at a multiple of 4."""
        start, self._at = self._at, self._at + n_bytes + -n_bytes % 4
        if self._at > len(self._content):
            raise OSError(f"{self._path.name}: ends within its header, it is damaged or cut short")
        return self._content[start : start + n_bytes]

    def number(self, *, signed: bool = True) -> int:
        """A whole number, 0 or more."""
        value = int.from_bytes(self.take(4), "big", signed=signed)
        if value < 0:
            raise ValueError(f"{self._path.name}: damaged, a negative number in its header")
        return value

    def long(self) -> int:
        """A whole number of 8 bytes."""
        return int(struct.unpack(">Q", self.take(8))[0])

    def count(self, tag: int) -> int:
        """How many items a list of this kind has."""
        found, items = self.number(), self.number()
        if found != tag and (found, items) != (0, 0):
            raise ValueError(f"{self._path.name}: damaged, a list of another kind in its header")
        return items

    def name(self) -> str:
        """A name."""
        return self.take(self.number()).decode("latin-1")

    def dtype(self) -> np.dtype[Any]:
        """The type of some values."""
        code = self.number()
        if code not in _DTYPES:
            raise ValueError(f"{self._path.name}: damaged, values of the unknown type {code}")
        return np.dtype(_DTYPES[code])

    def values(self) -> NDArray[Any]:
        """The values of an attribute (N,)."""
        dtype = self.dtype()
        return np.frombuffer(self.take(self.number() * dtype.itemsize), dtype)
