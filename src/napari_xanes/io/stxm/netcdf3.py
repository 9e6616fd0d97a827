"""The header of netCDF-3 files (classic and 64-bit offset): dimensions, global attributes, places of variables.

SciPy's reader sets the attributes of a file on its own object, and reads every variable at once, however large a
damaged header says it is. This module reads only the header.
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
    """Dimensions, attributes and variables of a file.

    Parameters
    ----------
    dimensions : mapping
        Lengths by their names; 0 for the dimension of records.
    attributes : mapping
        Global attributes by their names: arrays (N,), of single characters if they are text.
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
    """Read the header of a file; no variable is read.

    Raises
    ------
    OSError
        If the file can't be read, or ends within its header.
    ValueError
        If it is not a netCDF-3 file, or damaged.
    """
    with path.open("rb") as file:
        content = file.read(_MOST_HEADER)
    if not is_netcdf3(content):
        raise ValueError(f"{path.name}: not a netCDF-3 file; convert it, with nccopy -k classic")
    cursor = _Cursor(content, path)
    cursor.take(8)  # magic and number of records
    dimensions = [(cursor.name(), cursor.number()) for _ in range(cursor.count(_DIMENSION))]
    attributes = _attributes(cursor)
    variables: dict[str, Variable] = {}
    for _ in range(cursor.count(_VARIABLE)):
        name = cursor.name()
        axes = [cursor.number() for _ in range(cursor.number())]
        if any(i >= len(dimensions) for i in axes):
            raise ValueError(
                f"{path.name}: damaged, {name!r} has dimension {max(axes)} of {len(dimensions)}; copy it again"
            )
        _attributes(cursor)
        dtype = cursor.dtype()
        cursor.number(signed=False)  # the size of the variable, which follows from the rest
        begin = cursor.number() if content[3] == 1 else cursor.long()
        names, shape = tuple(dimensions[i][0] for i in axes), tuple(dimensions[i][1] for i in axes)
        variables[name] = Variable(names, shape, dtype, begin)
    return Header(dict(dimensions), attributes, variables)


def _attributes(cursor: _Cursor) -> dict[str, NDArray[Any]]:
    return {cursor.name(): cursor.values() for _ in range(cursor.count(_ATTRIBUTE))}


class _Cursor:
    """A place in a header, which moves on with each value that is read, and never beyond the end."""

    def __init__(self, content: bytes, path: Path) -> None:
        self._content, self._path, self._position = content, path, 0

    def take(self, n_bytes: int) -> bytes:
        """Read the next bytes; the value after them begins at a multiple of 4."""
        start, self._position = self._position, self._position + n_bytes + -n_bytes % 4
        if self._position > len(self._content):
            raise OSError(f"{self._path.name}: ends within its header, it is damaged or cut short; copy it again")
        return self._content[start : start + n_bytes]

    def number(self, *, signed: bool = True) -> int:
        """Read a whole number of 4 bytes, 0 or more."""
        value = int.from_bytes(self.take(4), "big", signed=signed)
        if value < 0:
            raise ValueError(f"{self._path.name}: damaged, a negative number in its header; copy it again")
        return value

    def long(self) -> int:
        """Read a whole number of 8 bytes."""
        return int(struct.unpack(">Q", self.take(8))[0])

    def count(self, tag: int) -> int:
        """Read the number of items in a list of this kind."""
        kind, n_items = self.number(), self.number()
        if kind != tag and (kind, n_items) != (0, 0):
            raise ValueError(
                f"{self._path.name}: damaged, a list of kind {kind} in its header instead of {tag}; copy it again"
            )
        return n_items

    def name(self) -> str:
        """Read a name."""
        return self.take(self.number()).decode("latin-1")

    def dtype(self) -> np.dtype[Any]:
        """Read the type of the values that follow."""
        code = self.number()
        if code not in _DTYPES:
            raise ValueError(f"{self._path.name}: damaged, values of the unknown type {code}; copy it again")
        return np.dtype(_DTYPES[code])

    def values(self) -> NDArray[Any]:
        """Read the values of an attribute (N,)."""
        dtype = self.dtype()
        return np.frombuffer(self.take(self.number() * dtype.itemsize), dtype)
