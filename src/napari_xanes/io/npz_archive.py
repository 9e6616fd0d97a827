"""Files of NumPy arrays, looked at before anything is loaded or unpacked."""

from __future__ import annotations

import zipfile
from collections.abc import Collection
from math import prod
from pathlib import Path
from tokenize import TokenError
from typing import Any

import numpy as np

from napari_xanes.io import allocation_limits
from napari_xanes.io.array_notes import MOST_ARRAYS, NUMBERS, FoundArray, note_file, note_read

HEADER_ERRORS = (EOFError, SyntaxError, TypeError, OverflowError, TokenError)
"""Errors that NumPy raises for a damaged header, which is the text of a Python mapping."""

_HEADER_2 = np.lib.format.read_array_header_2_0


def mapped_array(path: Path) -> Any:
    """Map the array of an ``.npy`` file without loading it: NumPy checks first that the file is long enough.

    Raises
    ------
    OSError
        If the file is damaged.
    """
    try:
        return np.load(path, mmap_mode="r", allow_pickle=False)
    except HEADER_ERRORS as error:
        raise OSError(f"{path}: damaged or cut short; copy it again ({error})") from None


def check_archive(path: Path, wanted: Collection[str] | None = None) -> dict[str, tuple[int, ...]]:
    """Refuse an archive that unpacks to too much, or whose arrays claim more than the packed bytes.

    NumPy allocates an array before it reads it.

    Parameters
    ----------
    path : Path
        The ``.npz`` file.
    wanted : collection of str, optional
        Names of the arrays that will be read, with ``.npy``; all by default.

    Returns
    -------
    dict
        The shape of each of these arrays.

    Raises
    ------
    zipfile.BadZipFile, OSError
        If it is damaged, or one of `HEADER_ERRORS`.
    ValueError
        If it does.
    """
    note_file(path, _arrays_in)
    shapes: dict[str, tuple[int, ...]] = {}
    with zipfile.ZipFile(path) as archive:
        items = [item for item in archive.infolist() if wanted is None or item.filename in wanted]
        unpacked = sum(item.file_size for item in items)
        if unpacked > allocation_limits.memory_allowance(size := path.stat().st_size):
            raise ValueError(
                f"it unpacks to {unpacked >> 20} MB, too much for its {size >> 10} kB; save it with numpy.savez, which "
                "does not compress"
            )
        for item in items:
            shape, dtype = _header(archive, item)
            if prod(shape) * dtype.itemsize > item.file_size:
                raise ValueError(
                    f"{item.filename} promises {dtype} of shape {shape}, more than is packed in it; "
                    "save it again with numpy.savez"
                )
            shapes[item.filename] = shape
            if dtype.kind in NUMBERS:
                note_read(path, _found(item, shape, dtype))
    return shapes


def _header(archive: zipfile.ZipFile, item: zipfile.ZipInfo) -> tuple[tuple[int, ...], np.dtype[Any]]:
    """Return the shape and type of an array without unpacking it."""
    with archive.open(item) as file:
        version = np.lib.format.read_magic(file)
        header = np.lib.format.read_array_header_1_0 if version == (1, 0) else _HEADER_2
        shape, _, dtype = header(file)
    return shape, dtype


def _arrays_in(path: Path) -> list[FoundArray]:
    """List the arrays of numbers in an archive."""
    found = []
    with zipfile.ZipFile(path) as archive:
        items = [item for item in archive.infolist() if item.filename.endswith(".npy")]
        for item in items[:MOST_ARRAYS]:
            try:
                shape, dtype = _header(archive, item)
            except (*HEADER_ERRORS, OSError, ValueError, zipfile.BadZipFile):
                continue
            if dtype.kind in NUMBERS:
                found.append(_found(item, shape, dtype))
    return found


def _found(item: zipfile.ZipInfo, shape: tuple[int, ...], dtype: np.dtype[Any]) -> FoundArray:
    return FoundArray(item.filename.removesuffix(".npy"), shape, dtype.name, item.filename)
